"""What the dashboard *Agent behaviour* asks."""

from __future__ import annotations

from typing import Final

from analytics.failures import AGENT_FAULTS
from analytics.features import FEATURE_NAMES
from grafana.queries.logql import (
    ALERTING_LEVELS,
    FINDINGS,
    SESSIONS,
    WHO,
    coloured_by,
)
from grafana.queries.promql import growth, growth_in_range, series, summed

BUSIEST_TOOLS: Final = 8
"""Tools that are shown by name."""

MOST_LINES: Final = 500
"""Log lines a panel asks for."""

_ALERTING: Final = "|".join(ALERTING_LEVELS)
_TOOL_CALLS: Final = series("sigyn_tool_calls_total")
_WHO_LABELS: Final = {"agent": "$agent", "user_id": "$user", "project": "$project"}


def _median(feature: str) -> str:
    """Median of a feature over the recent sessions; the name must be one of the feature table."""
    if feature not in FEATURE_NAMES:
        raise ValueError(f"{feature}: no such feature")
    return f"avg({series('sigyn_feature_median', exact={'feature': feature})})"


FINDING_LINES: Final = (
    f'{FINDINGS} {WHO} | severity=~"$level" {coloured_by("severity")} | json title="title", count="count" '
    '| line_format `{{ .severity }} · {{ .title }}{{ if ne .count "1" }} ({{ .count }} times){{ end }}'
    " · {{ .agent }} · {{ .user_id }} · {{ .project }}`"
)

ALERTING_SESSION_LINES: Final = (
    # A line that repeats a session because a person judged it is no alert.
    f'{SESSIONS} {WHO} | level=~"{_ALERTING}" | level=~"$level" | human_verdict="" {coloured_by("level")} '
    '| json reason="reasons[0].text" '
    "| line_format `{{ .level }} · session at risk {{ .risk }} · {{ .reason }}"
    " · {{ .agent }} · {{ .user_id }} · {{ .project }}`"
)


def sessions_at(level: str) -> str:
    """How many sessions have a level; nothing when the variable excludes it."""
    return summed(series("sigyn_sessions", {"level": "$level"}, exact={"level": level}))


_TRACKED: Final = series("sigyn_session_risk_score", _WHO_LABELS)
_ANOMALY: Final = f"{series('sigyn_session_anomaly_score')} and on (session_id) {_TRACKED}"
ANOMALY_MEDIAN: Final = f"quantile by (detector) (0.5, {_ANOMALY})"
ANOMALY_HIGHEST: Final = f"max by (detector) ({_ANOMALY})"

TRANSITIONS: Final = growth_in_range(series("sigyn_tool_transitions_total"), "from_category", "to_category")

_BUSIEST: Final = f"topk({BUSIEST_TOOLS}, {summed(f'{_TOOL_CALLS} @ end()', 'tool_name')})"
CALLS_OF_BUSIEST_TOOLS: Final = f"{growth(_TOOL_CALLS, 'tool_name')} and on (tool_name) {_BUSIEST}"
TOOL_DIVERSITY: Final = _median("tool_diversity")
OFF_HOURS: Final = _median("off_hours_ratio")

HIGH_RISK_COLUMNS: Final = (
    "session_id",
    "risk",
    "level",
    "agent",
    "user_id",
    "project",
    "reason",
    "finding",
    "events",
    "human_verdict",
    "url",
    "written",
)
HIGH_RISK_SESSIONS: Final = (
    f'{SESSIONS} {WHO} | level=~"{_ALERTING}" | level=~"$level" '
    '| json reason="reasons[0].text", finding="findings[0].rule", events="events", url="url" '
    "| label_format written=`{{ __timestamp__ | unixEpochNanos }}` "
    f"| keep {', '.join(HIGH_RISK_COLUMNS)}"
)

_PERSONA_CALLS: Final = "sigyn_persona_tool_calls_total"
PERSONA_CALLS: Final = growth_in_range(series(_PERSONA_CALLS), "persona")
PERSONA_SUCCESS: Final = (
    f"{growth_in_range(series(_PERSONA_CALLS, exact={'outcome': 'success'}), 'persona')} / {PERSONA_CALLS}"
)


def anomalous_ratio(detector: str) -> str:
    """Share of the scored sessions that a detector calls anomalous."""
    return f"avg({series('sigyn_detector_anomalous_ratio', exact={'detector': detector})})"


MEAN_RISK: Final = f"avg({series('sigyn_risk_score_mean')})"

FINDINGS_BY_SEVERITY: Final = growth(series("sigyn_findings_total"), "severity")
TOOL_ERROR_RATIO: Final = (
    f"{growth(series('sigyn_tool_calls_total', {'outcome': '|'.join(AGENT_FAULTS)}))} / {growth(_TOOL_CALLS)}"
)
