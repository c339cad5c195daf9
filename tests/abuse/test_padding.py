"""Thousands of harmless calls after a bad deed do not lower its risk."""

import pytest

from analytics.simulation.stamps import microseconds_of, restamped
from tests.abuse.training_window import bad, halves, judged, team

KINDS = ("exfiltration", "reconnaissance", "destruction", "loop")
PADDING = 2_000
"""Harmless tool calls."""
MOST_LOWER = 0.02
CASES = 6


def padded(records, ordinary):
    """The session, and after it others' ordinary work of the same user under its id."""
    made, calls = [one for one in records if one["event"] != "session_end"], 0
    now = microseconds_of(made[-1]["timestamp"])
    number = made[-1]["sequence"]
    while calls < PADDING:
        for other in ordinary:
            delay = now + 20_000_000 - microseconds_of(other[0]["timestamp"])
            for one in other:
                if one["event"] in ("session_start", "session_end"):
                    continue
                number += 1
                now = microseconds_of(one["timestamp"]) + delay
                changed = {"session_id": made[0]["session_id"], "sequence": number}
                if one.get("tool_use_id"):
                    changed["tool_use_id"] = f"{one['tool_use_id']}-{calls // 100}"
                made.append({**one, **changed, "timestamp": restamped(one["timestamp"], now)})
                calls += one["event"] == "tool_call"
    return made


@pytest.fixture(scope="module")
def results():
    """Bad sessions as they are and padded, by kind."""
    training, unseen = halves(team())
    by_user = {}
    for records in training.values():
        by_user.setdefault(records[0]["user_id"], []).append(records)
    chosen = dict(list(unseen.items())[:: max(len(unseen) // CASES, 1)][:CASES])
    cases, names = {}, []
    for kind in KINDS:
        for name, records in bad(chosen, kind, 3).items():
            own = by_user[records[0]["user_id"]]
            for suffix, version in (("", records), ("-padded", padded(records, own))):
                cases[f"{name}-{kind}{suffix}"] = [{**one, "session_id": f"{name}-{kind}{suffix}"} for one in version]
            names.append((kind, f"{name}-{kind}"))
    judged_cases = judged(training, cases)
    return [(kind, judged_cases[name], judged_cases[f"{name}-padded"]) for kind, name in names]


def test_findings_persist_under_padding(results):
    for _, plain, full in results:
        assert {rule for rule in plain.parts if rule != "anomaly"} <= set(full.parts)


def test_padding_does_not_lower_the_risk(results):
    assert max(plain.risk - full.risk for _, plain, full in results) <= MOST_LOWER
