"""What hooks left on this machine: one person's lines go, the others stay where they were."""

from __future__ import annotations

import json

import pytest

from exporter.hook_files import erase_in_hooks, find_in_hooks, refreshed
from exporter.sources.local import LocalSource
from exporter.state import State
from tests.builders import record
from tests.exporter.kept_bytes import holders
from tests.exporter.running import Clock, exporter_of, write_lines
from tests.exporter.two_people import NAME


def hook_line(user, number):
    return {**record("tool_call", number, user_id=user, session_id=f"{user}-1"), "event_id": f"{user}{number}"}


@pytest.fixture
def hooks(tmp_path):
    file = write_lines(tmp_path / "hooks.jsonl", [hook_line(("ana", NAME)[n % 2], n) for n in range(20)])
    spool = tmp_path / "hooks.jsonl.spool"
    spool.mkdir()
    for user in ("ana", NAME):
        (spool / f"1-{user[0]}").write_text(json.dumps(["1", json.dumps(hook_line(user, 99)), {}]))
    (spool / "2-torn").write_text('["1", "{')
    (tmp_path / "hook-errors.log").write_text(f"OSError: /home/{NAME}/x\n")
    return file


def test_hooks_lines_of_the_person_are_blanked_and_the_others_stay_where_they_were(hooks):
    before = hooks.read_bytes()
    erase_in_hooks(find_in_hooks(hooks, NAME))
    after = hooks.read_bytes()
    assert len(after) == len(before)
    assert holders(hooks.parent, NAME) == {}
    assert [line for line in after.splitlines() if line.strip()] == [
        one for one in before.splitlines() if b"ana" in one
    ]
    assert sorted(path.name for path in hooks.with_name("hooks.jsonl.spool").iterdir()) == ["1-a", "2-torn"]
    assert not find_in_hooks(hooks, NAME)


def test_blanks_around_the_name_in_a_line_are_none_of_it(tmp_path):
    file = write_lines(tmp_path / "hooks.jsonl", [hook_line(user, 1) for user in (f" {NAME}\t", "ana", 7)])
    erase_in_hooks(find_in_hooks(file, NAME))
    assert holders(tmp_path, NAME) == {}
    left = [json.loads(line)["user_id"] for line in file.read_text().splitlines() if line.strip()]
    assert left == ["ana", 7]


def test_a_source_that_follows_the_file_reads_on_where_it_was(hooks):
    def read(position):
        batches = list(LocalSource([hooks]).read(position, 0))
        return [len(batch.table) for batch in batches], batches[-1].position if batches else position

    _, position = read({})
    erase_in_hooks(find_in_hooks(hooks, NAME))
    write_lines(hooks, [hook_line("ana", 50)])
    assert read(refreshed(position, hooks))[0] == [1]
    assert read(position)[0] != [1]  # without it the file would be another one


def test_the_command_erases_hooks_files_too_and_the_exporter_reads_on(sigyn, hooks, tmp_path):
    with exporter_of(tmp_path, Clock(), sources={"local": {"paths": [str(hooks)]}}) as exporter:
        exporter.cycle()
    ended = sigyn("forget", NAME, "--state", tmp_path / "state", "--hook-file", hooks, "--yes")
    assert ended.status == 0, ended.err
    assert holders(tmp_path, NAME) == {}
    with State.open_read_only(tmp_path / "state") as state:
        assert list(LocalSource([hooks]).read(state.positions()["local"], 0)) == []
