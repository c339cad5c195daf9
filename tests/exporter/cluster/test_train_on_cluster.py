"""Training on a Dask cluster: the same sessions, features and models as here, to the last bit; and clear errors."""

import gzip
import json
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from analytics.activity import WorkingHours
from analytics.registry import load_analyses
from analytics.spreading import in_turn
from exporter import batch_run, file_groups
from exporter.batch_run import Spreads, history_of, read_files
from exporter.cluster.errors import ClusterError
from exporter.model_store import ModelStore
from exporter.rule_file import load_rule_set
from exporter.state import State
from exporter.training import Shelf, fit_models, load_models
from exporter.world import EnabledAnalysis, Models
from tests.exporter.cluster.sameness import differences
from tests.exporter.running import HOUR, run_command, team, thief, write_lines
from tests.loki_server import free_port

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")

from exporter.cluster import workers  # noqa: E402 - only where Dask is installed
from exporter.cluster.workers import connected  # noqa: E402 - as above

ENDED = 1_790_000_000.0
RULES = load_rule_set([], ())
SESSIONS = 60
"""More than training needs; each user's own habits are learnt as well."""
FEWEST = 30
"""Just what training needs."""


@contextmanager
def cluster(*, count=2, processes=False):
    """A scheduler with workers on this machine; each has one thread."""
    with distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=processes, dashboard_address=None, host="127.0.0.1",
        protocol="tcp", silence_logs=50,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def telemetry(tmp_path):
    """The sessions of a team and a thief's."""
    return written(tmp_path / "telemetry", SESSIONS)


def written(folder, sessions):
    """Sessions over several files of several kinds; one is damaged, and some sessions go on in the next file."""
    records = sorted([*team(sessions, ENDED), *thief(ENDED - 3 * HOUR)], key=lambda one: one["timestamp"])
    share = len(records) // 5
    for number in range(5):
        part = records[number * share : (number + 1) * share + 30]  # the last ones come again in the next file
        part = [{**one, "sequence": at} for at, one in enumerate(part, start=number * share)]
        if number == 2:
            (folder / "c.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in part).encode()))
        else:
            write_lines(folder / f"{'abcde'[number]}.jsonl", part)
    (folder / "broken.jsonl.gz").write_bytes(gzip.compress(b"")[:10] + b"\x07" * 50)
    with (folder / "a.jsonl").open("a") as file:
        file.write('no json\n{"event": "x"}\n')
    return folder


@pytest.fixture
def small_pieces(monkeypatch):
    """Groups and blocks so small that there are many."""
    monkeypatch.setattr(file_groups, "GROUP_BYTES", 1)
    monkeypatch.setattr(batch_run, "BLOCK", 7)


def enabled(**risk_settings):
    return tuple(
        EnabledAnalysis(
            one,
            replace(one.settings(), minimum_sessions=FEWEST, **risk_settings) if one.name == "risk" else one.settings(),
        )
        for one in load_analyses()
    )


def read(folder, spread=in_turn):
    groups = file_groups.file_groups([str(folder)])
    return read_files(groups, RULES, WorkingHours(), lambda _share: None, Spreads(spread, spread))


def assert_same_work(folder, scheduler_address, sessions=SESSIONS, **risk_settings):
    """Inputs, history and models made on the workers are those made here."""
    here = read(folder)
    models_here = fit_models(history_of(here), enabled(**risk_settings), Models())
    with connected(scheduler_address) as there_are:
        there = read(folder, spread=there_are.spread)
        models_there = fit_models(history_of(there), there_are.spread_out(enabled(**risk_settings)), Models())
    assert len(here.measured) == sessions + 1
    assert here.dropped["duplicate"] > 50
    assert here.dropped["bad_json"] == 1
    assert sum(len(one.findings) for one in here.measured) > 0
    assert len(here.problems) == 1
    assert differences(here, there) == []
    assert set(models_here) == {"fingerprint", "risk"}
    assert differences(models_here, models_there) == []


@pytest.mark.usefixtures("small_pieces")
def test_two_workers_give_the_same_features_and_models_as_the_local_run(telemetry):
    with cluster() as running:
        assert_same_work(telemetry, running.scheduler_address)


@pytest.mark.usefixtures("small_pieces")
def test_two_worker_processes_to_which_everything_is_pickled_do_too(tmp_path):
    folder = written(tmp_path / "telemetry", FEWEST)
    with cluster(processes=True) as running:
        assert_same_work(folder, running.scheduler_address, FEWEST, trees=10)


def test_the_comparison_finds_a_single_bit():
    one = {"a": [np.array([1.0, 2.0])]}
    other = {"a": [np.array([1.0, np.nextafter(2.0, 3.0)])]}
    assert differences(one, one) == []
    assert differences(one, other) == ["['a'][0]"]


def models_of(directory):
    with State.open(directory) as state:
        return load_models(Shelf(ModelStore(directory), state), enabled()).fitted


def test_the_command_trains_and_scores_on_the_workers(telemetry, sigyn, tmp_path):
    with cluster() as running:
        for state, dask in (("here", ()), ("there", ("--dask", running.scheduler_address))):
            assert sigyn("train", "--input", telemetry, "--state", tmp_path / state, *dask).status == 0
            scored = sigyn("score", "--input", telemetry, "--state", tmp_path / state, "--format", "csv", *dask)
            assert scored.status == 0
            (tmp_path / f"{state}.csv").write_text(scored.out)
            assert "broken.jsonl.gz" in scored.err
    assert len((tmp_path / "here.csv").read_text().splitlines()) == SESSIONS + 2
    assert (tmp_path / "here.csv").read_text() == (tmp_path / "there.csv").read_text()
    here, there = models_of(tmp_path / "here"), models_of(tmp_path / "there")
    assert here
    assert differences(here, there) == []


def test_an_address_where_nobody_answers_is_one_line(telemetry, sigyn, tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.cluster.workers.CONNECT_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    ended = sigyn("train", "--input", telemetry, "--state", tmp_path / "state", "--dask", address)
    assert ended.status == 1
    (line,) = ended.lines
    assert line.startswith(f"sigyn: --dask {address}: no Dask scheduler answers there; check the address, such as")
    assert line.endswith("or start one with `dask scheduler`")


@pytest.mark.parametrize("address", ["nonsense://x", "tcp://", "localhost:notaport"])
def test_what_is_no_address_is_one_line(address, monkeypatch):
    monkeypatch.setattr("exporter.cluster.workers.CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers there; check the address"), connected(address):
        pass


def test_a_scheduler_without_workers_is_told():
    with cluster(count=0) as running:
        address = running.scheduler_address
        with (
            pytest.raises(ClusterError, match="has no workers; start some with `dask worker tcp://"),
            connected(address),
        ):
            pass


def test_workers_of_another_version_are_refused(monkeypatch):
    ours = workers._versions()
    with cluster(count=1) as running:
        # The worker is a thread of this process: what it answers was made before.
        monkeypatch.setattr(workers, "_versions", lambda: ours)
        monkeypatch.setattr(distributed.Client, "run", lambda *_: {"tcp://worker:1": {**ours, "sigyn": "0.0.1"}})
        with (
            pytest.raises(ClusterError, match=r"worker tcp://worker:1 has sigyn 0\.0\.1, not .*the same versions"),
            connected(running.scheduler_address),
        ):
            pass


def test_files_that_workers_do_not_see_are_told(telemetry, monkeypatch, sigyn, tmp_path):
    def moved(paths):
        return [replace(one, paths=("/nowhere/a.jsonl",)) for one in file_groups.file_groups(paths)]

    monkeypatch.setattr("exporter.commands.train_command.file_groups", moved)
    with cluster(count=1) as running:
        dask = ("--dask", running.scheduler_address)
        ended = sigyn("train", "--input", telemetry, "--state", tmp_path / "state", *dask)
    assert ended.status == 1
    assert "/nowhere/a.jsonl: no file" in ended.err
    assert "every worker must see the files under the same paths" in ended.err


def test_without_dask_the_extra_is_named(telemetry, monkeypatch, sigyn, tmp_path):
    for name in [one for one in sys.modules if one == "exporter.cluster.workers"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    ended = sigyn("train", "--input", telemetry, "--state", tmp_path / "state", "--dask", "tcp://127.0.0.1:1")
    assert (ended.status, ended.lines) == (
        1,
        ["sigyn: --dask needs Dask: install it with `pip install 'sigyn[cluster]'`"],
    )


def test_help_teaches_it(capsys):
    assert run_command("train", "--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "dask scheduler" in told
    assert "dask worker tcp://scheduler:8786" in told
    assert "sigyn[cluster]" in told
