"""Stream selectors, filters and levels that LogQL queries here are made of.

Two kinds of lines are read. What Sigyn itself writes back is JSON with the fields one filters by as structured
metadata. The agents' own telemetry comes as OTLP records (short line, everything in structured metadata) or as JSON
lines; ``of_session`` finds a session in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analytics.findings import SEVERITIES
from analytics.verdicts import LEVELS
from exporter.announcements.lines import EVENT, FINDING, SERVICE_NAME, SESSION
from exporter.config_sources import DEFAULT_SELECTOR

SESSIONS: Final = f'{{service_name="{SERVICE_NAME}", kind="{SESSION}"}}'
FINDINGS: Final = f'{{service_name="{SERVICE_NAME}", kind="{FINDING}"}}'
EVENTS: Final = f'{{service_name="{SERVICE_NAME}", kind="{EVENT}"}}'
TELEMETRY: Final = DEFAULT_SELECTOR

ALERTING_LEVELS: Final = ("high", "critical")
"""The levels that alerting starts at."""

WHO: Final = '| agent=~"$agent" | user_id=~"$user" | project=~"$project"'
"""The dashboard's variables as filters on structured metadata."""

NO_ERRORS: Final = "| drop __error__, __error_details__"
"""A line that is no JSON is no error here: its fields are structured metadata."""

LOG_LEVELS: Final[Mapping[str, str]] = {
    "critical": "critical",
    "high": "error",
    "medium": "warning",
    "low": "info",
    "info": "debug",
}
"""Grafana's log level, which decides the colour, by severity or level. Grafana has no log level named ``high``."""

assert set(LOG_LEVELS) == {*SEVERITIES, *(level for level, _ in LEVELS)}


def coloured_by(label: str) -> str:
    """Give lines the log level of a severity or level.

    ``detected_level`` is set because Grafana prefers it to ``level`` and Loki fills it at ingestion.
    """
    cases = "".join(
        f'{{{{ else if eq .{label} "{word}" }}}}{log_level}'
        for word, log_level in LOG_LEVELS.items()
        if word != "critical"
    )
    return f'| label_format detected_level=`{{{{ if eq .{label} "critical" }}}}critical{cases}{{{{ end }}}}`'


def of_session(session: str) -> str:
    """Parse and filter the agents' telemetry down to one session, whatever the shape of its lines.

    Structured metadata has the id as ``session_id`` or, from Codex, ``conversation_id``; JSON lines have it as
    ``session_id`` or ``sessionId``, those of the collector's former Loki exporter among their attributes.
    """
    fields = 'in_line="session_id", in_payload="sessionId", in_attributes="attributes[\\"session.id\\"]"'
    names = ("session_id", "conversation_id", "in_line", "in_payload", "in_attributes")
    wanted = " or ".join(f'{name}="{session}"' for name in names)
    return (
        f'| json {fields}, in_line_event="event", in_line_hook="hook_event_name", in_line_success="success" | {wanted}'
    )
