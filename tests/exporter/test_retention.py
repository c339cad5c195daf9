"""Retention: what is older than it is gone from every file, also from what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.findings import Finding
from exporter.pipeline import restore, run_cycle
from exporter.state import Announcement, HumanVerdict
from exporter.world import DAY_NS, CycleSettings
from tests.builders import START, record
from tests.exporter.kept_bytes import holders
from tests.exporter.worlds import Lines, open_world

START_NS = int(START.timestamp()) * 1_000_000_000
DAY = 86_400.0
SETTINGS = CycleSettings(keep_events_ns=2 * DAY_NS, retention_ns=10 * DAY_NS)
OLD = "zebedee"
"""Stands in everything of the session that grows old: its id, user, project, tool, note."""


def session(name, day, **who):
    given = {"session_id": name, "agent": "claude-code", **who}
    start = day * DAY
    return [
        record("user_prompt", start, prompt_length=20, **given),
        *[record("tool_result", start + k, tool_name=f"mcp__{name}", success=True, **given) for k in range(1, 6)],
        record("api_request", start + 9, cost_usd=0.5, success=True, **given),
    ]


OLD_ONE = session(f"{OLD}-1", 0, user_id=OLD, project=f"/srv/{OLD}")
YOUNG_ONE = session("young-1", 5, user_id="ana", project="/srv/shop")


def run_until(world, *days):
    for day in days:
        run_cycle(world, START_NS + int(day * DAY_NS))


@pytest.fixture
def world(tmp_path):
    """A state in which the old session has everything that a session can have, five days after it began."""
    lines = Lines(OLD_ONE)
    made = open_world(tmp_path, lines, settings=SETTINGS)
    run_until(made, 0.01, 0.2)
    lines.records += YOUNG_ONE
    run_until(made, 5.01, 5.5)
    with made.state.begin() as transaction:
        transaction.put_human_verdict(f"{OLD}-1", HumanVerdict("benign", f"as {OLD} does", 1.0, OLD))
        transaction.queue_announcements(
            [Announcement("finding", START_NS + n, f'{{"user": "{OLD}"}}', {"session_id": f"{OLD}-1"}) for n in (1, 2)]
            + [Announcement("session", START_NS + 6 * DAY_NS, "{}", {"session_id": "young-1"})]
        )
        known = made.state.session(f"{OLD}-1")
        finding = Finding(known.session_id, "some-rule", "medium", 1, START_NS, START_NS)
        transaction.put_sessions([replace(known, verdict=replace(known.verdict, findings=(finding,)))])
    restore(made, START_NS + 6 * DAY_NS)
    yield made
    made.state.close()


def count_of(world, session_id):
    return {name: count for name, count in world.state.count_rows([session_id]).items() if count}


def test_before_its_time_everything_is_there(world, tmp_path):
    assert count_of(world, f"{OLD}-1").keys() >= {"traces", "human_verdicts"}
    assert ("claude-code", OLD) in world.marks.leniency.rules
    assert len(world.state.queued_announcements(10)) == 3
    assert (OLD, f"/srv/{OLD}") in world.state.counters()["sigyn_cost_usd_total"]
    assert holders(tmp_path, OLD)


def test_after_the_retention_no_file_of_the_running_exporter_holds_any_of_it(world, tmp_path):
    run_until(world, 10.1)
    assert count_of(world, f"{OLD}-1") == {}
    remaining = holders(tmp_path, OLD)
    # What is only counted by tool has no person in it and stays: tool names are not personal.
    assert remaining.keys() <= {OLD}
    counted = {
        metric for metric, counts in world.state.counters().items() if any(OLD in "".join(one) for one in counts)
    }
    assert counted == {"sigyn_tool_calls_total"}
    with world.state.begin() as transaction:
        transaction.remove_counts("sigyn_tool_calls_total", [(f"mcp__{OLD}-1", "success")])
    world.state.wipe()
    assert holders(tmp_path, OLD) == {}


def test_the_younger_session_keeps_everything(world):
    before = count_of(world, "young-1"), repr(world.state.session("young-1").verdict)
    run_until(world, 10.1)
    assert (count_of(world, "young-1"), repr(world.state.session("young-1").verdict)) == before
    assert ("ana", "/srv/shop") in world.state.counters()["sigyn_cost_usd_total"]
    assert [line.metadata["session_id"] for line in world.state.queued_announcements(10).values()] == ["young-1"]


def test_what_a_person_called_benign_weighs_in_full_again_once_it_is_gone(world):
    assert world.marks.leniency.rules
    run_until(world, 10.1)
    assert not world.marks.leniency.rules
    assert not world.marks.leniency.examples
    assert not world.marks.benign_since_ns


def test_a_session_that_grew_too_old_while_nobody_ran_goes_at_the_first_cycle(world, tmp_path):
    world.state.close()
    again = open_world(tmp_path, settings=SETTINGS, now_ns=START_NS + 12 * DAY_NS)
    assert f"{OLD}-1" not in again.verdicts
    run_until(again, 12)
    assert again.state.session(f"{OLD}-1") is None
    assert count_of(again, f"{OLD}-1") == {}
    assert again.state.session("young-1") is not None
    assert again.state.counters()["sigyn_cost_usd_total"].keys() == {("ana", "/srv/shop")}
    again.state.close()


def test_a_user_who_goes_on_keeps_the_costs_of_projects_and_loses_that_of_the_one_that_is_gone(tmp_path):
    lines = Lines(session("s1", 0, user_id="ana", project="/srv/old"))
    world = open_world(tmp_path, lines, settings=SETTINGS)
    run_until(world, 0.01)
    lines.records += session("s2", 5, user_id="ana", project="/srv/new")
    lines.records += session("s2", 5.001, user_id="ana", project="/srv/visited")
    run_until(world, 5.5, 10.1)
    assert world.state.counters()["sigyn_cost_usd_total"].keys() == {("ana", "/srv/new"), ("ana", "/srv/visited")}
    world.state.close()


def test_events_are_gone_from_the_files_once_their_time_is_over(tmp_path):
    """Of a session too short to judge, which is final once it ends."""
    prompts = [record("user_prompt", k, user_id="ana", prompt_length=20 + k * k) for k in range(40)]
    world = open_world(tmp_path, Lines(prompts), settings=SETTINGS)
    run_until(world, 0.01)
    with world.state._database.reading() as connection:
        (payload,) = [row[0] for row in connection.exec_driver_sql("SELECT payload FROM sigyn_event_chunks")]
    middle = bytes(payload[20:100])

    def is_anywhere():
        return any(middle in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert is_anywhere()
    run_until(world, 0.2, 2.5)
    assert not is_anywhere()
    world.state.close()


def test_while_somebody_reads_the_log_is_emptied_later_and_nobody_waits(world, tmp_path):
    with world.state._database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sigyn_sessions").scalar_one()
        run_until(world, 10.1)
        assert holders(tmp_path, OLD)
    run_until(world, 10.1 + 1 / 24)
    names = [name for name in holders(tmp_path, OLD)[OLD] if name.endswith("-wal")]
    assert names == []
