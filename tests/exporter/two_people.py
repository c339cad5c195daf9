"""A state of two people, one of whom is to be forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from analytics.verdicts import FingerprintView
from exporter.assembly import build_pseudonyms
from exporter.forgetting import Footprint, Person, erase, find
from exporter.model_store import ModelStore
from exporter.service import Exporter
from exporter.state import Announcement, HumanVerdict, State
from tests.exporter.running import Clock, exporter_of, team, thief, write_lines

NAME = "brunhilde"
KEY = "0123456789abcdef0123456789abcdef"
CLOSED = "http://127.0.0.1:9"
"""A Loki that takes nothing, so that lines stay in the outbox."""


def of_user(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{**one, "user_id": name, "project": f"/home/{name}/shop"} for one in records]


def with_costs(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "cost_usd": 0.01} if one["event"] == "api_request" else one for one in records]


def fill(folder: Path, **sections: Any) -> None:
    """A state of two people's 40 sessions with models, open sessions, lines that wait and words about both."""
    clock = Clock()
    lines = of_user(team(20, clock.now, prefix="b-"), NAME) + of_user(team(20, clock.now, seed=2, prefix="a-"), "ana")
    lines += of_user(thief(clock.now - 1800, "b-thief"), NAME) + of_user(thief(clock.now - 1800, "a-thief"), "ana")
    write_lines(folder / "telemetry" / NAME / "a.jsonl", with_costs(lines))
    with exporter_of(folder, clock, announcements={"loki_url": CLOSED}, **sections) as exporter:
        exporter.herald.open(exporter.config)
        exporter.cycle()
        assert exporter.training()
        exporter.cycle()
        with exporter.world.state.begin() as transaction:
            said = HumanVerdict("benign", "Brunhilde says it was hers; ask brunhilde.", clock.now, "brunhilde")
            transaction.put_human_verdict("a-s0001", said)
            transaction.put_human_verdict("b-s0001", replace(said, by="ana"))
            transaction.put_human_verdict("a-s0002", HumanVerdict("benign", "mine", clock.now, "ana"))
            like = exporter.world.state.session("a-s0003")
            alike = replace(like.verdict, fingerprint=FingerprintView("f", "c", 1.0, likely_user=who(exporter)))
            transaction.put_sessions([replace(like, verdict=alike)])
            told = json.dumps({"session_id": "a-s0003", "fingerprint": {"likely_user": who(exporter)}})
            transaction.queue_announcements([Announcement("session", 1, told, {"session_id": "a-s0003"})])


def who(exporter: Exporter) -> str:
    pseudonyms = build_pseudonyms(exporter.config)
    return pseudonyms.user(NAME) if pseudonyms else NAME


def forget(state_folder: Path, *names: str) -> Footprint:
    person = Person(NAME, frozenset(names or [NAME]))
    with State.open(state_folder) as state:
        found = find(state, ModelStore(state_folder), person)
        erase(state, found)
    return found
