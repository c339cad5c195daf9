"""Several exporters over one Loki: each session is one's, and what happens when they become more or fewer."""

import json
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager

import pytest
import yaml

from analytics.simulation import as_otlp
from exporter.reload_outcome import ReloadOutcome
from exporter.shards import Shard
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, thief, write_config
from tests.exporter.worlds import contents
from tests.faults.deployment import BEGIN, stamp_of
from tests.loki_standin import running_standin
from tests.loki_store import otlp_entries

DAY = 24 * HOUR
SESSIONS = 10
ENDED = BEGIN + SESSIONS * 2 * HOUR
LATER = ENDED + 3 * HOUR
"""When all sessions have been silent for longer than the time-out."""
LINES = {"service_name": "sigyn-events"}
IDS = (
    "session-1", "s2", "ü", "a/b", '"quoted"', "5F0C8A5D-9A58-4D0E-8D5F-6D6A1F6F0001",
    "5f0c8a59-9a58-4d0e-8d5f-6d6a1f6f0001", "thief--0", "thief--6", "thief--4",
)  # fmt: skip
"""0 and 6 are the first of two and the first of three; 4 is the first of two and the second of three."""
THIEVES = range(8, SESSIONS + 1)


def name_of(number):
    return IDS[number - 1]


def telemetry():
    """Sessions by number; those with even ones reach Loki as JSON lines, the others as OpenTelemetry."""
    sessions = defaultdict(list)
    for one in team(SESSIONS, ENDED):
        sessions[int(one["session_id"][1:]) + 1].append(one)
    for number in THIEVES:
        sessions[number] = thief(ENDED - 4 * HOUR)
    return {
        number: [{**one, "session_id": name_of(number), "sequence": at} for at, one in enumerate(records)]
        for number, records in sessions.items()
    }


def push(loki, now, sessions, until):
    """Hand over to Loki what has happened by then."""
    loki.now_ns = round(now * 1e9)
    for number, records in sessions.items():
        due = [one for one in records if stamp_of(one) <= until]
        sessions[number] = records[len(due) :]
        if number % 2:
            for entry in otlp_entries(as_otlp(due)):
                loki.store().add(*entry)
        else:
            for one in due:
                loki.store().add(round(stamp_of(one) * 1e9), json.dumps(one), LINES, {})
    broken = [("{cut", LINES), ("claude_code.nobody", {"service_name": "claude-code"})] if until >= ENDED else []
    for line, labels in broken:
        loki.store().add(round((ENDED - HOUR) * 1e9), line, labels, {})


@pytest.fixture
def loki():
    with running_standin(round(BEGIN * 1e9)) as standin:
        yield standin


@contextmanager
def exporters(folder, loki, clock, shards, **sections):
    """One exporter a shard, each with a state of its own that outlives the block."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                exporter_of(
                    folder / f"state-{Shard.parse(shard).number}",
                    clock,
                    shard=shard,
                    sources={"loki": {"url": loki.url, "lookback": "7d", "late": "0s"}},
                    **sections,
                )
            )
            for shard in shards
        ]


def run(running, clock, now):
    clock.now = now
    for exporter in running:
        exporter.cycle()


def merged(outcomes):
    """Sessions and counters of several exporters; a session that two know is an error."""
    sessions, counters = {}, defaultdict(Counter)
    for outcome in outcomes:
        assert not sessions.keys() & outcome["sessions"].keys()
        sessions |= outcome["sessions"]
        for metric, counts in outcome["counters"].items():
            counters[metric].update(counts)
    rounded = {name: {key: round(value, 6) for key, value in counts.items()} for name, counts in counters.items()}
    return {"sessions": sessions, "counters": rounded, "events": sum(one["events"] for one in outcomes)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one exporter makes of it all."""
    clock = Clock(LATER)
    with running_standin(round(BEGIN * 1e9)) as own:
        push(own, LATER, telemetry(), LATER)
        with exporters(tmp_path_factory.mktemp("alone"), own, clock, ["1/1"]) as running:
            run(running, clock, LATER)
            return merged([contents(running[0].world)])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_all_shards_together_know_each_session_once_and_as_one_exporter_does(tmp_path, loki, alone, count):
    clock = Clock(LATER)
    push(loki, LATER, telemetry(), LATER)
    with exporters(tmp_path, loki, clock, [f"{number}/{count}" for number in range(1, count + 1)]) as running:
        run(running, clock, LATER)
        found = merged([contents(one.world) for one in running])
        assert found["sessions"].keys() == {name_of(number) for number in range(1, SESSIONS + 1)}
        assert found == alone
        assert found["counters"]["sigyn_events_dropped_total"].values()
        infos = [sample(one, "sigyn_shard_info", shard=str(at), shards=str(count)) for at, one in enumerate(running, 1)]
        assert infos == [1.0] * count


def test_each_exporter_asks_loki_for_its_own_sessions(tmp_path, loki):
    clock = Clock(LATER)
    with exporters(tmp_path, loki, clock, ["2/3"]) as running:
        run(running, clock, LATER)
    queries = {one.params["query"] for one in loki.requests if one.path.endswith("query_range")}
    assert len(queries) == 2
    assert sum("[147adgjmpsvyADGJMPSVY]" in query for query in queries) == 1


@contextmanager
def from_two_to_three(folder, loki, middle, now, **sections):
    """Two exporters that become three at ``middle``, as they are at ``now``; and what the two knew."""
    clock, sessions = Clock(middle), telemetry()
    push(loki, middle, sessions, middle)
    with exporters(folder, loki, clock, ["1/2", "2/2"], **sections) as running:
        for exporter in running:
            exporter.herald.open(exporter.config)
        run(running, clock, middle)
        before = [contents(one.world) for one in running]
    push(loki, now, sessions, now)
    with exporters(folder, loki, clock, ["1/3", "2/3", "3/3"], **sections) as running:
        for exporter in running:
            exporter.herald.open(exporter.config)
        run(running, clock, middle + 1)
        run(running, clock, now)
        yield before, running


def findings_told(loki):
    """How often each finding was told, by session and rule."""
    told = [one for one in loki.store().entries if one.labels.get("kind") == "finding"]
    return Counter((one.metadata["session_id"], one.metadata["rule"]) for one in told)


MIDDLE = ENDED - 3.97 * HOUR
"""The thieves' sessions have begun and not ended."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """What two exporters knew when they became three while sessions ran; what the three know; what was told."""
    folder = tmp_path_factory.mktemp("grown")
    with (
        running_standin(round(BEGIN * 1e9)) as own,
        from_two_to_three(folder, own, MIDDLE, LATER) as (before, running),
    ):
        return before, [contents(one.world)["sessions"] for one in running], findings_told(own)


def test_when_there_is_one_more_every_session_is_whole_at_its_new_owner(grown, alone):
    _, known, _ = grown
    for number, sessions in enumerate(known, start=1):
        own = {name: one for name, one in alone["sessions"].items() if Shard(number, 3).has(name)}
        assert own
        assert own.items() <= sessions.items()


def test_a_session_that_moved_ends_by_the_time_out_where_it_was(grown, alone):
    before, known, _ = grown
    cut_short = set()
    for number, sessions in enumerate(known, start=1):
        for name, session in sessions.items():
            if not Shard(number, 3).has(name):
                events, is_open = session[0], session[3]
                assert Shard(number, 2).has(name)
                assert events == before[number - 1]["sessions"][name][0]
                assert not is_open
                cut_short |= {name} if events < alone["sessions"][name][0] else set()
    assert "thief--4" in cut_short


def test_a_finding_made_after_the_change_is_told_once(grown):
    _, _, told = grown
    for name in ("thief--0", "thief--6", "thief--4"):
        counts = [count for (session, _), count in told.items() if session == name]
        assert counts
        assert set(counts) == {1}


def test_what_stays_is_not_counted_again_and_what_moves_is_counted_by_both(tmp_path, loki, alone):
    def calls(counters):
        return sum(counters["sigyn_tool_calls_total"].values())

    with from_two_to_three(tmp_path, loki, LATER, LATER + HOUR) as (before, running):
        outcomes = [contents(one.world) for one in running]
        for number, (old, new) in enumerate(zip(before, outcomes, strict=False), start=1):
            came = new["sessions"].keys() - old["sessions"].keys()
            assert all(Shard(number, 3).has(name) for name in came)
            assert new["events"] - old["events"] == sum(alone["sessions"][name][0] for name in came)
        moved = sum(
            alone["sessions"][name][0]
            for number, old in enumerate(before, start=1)
            for name in old["sessions"]
            if not Shard(number, 3).has(name)
        )
        assert sum(one["events"] for one in outcomes) == alone["events"] + moved
        assert calls(merged_counters(outcomes)) > calls(merged_counters(before))
        told = findings_told(loki)
    times = {name: {count for (one, _), count in told.items() if one == name} for name in IDS[-3:]}
    assert times == {"thief--0": {1}, "thief--6": {1}, "thief--4": {2}}


def merged_counters(outcomes):
    counters = defaultdict(Counter)
    for outcome in outcomes:
        for metric, counts in outcome["counters"].items():
            counters[metric].update(counts)
    return counters


def test_ended_sessions_whose_events_are_gone_are_not_counted_or_judged_again(tmp_path, loki):
    much_later, clock = LATER + 2 * DAY, Clock(LATER)
    sections = {
        "sources": {"loki": {"url": loki.url, "lookback": "7d", "late": "0s"}},
        "state": {"directory": str(tmp_path / "state"), "keep_events": "1d"},
        "training": {"minimum_sessions": 3},
    }
    push(loki, LATER, telemetry(), LATER)
    with exporter_of(tmp_path, clock, shard="1/2", **sections) as exporter:
        run([exporter], clock, LATER)
        assert exporter.training()
        run([exporter], clock, LATER)
        run([exporter], clock, much_later)
        before = contents(exporter.world)
        assert before["events"] == 0
        assert all(one[-1][0] == "scored" for one in before["sessions"].values())
    with exporter_of(tmp_path, clock, shard="1/3", **sections) as exporter:
        run([exporter], clock, much_later + HOUR)
        after = contents(exporter.world)
        assert before["sessions"].items() <= after["sessions"].items()
        came = after["sessions"].keys() - before["sessions"].keys()
        assert came
        read, known = (sum(one["counters"]["sigyn_events_read_total"].values()) for one in (after, before))
        assert read - known == sum(after["sessions"][name][0] for name in came)


def test_a_reload_with_another_shard_reads_what_comes_and_says_whose_it_is(tmp_path, loki):
    clock = Clock(LATER)
    push(loki, LATER, telemetry(), LATER)
    sources = {"loki": {"url": loki.url, "lookback": "7d", "late": "0s"}}
    config_file = write_config(tmp_path, shard="1/2", sources=sources)
    with exporter_of(tmp_path, clock, config_file, shard="1/2", sources=sources) as exporter:
        run([exporter], clock, LATER)
        config_file.write_text(yaml.safe_dump({**yaml.safe_load(config_file.read_text()), "shard": "1/3"}))
        assert exporter.reload() == ReloadOutcome()
        run([exporter], clock, LATER + 60)
        assert sample(exporter, "sigyn_shard_info", shard="1", shards="3") == 1
        assert sample(exporter, "sigyn_shard_info", shard="1", shards="2") is None
        own = {name_of(number) for number in range(1, SESSIONS + 1) if Shard(1, 3).has(name_of(number))}
        assert own <= exporter.world.verdicts.keys()
