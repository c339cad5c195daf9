"""The rule files of the stack, read once: every alert with the file it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS_RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
LOKI_RULES = sorted((ROOT / "loki/rules/fake").glob("*.yml"))
UNIT_TESTS = sorted((ROOT / "prometheus/tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs/runbooks"


@dataclass(frozen=True)
class Alert:
    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    file: Path


def rules(files: list[Path]) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (file, rule)
        for file in files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts(files: list[Path]) -> list[Alert]:
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], file)
        for file, rule in rules(files)
        if "alert" in rule
    ]


ALERTS = alerts(PROMETHEUS_RULES) + alerts(LOKI_RULES)
