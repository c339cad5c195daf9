"""The committed dashboards as plain JSON, and their queries with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GENERATED = Path(__file__).parents[2] / "grafana" / "generated"
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GENERATED.glob("*.json"))}

EVERYTHING = {
    "job": ".+",
    "instance": ".+",
    "agent": ".*",
    "user": ".*",
    "project": ".*",
    "level": ".*",
    "session": "a-session",
    "__rate_interval": "1m",
    "__range": "1h",
    "__auto": "1m",
}
"""What Grafana fills in when all is chosen."""


@dataclass(frozen=True)
class Query:
    """One query of a panel, variable or annotation."""

    dashboard: str
    title: str
    source: str
    expression: str
    target: Mapping[str, Any]

    @property
    def is_instant(self) -> bool:
        return bool(self.target.get("instant")) or self.target.get("queryType") == "instant"

    def filled(self, **values: str) -> str:
        """The expression with the variables' values in it."""
        every = {**EVERYTHING, **values}
        return re.sub(r"\$(\w+)", lambda match: every[match[1]], self.expression)

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title} {self.target.get('refId', '')}".strip()


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            yield name, panel


def panel_queries(source: str) -> list[Query]:
    return [
        Query(name, panel["title"], source, target["expr"], target)
        for name, panel in panels()
        for target in panel["targets"]
        if target["datasource"]["type"] == source
    ]


def annotation_queries() -> list[Query]:
    return [
        Query(name, one["name"], "loki", one["target"]["expr"], one["target"])
        for name, dashboard in DASHBOARDS.items()
        for one in dashboard["annotations"]["list"]
    ]


def variable_queries() -> list[Query]:
    """The selectors inside ``label_values`` of the variables that ask Prometheus."""
    found = []
    for name, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
                assert asked, variable["query"]
                found.append(Query(name, f"${variable['name']}", "prometheus", asked[1], {"label": asked[2]}))
    return found
