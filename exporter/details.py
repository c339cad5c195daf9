"""One session in full, for its page and its API entry: gathered when somebody asks, not in every cycle."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from analytics.analyses.risk import RiskModel
from analytics.baseline import Who
from analytics.events import EventTable
from analytics.features import FEATURES
from analytics.rule_occurrences import Hit
from analytics.verdicts import SessionVerdict
from exporter.state import StoredSession
from exporter.web.session_detail import FeatureRow, HumanVerdict, SessionDetail, TimelineEvent
from exporter.world import World

MOST_EVENTS: Final = 500
"""Events of the timeline; of a longer session the middle is left out."""
MOST_SIBLINGS: Final = 50


def session_detail(world: World, session_id: str) -> SessionDetail | None:
    """Everything known about one session, None for an unknown id."""
    stored = world.state.session(session_id)
    if stored is None or stored.verdict is None:
        return None
    verdict = world.verdicts.get(session_id, stored.verdict)
    timeline, left_out = _timeline(world.state.events([session_id]).sorted(), world.state.hits([session_id]))
    given = world.state.human_verdicts().get(session_id)
    return SessionDetail(
        verdict=verdict,
        features=_features(stored, verdict, world.models.fitted.get("risk")),
        timeline=timeline,
        timeline_left_out=left_out,
        human_verdict=HumanVerdict(given.verdict, given.note, given.at, given.by) if given else None,
        siblings=_relatives(world, verdict),
        parent=verdict.parent_session_id,
    )


def _relatives(world: World, verdict: SessionVerdict) -> tuple[str, ...]:
    """Sub-agents and forks of the session, or of its parent where it is one itself."""
    parent = verdict.parent_session_id or verdict.session_id
    found = (
        other.session_id
        for other in list(world.verdicts.values())
        if other.parent_session_id == parent and other.session_id != verdict.session_id
    )
    return tuple(sorted(found))[:MOST_SIBLINGS]


def _features(stored: StoredSession, verdict: SessionVerdict, model: RiskModel | None) -> tuple[FeatureRow, ...]:
    """Every feature with the range it is expected in, where there is a model to expect by."""
    if stored.features is None or len(stored.features) != len(FEATURES):
        return ()
    who: Who = (verdict.agent, verdict.user_id)
    expected = model.baseline.expected_range(verdict.events, who) if model else None
    rows = []
    for column, feature in enumerate(FEATURES):
        value = float(stored.features[column])
        low, high = (float(expected[0][column]), float(expected[1][column])) if expected else (None, None)
        known = not np.isnan(value)
        is_unusual = known and low is not None and high is not None and max(value - high, low - value) >= feature.least
        rows.append(
            FeatureRow(
                feature.name, feature.help, feature.unit, value if known else None, low, high, feature.group, is_unusual
            )
        )
    return tuple(rows)


def _timeline(table: EventTable, hits: list[Hit]) -> tuple[tuple[TimelineEvent, ...], int]:
    """The first and last events of a session with the rules that matched at them, and how many are left out."""
    count = len(table)
    shown = np.arange(count)
    if count > MOST_EVENTS:
        shown = np.concatenate([shown[: MOST_EVENTS // 2], shown[-MOST_EVENTS // 2 :]])
    rules: dict[int, list[str]] = defaultdict(list)
    for hit in hits:
        if hit.rule not in rules[hit.time_ns]:
            rules[hit.time_ns].append(hit.rule)
    part = table.take(shown)
    tokens = part.values("input_tokens"), part.values("output_tokens")
    events = []
    for row, (time_ns, event, tool, success, kind, duration) in enumerate(
        zip(
            part.values("time_ns"),
            part.frame["event"].astype(object),
            part.frame["tool_name"].astype(object),
            part.values("success"),
            part.frame["failure_kind"].astype(object),
            part.values("duration_ms"),
            strict=True,
        )
    ):
        spent = np.nansum([tokens[0][row], tokens[1][row]])
        is_tool = event in ("tool_call", "tool_result", "tool_decision")
        events.append(
            TimelineEvent(
                time_ns=int(time_ns),
                event=str(event),
                tool_name=tool if isinstance(tool, str) else None,
                success=None if success < 0 else bool(success),
                failure_kind=kind if isinstance(kind, str) else None,
                duration_ms=None if np.isnan(duration) else float(duration),
                tokens=int(spent) or None,
                rules=tuple(rules.get(int(time_ns), ())) if is_tool else (),
            )
        )
    return tuple(events), count - len(part)
