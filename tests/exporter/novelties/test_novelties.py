"""What is new is told once: across batches, restarts and kills; the first history is known."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import threading

import pytest

from analytics.familiarity import TOOL, USER
from exporter.announcements import Announcements
from exporter.forgetting import Person, erase, find
from exporter.model_store import ModelStore
from exporter.novelties.telling import COUNTED, MOST_TOLD
from exporter.pipeline import run_cycle
from exporter.state import State
from exporter.world import CycleSettings
from tests.builders import START, use
from tests.exporter.announcements.tellings import HOUR_NS, Counts, Loki
from tests.exporter.crashing import open_folder, run_cycles
from tests.exporter.running import write_lines
from tests.exporter.worlds import Lines, open_world

START_NS = int(START.timestamp()) * 1_000_000_000
CLAUDE = {"agent": "claude-code", "agent_version": "2.1"}


def after(hours):
    return START_NS + int(hours * HOUR_NS)


def told(state):
    """The lines about novelties that wait for Loki."""
    lines = [json.loads(one.line) for one in state.queued_announcements().values() if one.kind == "event"]
    return [one for one in lines if one["event"].startswith("new_")]


def announce(world):
    world.announcements = Announcements(world.state, Loki(), Counts(), {}, "http://sigyn.example")


@pytest.fixture
def world(tmp_path):
    """A world that knows ana's claude-code with one tool, from a first read that ended after an hour."""
    made = open_world(tmp_path / "state", Lines([use(0, "Read", user_id="ana", **CLAUDE)], batch=3))
    announce(made)
    run_cycle(made, after(1))
    yield made
    made.state.close()


def continued(world, *records, hours=2.0):
    world.sources[0].records += records
    return run_cycle(world, after(hours))


def test_the_first_read_tells_nothing(world):
    assert told(world.state) == []
    assert world.state.counters().get(COUNTED, {}) == {}
    assert world.familiarity.get(TOOL, ("claude-code", "Read")) is not None


def test_a_new_user_is_told_once(world):
    bob = {"user_id": "bob", "session": "s2", **CLAUDE}
    continued(world, *(use(4000 + number, "Read", **bob) for number in range(7)))
    continued(world, use(9000, "Read", **{**bob, "session": "s3"}), hours=3)
    (line,) = told(world.state)
    assert (line["event"], line["user_id"], line["session_id"]) == ("new_user", "bob", "s2")
    assert line["detail"] == "New user bob"
    assert line["time"] == "2026-03-02T10:06:40.000Z"
    assert line["url"] == "http://sigyn.example/sessions/s2"
    assert world.state.counters()[COUNTED] == {("user",): 1.0}


def test_a_new_tool_version_and_agent_are_told_with_their_names(world):
    continued(
        world,
        use(4000, "Fetch", session="s2", user_id="ana", **CLAUDE),
        use(4001, "Read", session="s3", user_id="ana", agent="claude-code", agent_version="2.2"),
        use(4002, "exec", session="s4", user_id="ana", agent="codex"),
    )
    assert [(one["event"], one["name"], one["agent"]) for one in told(world.state)] == [
        ("new_tool", "Fetch", "claude-code"),
        ("new_agent_version", "2.2", "claude-code"),
        ("new_agent", "codex", "codex"),
        ("new_tool", "exec", "codex"),
    ]
    assert told(world.state)[0]["detail"] == "New tool Fetch of claude-code, first used by ana"


def test_a_restart_tells_nothing_again(world, tmp_path):
    continued(world, use(4000, "Fetch", session="s2", user_id="bob", **CLAUDE))
    world.state.close()
    again = open_world(tmp_path / "state", world.sources[0], now_ns=after(2))
    announce(again)
    assert again.familiarity.since_ns == after(1)
    continued(again, use(9000, "Fetch", session="s3", user_id="bob", **CLAUDE), hours=3)
    assert {one["event"] for one in told(again.state)} == {"new_user", "new_tool"}
    assert len(told(again.state)) == 2
    world.state = again.state


def test_a_first_read_that_fails_half_way_goes_on_silently(tmp_path):
    source = Lines([use(number, f"t{number}", user_id="ana", **CLAUDE) for number in range(6)], batch=3)
    source.fails_after = 1
    world = open_world(tmp_path, source)
    announce(world)
    assert run_cycle(world, after(0)).failed
    assert world.familiarity.since_ns is None
    source.fails_after = None
    run_cycle(world, after(1))
    assert world.familiarity.since_ns == after(1)
    assert told(world.state) == []
    world.state.close()


def test_what_could_not_be_stored_is_not_known_and_told_afterwards_once(world, monkeypatch):
    def fails(*_):
        raise KeyError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("exporter.state.transaction.Transaction.set_position", fails)
        with pytest.raises(KeyError):
            continued(world, use(4000, "Read", session="s2", user_id="bob", **CLAUDE))
    assert world.familiarity.get(USER, ("bob",)) is None
    assert told(world.state) == []
    run_cycle(world, after(2))
    assert [one["event"] for one in told(world.state)] == ["new_user"]


def test_a_flood_of_names_is_counted_and_its_first_told(world, caplog):
    world.sources[0].batch = 1000
    with caplog.at_level(logging.INFO, logger="exporter.novelties.telling"):
        continued(world, *(use(4000 + n, f"evil\n{n:03}", session="s2", user_id="ana", **CLAUDE) for n in range(100)))
    assert len(told(world.state)) == MOST_TOLD
    assert world.state.counters()[COUNTED] == {("tool",): 100.0}
    assert len(caplog.messages) == MOST_TOLD + 1
    assert not any("\n" in message for message in caplog.messages)
    assert "80 more" in caplog.messages[-1]


def test_names_of_people_do_not_reach_the_log(world, caplog):
    with caplog.at_level(logging.INFO, logger="exporter.novelties.telling"):
        continued(world, use(4000, "Fetch", session="s2", user_id="brunhilde", **CLAUDE))
    assert caplog.messages == ["New user", "New tool Fetch of claude-code"]


@pytest.mark.parametrize("name", ["\ud800", "x" * 10_000, "\x00", "{", "\u200b"])
def test_hostile_names_are_kept_short_and_come_back_from_the_state(world, name):
    continued(world, use(4000, name, session="s2", user_id=name, agent=name, agent_version=name))
    restored = {one.key: one for one in world.state.familiar()}
    for kind in (USER, TOOL):
        assert all(len(part) <= 200 for one in world.familiarity.of_kind(kind) for part in one.name)
        assert all(restored[one.key] == one for one in world.familiarity.of_kind(kind))


def test_what_nobody_has_shown_for_the_retention_is_known_no_more(tmp_path):
    settings = CycleSettings(retention_ns=10 * HOUR_NS)
    world = open_world(tmp_path, Lines([use(0, "Fetch", user_id="ana", **CLAUDE)]), settings=settings)
    run_cycle(world, after(1))
    continued(world, use(9 * 3600, "Read", session="s2", user_id="bob", **CLAUDE), hours=9)
    continued(world, hours=12)
    users = {one.name for one in world.familiarity.of_kind(USER)}
    assert users == {("bob",)} == {one.name for one in world.state.familiar() if one.kind == USER}
    assert not any("ana" in (one.user, *one.name) for one in world.state.familiar())
    world.state.close()


def test_forgetting_a_person_removes_them_from_what_is_known(world, tmp_path):
    continued(world, use(4000, "Fetch", session="s2", user_id="brunhilde", **CLAUDE))
    person = Person("brunhilde", frozenset(["brunhilde"]))
    found = find(world.state, ModelStore(tmp_path), person)
    assert found.familiar == ((USER, ("brunhilde",)),)
    assert [one.name for one in found.acquainted] == [("claude-code", "Fetch")]
    erase(world.state, found)
    assert told(world.state) == []
    assert not any("brunhilde" in (one.user, *one.name) for one in world.state.familiar())
    assert not find(world.state, ModelStore(tmp_path), person)


def test_a_state_from_before_knows_what_its_sessions_have_shown(world, tmp_path):
    with world.state.begin() as transaction:
        transaction.remove_familiar([one.key for one in world.state.familiar()])
        transaction._connection.exec_driver_sql("DELETE FROM sigyn_meta WHERE key = 'familiar_since_ns'")
    world.state.close()
    again = open_world(tmp_path / "state", world.sources[0], now_ns=after(2))
    announce(again)
    continued(again, use(4000, "Read", session="s2", user_id="ana", **CLAUDE))
    assert told(again.state) == []
    assert again.familiarity.get(TOOL, ("claude-code", "Read")).sessions == 2
    world.state = again.state


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: SIGYN_SLOW=1 runs it")
def test_killed_again_and_again_each_novelty_is_counted_once(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.exporter.crashing"])
    known = [use(number, "Read", session=f"k{number}", user_id="ana", sequence=number, **CLAUDE) for number in range(9)]
    later = [
        use(7200 + n, f"t{n % 50}", session=f"s{n % 70}", user_id=f"u{n % 13}", sequence=n, **CLAUDE)
        for n in range(600)
    ]
    lines, rng, never = tmp_path / "telemetry" / "0.jsonl", random.Random(3), threading.Event()
    write_lines(lines, known)
    world = open_folder(tmp_path)
    run_cycle(world, after(1))
    world.state.close()
    for part in range(3):
        write_lines(lines, later[part * 200 : (part + 1) * 200])
        process = context.Process(target=run_cycles, args=(tmp_path, after(4), len(known) + len(later) + 1))
        process.start()
        never.wait(rng.uniform(0.2, 0.8))
        process.kill()
        process.join()
        assert process.exitcode == -9
        State.open(tmp_path / "state").close()
    world = open_folder(tmp_path)
    run_cycle(world, after(4))
    assert world.state.counters()[COUNTED] == {("tool",): 50.0, ("user",): 13.0}
    assert sum(one.sessions for one in world.state.familiar() if one.kind == USER) == len(
        {(n % 13, n % 70) for n in range(600)} | {(13, 70 + n) for n in range(9)}
    )
    world.state.close()
