"""What the dashboard *Session* asks about the one session whose id is in the variable ``session``."""

from __future__ import annotations

from typing import Final

from grafana.queries.logql import FINDINGS, NO_ERRORS, SESSIONS, TELEMETRY, coloured_by, of_session
from grafana.queries.promql import series

MOST_REASONS: Final = 5
"""Reasons a scored session comes with at most."""

_VERDICTS: Final = f'{SESSIONS} | session_id="$session"'
_SCORED: Final = f'{_VERDICTS} | status="scored"'
_EVENTS: Final = f"{TELEMETRY} {of_session('$session')} {NO_ERRORS}"


def _course(field: str) -> str:
    """A score over time, from the lines that were written about the session."""
    unwrapped = f'{_SCORED} | json score="{field}" | unwrap score | __error__=""'
    return f"max_over_time({unwrapped} [$__auto]) by (session_id)"


RISK: Final = f'last_over_time({_SCORED} | unwrap risk | __error__="" [$__range]) by (session_id)'

FACT_COLUMNS: Final = (
    "status",
    "level",
    "human_verdict",
    "confidence",
    "agent",
    "user_id",
    "project",
    "model",
    "started_at",
    "ended_at",
    "events",
    "fingerprint",
    "cluster",
    "distance",
    "is_final",
    "needed",
    "url",
)
FACTS: Final = (
    f'{_VERDICTS} | json confidence="confidence", model="model", started_at="started_at", ended_at="ended_at", '
    'events="events", fingerprint="fingerprint.id", cluster="fingerprint.cluster", distance="fingerprint.distance", '
    f'is_final="is_final", needed="needed", url="url" | keep {", ".join(FACT_COLUMNS)}'
)

PARTS: Final = f'{_SCORED} | json parts="parts" | keep parts'
DETECTORS: Final = f'{_SCORED} | json detectors="detectors" | keep detectors'

RISK_OVER_TIME: Final = _course("risk")
ANOMALY_OVER_TIME: Final = _course("anomaly")
_LIVE: Final = series("sigyn_session_anomaly_score", exact={"session_id": "$session"})
LIVE_ANOMALY: Final = f"max by (detector) ({_LIVE})"

EVENTS_BY_KIND: Final = (
    f"sum by (kind_of_event) (count_over_time({_EVENTS} "
    '| label_format kind_of_event=`{{ or .event_name .in_line_event .in_line_hook "other" }}` '
    "| keep kind_of_event [$__auto]))"
)

REASON_COLUMNS: Final = ("feature", "value", "expected_low", "expected_high", "contribution", "text")


def reason(position: int) -> str:
    """One reason of the newest verdict, the strongest at position 0."""
    fields = ", ".join(f'{name}="reasons[{position}].{name}"' for name in REASON_COLUMNS)
    return f'{_SCORED} | json {fields} | feature!="" | keep {", ".join(REASON_COLUMNS)}'


FINDING_LINES: Final = (
    f'{FINDINGS} | session_id="$session" {coloured_by("severity")} '
    '| json title="title", count="count", reference="reference" '
    "| line_format `{{ .severity }} · {{ .title }} · {{ .rule }} · {{ .count }} times · {{ .reference }}`"
)

LOG_LINES: Final = (
    f"{_EVENTS} | label_format detected_level="
    '`{{ if or (eq .success "false") (eq .in_line_success "false") }}error{{ else }}info{{ end }}` '
    "| line_format `{{ __line__ }}{{ with .tool_name }} {{ . }}{{ end }}{{ with .success }} success={{ . }}{{ end }}`"
)
