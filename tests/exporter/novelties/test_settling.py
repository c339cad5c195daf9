"""A re-tooled agent: its sessions say so and are judged in known roles, and it is normal again at the stated time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analytics.analyses.risk import RiskSettings
from analytics.registry import load_analyses
from analytics.verdicts import SessionVerdict
from exporter.judging import remeasure, run_analyses
from exporter.measuring import session_rows
from exporter.model_store import ModelStore
from exporter.novelties.settling import SETTLING, is_settled_since
from exporter.pipeline import run_cycle, take_snapshot
from exporter.training import Shelf, TrainingSettings, read_history, train
from exporter.world import CycleSettings, EnabledAnalysis, World
from tests.builders import START, ordinary_session
from tests.exporter.worlds import HOUR_NS, Lines, open_world

START_NS = int(START.timestamp()) * 1_000_000_000
PERIOD = 7200.0
LINE = 0.95
NEW = {"Read": "mcp__files__open", "Grep": "mcp__files__look"}
HISTORY = range(70)
SETTLING_SESSIONS = range(70, 106)
"""One every two hours for three days: those that begin while the agent settles."""
CANARIES = range(70, 76)
"""The first with the new tools, of which the fifth makes it a re-tooling."""
LOOPING = range(85, 89)
HIJACKED = range(90, 93)
ORDINARY = [number for number in SETTLING_SESSIONS if number not in {*CANARIES, *LOOPING, *HIJACKED}]
AFTERWARDS = range(106, 136)
UNTIL = START.timestamp() + SETTLING_SESSIONS.start * PERIOD + 3 * 86_400
"""Three days after the first session with the new tools began; they are used some seconds later."""


def session(number: int) -> list[dict[str, Any]]:
    """One of two people's sessions, with the new tools from the end of the history on."""
    rng = np.random.default_rng((number, 17))
    records = ordinary_session(number, rng, user=("ana", "bob")[number % 2], start=number * PERIOD)
    names = {} if number in HISTORY else NEW
    return [
        {**one, "sequence": order, **({"tool_name": names[one["tool_name"]]} if one.get("tool_name") in names else {})}
        for order, one in enumerate(records)
    ]


def with_more(number: int, count: int, **changes: Any) -> list[dict[str, Any]]:
    """A session that goes on with one call of a new tool, again and again, or with changes to it."""
    records = session(number)
    call = next(one for one in records if one.get("tool_name") == NEW["Read"])
    last = datetime.fromisoformat(records[-1]["timestamp"])
    return records + [
        {
            **call,
            "timestamp": (last + timedelta(seconds=3 * order)).isoformat(),
            "tool_use_id": f"more{number}-{order}",
            "sequence": 5000 + order,
            **changes,
        }
        for order in range(count)
    ]


def shown(number: int) -> list[dict[str, Any]]:
    if number in LOOPING:
        return with_more(number, 60)
    return with_more(number, 12, tool_name="mcp__drop__send") if number in HIJACKED else session(number)


def ended_ns(number: int) -> int:
    """When session ``number`` and the time-out after it are over."""
    return START_NS + int((number + 0.95) * PERIOD) * 1_000_000_000


@dataclass
class Office:
    """A world that is shown sessions one after the other, and their final verdicts."""

    world: World
    shelf: Shelf
    verdicts: dict[int, SessionVerdict]

    def show(self, numbers: range) -> None:
        for number in numbers:
            self.world.sources[0].records += shown(number)
            run_cycle(self.world, ended_ns(number))
            self.verdicts[number] = self.world.verdicts[f"s{number:04d}"]

    def learn(self, now_ns: int) -> None:
        history = read_history(self.world.state, now_ns, TrainingSettings())
        self.world.models = train(history, self.world.analyses, self.shelf, self.world.models, now_ns / 1e9)

    def anomalies(self, numbers) -> list[float]:
        return [self.verdicts[number].anomaly for number in numbers]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Taught on the history, then shown the sessions of a re-tooled agent to the end of its settling."""
    folder = tmp_path_factory.mktemp("office")
    lines = Lines([one for number in HISTORY for one in session(number)])
    world = open_world(folder, lines, settings=CycleSettings(idle_timeout_ns=HOUR_NS // 4))
    world.analyses = tuple(
        EnabledAnalysis(one, replace(RiskSettings(), trees=40) if one.name == "risk" else one.settings())
        for one in load_analyses()
    )
    run_cycle(world, ended_ns(HISTORY[-1]))
    made = Office(world, Shelf(ModelStore(folder), world.state), {})
    made.learn(ended_ns(HISTORY[-1]))
    made.show(SETTLING_SESSIONS)
    yield made
    world.state.close()


def share_above(anomalies) -> float:
    return float(np.mean([one > LINE for one in anomalies]))


def test_as_they_are_most_sessions_of_a_re_tooled_agent_are_anomalies(office):
    rows = session_rows(remeasure(office.world, [f"s{number:04d}" for number in ORDINARY]))
    as_they_are = run_analyses(office.world.analyses, office.world.models, rows)["risk"].sessions.values()
    assert share_above([one.anomaly for one in as_they_are]) > 0.5


def test_while_it_settles_they_are_judged_like_others(office):
    assert share_above(office.anomalies(ORDINARY)) <= 0.15


def test_the_first_ones_are_anomalies_still(office):
    assert share_above(office.anomalies(CANARIES[:3])) > 0.5


def test_its_sessions_say_so_from_the_fifth_on(office):
    assert not any(office.verdicts[number].notes for number in CANARIES[:4])
    (note,) = office.verdicts[80].notes
    assert note.startswith("Agent claude-code has been re-tooled (tool mcp__files__")
    assert "judged as Read" in note
    assert "judged as Grep" in note
    assert "in 11 of 11 sessions" in note
    assert note.endswith("normal again after 2026-03-11 05:00 UTC")
    assert office.world.state.session("s0080").verdict.notes == (note,)


def test_a_loop_of_a_new_tool_is_heard_meanwhile(office):
    assert min(office.anomalies(LOOPING)) > LINE


def test_a_foreign_tool_in_few_sessions_is_not_quieted(office):
    assert min(office.anomalies(HIJACKED)) > LINE
    assert not any("mcp__drop__send" in note for number in HIJACKED for note in office.verdicts[number].notes)


def test_what_the_next_training_learns_from_has_the_new_tools(office):
    trace = office.world.state.traces(["s0080"])["s0080"]
    assert NEW["Read"] in trace.symbols
    assert "Read" not in trace.symbols


def until_of(office) -> float:
    """When the agent is normal again, as the gauge says."""
    return take_snapshot(office.world, ended_ns(80)).readings[SETTLING.name]["claude-code",]


def test_a_gauge_tells_until_when(office):
    assert UNTIL <= until_of(office) <= UNTIL + 600


def test_at_the_stated_time_a_training_is_due_and_makes_it_normal(office):
    world, until_ns = office.world, int(until_of(office) * 1e9)
    assert not is_settled_since(world.models, world, until_ns - 1_000_000)
    assert is_settled_since(world.models, world, until_ns + 1_000_000)
    office.learn(until_ns + 1_000_000)
    assert not is_settled_since(world.models, world, until_ns + 2_000_000)
    assert take_snapshot(world, until_ns + 2_000_000).readings[SETTLING.name] == {}
    office.show(AFTERWARDS)
    assert not any(office.verdicts[number].notes for number in AFTERWARDS)
    assert share_above(office.anomalies(AFTERWARDS)) <= 0.15
