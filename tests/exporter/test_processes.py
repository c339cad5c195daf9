"""Files read by several processes: the same sessions as here, problems told once, and a clear error where one is lost."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analytics.activity import WorkingHours
from analytics.spreading import in_turn
from exporter import file_groups
from exporter.batch_run import HERE, Spreads, read_files
from exporter.file_groups import FileGroup
from exporter.processes import BYTES_A_PROCESS, LostProcessError, in_processes, reading_spread
from exporter.rule_file import load_rule_set
from tests.exporter.cluster.sameness import differences
from tests.exporter.running import HOUR, run_command, team, thief, write_lines

ENDED = 1_790_000_000.0
SESSIONS = 40
SOON = 60.0
"""Seconds within which a process starts or ends, on a busy machine."""
NEVER_ENDING = """
from pathlib import Path
from exporter.file_groups import FileGroup
from exporter.processes import reading_spread
from tests.exporter.test_processes import tell_and_wait

list(reading_spread([FileGroup(("a",), 1)] * 2, 2)(tell_and_wait, [Path("."), Path(".")]))
"""


def killed(_item):
    os.kill(os.getpid(), signal.SIGKILL)


def tell_and_wait(folder):
    """Work that never ends."""
    (folder / str(os.getpid())).touch()
    threading.Event().wait()


def until(is_so):
    never, deadline = threading.Event(), time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < deadline
        never.wait(0.05)


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def telemetry(tmp_path):
    """Four files, a session on the border of two, one file damaged at its end."""
    records = sorted([*team(SESSIONS, ENDED), *thief(ENDED - 3 * HOUR)], key=lambda one: one["timestamp"])
    share = len(records) // 4 + 1
    for number in range(4):
        write_lines(tmp_path / "telemetry" / f"{number}.jsonl", records[number * share : (number + 1) * share])
    (tmp_path / "telemetry" / "broken.jsonl.gz").write_bytes(gzip.compress(b"")[:10] + b"\x07" * 50)
    return tmp_path / "telemetry"


@pytest.fixture
def groups(telemetry, monkeypatch):
    monkeypatch.setattr(file_groups, "GROUP_BYTES", 1)
    return file_groups.file_groups([str(telemetry)])


def read(groups, spreads):
    return read_files(groups, load_rule_set(), WorkingHours(), lambda _share: None, spreads)


def test_two_processes_read_the_same_sessions_as_one(groups):
    here, there = read(groups, HERE), read(groups, Spreads(reading_spread(groups, 2)))
    assert len(here.measured) == SESSIONS + 1
    assert sum(len(one.findings) for one in here.measured) > 0
    assert len(here.problems) == 1
    assert differences(here, there) == []


def test_what_a_process_cannot_read_is_told_once(telemetry, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(file_groups, "GROUP_BYTES", 1)
    assert run_command("train", "--input", telemetry, "--state", tmp_path / "state", "--jobs", 2) == os.EX_OK
    assert capfd.readouterr().err.count("broken.jsonl.gz") == 1


def test_little_telemetry_is_read_here():
    groups = [FileGroup(("a",), BYTES_A_PROCESS // 2), FileGroup(("b",), BYTES_A_PROCESS)]
    assert reading_spread(groups) is in_turn


def test_one_group_is_read_here_whatever_it_holds():
    assert reading_spread([FileGroup(("a",), 100 * BYTES_A_PROCESS)], 4) is in_turn


def test_one_job_is_done_here():
    assert reading_spread([FileGroup(("a",), 1), FileGroup(("b",), 1)], 1) is in_turn


def test_much_telemetry_is_read_by_processes(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    groups = [FileGroup((name,), BYTES_A_PROCESS) for name in "abc"]
    assert reading_spread(groups) is not in_turn


def test_compressed_files_count_as_what_is_in_them(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(bytes(1000))
    (tmp_path / "b.jsonl").write_bytes(bytes(1000))
    sizes = {group.paths: group.size for group in file_groups.file_groups([str(tmp_path)])}
    assert sum(sizes.values()) == 9000


def test_a_killed_process_is_an_error_that_says_what_to_do():
    with pytest.raises(LostProcessError, match="--jobs 1"):
        list(in_processes(killed, [1, 2], 2))


def test_processes_end_with_the_one_that_started_them(tmp_path):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, "-c", NEVER_ENDING], cwd=tmp_path, env=environment) as parent:
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        parent.kill()
    until(lambda: not any(is_there(int(one.name)) for one in tmp_path.iterdir()))
