"""The page of bundled rules, rendered from the rule file."""

from __future__ import annotations

import re
from typing import Final

from analytics.findings import SEVERITIES
from analytics.rules import Rule
from exporter.reference_pages import markdown_table
from exporter.rule_file import load_rule_set

_TITLES: Final = ("rule", "what happened", "meaning and what to check", "reference", "needs")
_TECHNIQUE: Final = re.compile(r"(ATT&CK|ATLAS) ((?:T|AML\.T)[0-9]{4}(?:\.[0-9]{3})?)")

_INTRODUCTION: Final = """\
# Rules

<!-- Written by `python -m exporter.feature_reference --write`; edit `exporter/rules.yml` instead. -->

{count} bundled rules say which behaviour is worth a look, whatever the detectors think.
A match is a *finding*: it raises the risk of its session by its severity and by how unusual it is for its user,
counts in `sigyn_findings_total{{rule,severity}}` and stands on the session's page.

- `rules.disable` in the configuration switches rules off by id; a rule file of your own (`rules.files`) adds rules,
  switches bundled ones off and gives them another severity.
  Its format is described at the top of [`exporter/rules.yml`](../exporter/rules.yml), where each rule also has true and
  false examples, which are its tests.
- Rules that need `details` look at commands, paths or addresses, which most agents log only where that is switched on.
- References are to [MITRE ATT&CK](https://attack.mitre.org) and [MITRE ATLAS](https://atlas.mitre.org).
"""

_STEPS: Final = (
    "Matches of these make no findings of their own; rules that look for a sequence of deeds use them as steps."
)


def render_rules() -> str:
    """The page, Markdown: a table for each severity, most severe first, then the mere steps of sequences."""
    rules = load_rule_set().rules
    reported = [rule for rule in rules if rule.is_reported]
    lines = [_INTRODUCTION.format(count=len(reported))]
    for severity in reversed(SEVERITIES):
        lines += _section(severity.capitalize(), [rule for rule in reported if rule.severity == severity])
    lines += _section("Steps of sequences", [rule for rule in rules if not rule.is_reported], _STEPS)
    return "\n".join(lines)


def _section(title: str, rules: list[Rule], remark: str = "") -> list[str]:
    if not rules:
        return []
    table = markdown_table(_TITLES, (_cells(rule) for rule in sorted(rules, key=lambda rule: rule.id)))
    return [f"## {title}", "", *([remark, ""] if remark else []), *table, ""]


def _cells(rule: Rule) -> tuple[str, ...]:
    return f"`{rule.id}`", rule.title, rule.description, linked(rule.reference), ", ".join(rule.needs)


def linked(reference: str) -> str:
    """A reference with a link to the technique's page."""
    found = _TECHNIQUE.match(reference)
    if found is None:
        return reference
    framework, technique = found.groups()
    path = technique if framework == "ATLAS" else technique.replace(".", "/")
    site = "https://atlas.mitre.org" if framework == "ATLAS" else "https://attack.mitre.org"
    return f"[{technique}]({site}/techniques/{path}){reference[found.end() :]}"
