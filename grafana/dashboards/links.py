"""Where one can go from a row: the session's dashboard, its page and its log lines."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from grafana.queries.logql import NO_ERRORS, TELEMETRY, of_session

SESSION_UID: Final = "sigyn-session"
_VARIABLE: Final = re.compile(r"(\$\{[^}]*\})")
_TIME_RANGE: Final = "from=${__from}&to=${__to}"
_SOURCES: Final = "${prometheus_datasource:queryparam}&${loki_datasource:queryparam}"


def session_dashboard(field: str) -> str:
    """The session's dashboard, for the id in a field of the same row."""
    chosen = f"${{__data.fields.{field}:percentencode}}"
    return f"/d/{SESSION_UID}/{SESSION_UID}?var-session={chosen}&{_TIME_RANGE}&{_SOURCES}"


def log_lines(field: str) -> str:
    """Explore with the session's telemetry, for the id in a field of the same row."""
    expression = f"{TELEMETRY} {of_session(f'${{__data.fields.{field}:percentencode}}')} {NO_ERRORS}"
    source = {"type": "loki", "uid": "${loki_datasource}"}
    pane = {
        "datasource": "${loki_datasource}",
        "queries": [{"refId": "A", "datasource": source, "expr": expression, "queryType": "range"}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    return f"/explore?schemaVersion=1&orgId=1&panes={_percent_encoded(json.dumps({'lines': pane}))}"


def _percent_encoded(text: str) -> str:
    """The text for a query string; variables stay as they are, for Grafana to fill in."""
    return "".join(part if _VARIABLE.fullmatch(part) else quote(part, safe="") for part in _VARIABLE.split(text))


def data_links(**urls: str) -> DynamicConfigValue:
    """Links on a field; underscores in a title are blanks."""
    links: list[dict[str, Any]] = [
        {"title": title.replace("_", " "), "url": url, "targetBlank": True} for title, url in urls.items()
    ]
    return DynamicConfigValue(id_val="links", value=links)
