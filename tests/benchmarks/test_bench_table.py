"""The table of figures and the processes that make them."""

import os
import sys

import pytest

from benchmarks import child
from benchmarks.child import ChildError, in_child
from benchmarks.table import BEGIN, END, PageError, Row, duration, rate, render, replace_marked, size, skipped

SOME_BYTES = 200_000_000


def test_a_table_shows_what_was_measured_beside_what_and_whether_the_target_is_met():
    rows = [
        Row("Fit", "2 s", "bare 1 s", "≤ 3 s", is_met=True),
        Row("Scan", "9 s", "", "≤ 3 s", is_met=False),
        skipped("Loki", "no"),
    ]
    assert render(rows).splitlines()[2:] == [
        "| Fit | 2 s | bare 1 s | ≤ 3 s | yes |",
        "| Scan | 9 s |  | ≤ 3 s | **no** |",
        "| Loki | skipped: no |  |  |  |",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (duration(0.00123), "1.23 ms"),
        (duration(0.45), "450 ms"),
        (duration(12.34), "12.3 s"),
        (size(345e6), "345 MB"),
        (size(1.5e9), "1.50 GB"),
        (rate(100_000, 2.0), "50,000 events/s"),
    ],
)
def test_numbers_read_with_their_unit(text, expected):
    assert text == expected


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    replace_marked(page, "new")
    replace_marked(page, "newer")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_a_page_without_markers_is_refused_and_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(PageError, match="missing"):
        replace_marked(page, "new")
    assert page.read_text(encoding="utf-8") == "nothing\n"


def test_peak_memory_is_that_of_the_work_and_not_of_the_process_that_started_it(tmp_path, monkeypatch):
    job = tmp_path / "planted_jobs.py"
    job.write_text(
        "import os\n\n\ndef hold(count):\n    return [os.getpid(), len(bytearray(b'x') * count)]\n\n\n"
        "def fail():\n    raise ValueError('planted')\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.getcwd())))  # noqa: PTH109 - as text
    monkeypatch.syspath_prepend(str(tmp_path))
    import planted_jobs  # noqa: PLC0415 - made by this test

    here = bytearray(b"x") * SOME_BYTES
    little, much = in_child(planted_jobs.hold, 1), in_child(planted_jobs.hold, SOME_BYTES)
    assert len(here) == SOME_BYTES
    assert little.answer[0] != os.getpid()
    assert much.answer[1] == SOME_BYTES
    assert little.peak_bytes < SOME_BYTES < much.peak_bytes
    with pytest.raises(ChildError, match="planted_jobs:fail"):
        in_child(planted_jobs.fail)
    del sys.modules["planted_jobs"]
    assert child.peak_bytes() > SOME_BYTES
