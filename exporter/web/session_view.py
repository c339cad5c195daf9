"""What the page of one session shows, worked out for its template."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from analytics.findings import SEVERITIES, Finding
from analytics.rules import Rule
from analytics.verdicts import Reason
from exporter.web.drawings import RangeBar, Segment, Tick, range_bar, stacked, strip
from exporter.web.session_detail import FeatureRow, SessionDetail

_REFERENCES: Final = (
    (re.compile(r"ATT&CK T(\d{4})(?:\.(\d{3}))?\b"), "https://attack.mitre.org/techniques/T{}/{}"),
    (re.compile(r"ATLAS (AML\.T\d{4}(?:\.\d{3})?)\b"), "https://atlas.mitre.org/techniques/{}"),
)
"""How a rule's reference begins, and the address of the technique's page."""


def reference_url(reference: str) -> str | None:
    """The page of a MITRE ATT&CK or ATLAS technique; None for any other reference."""
    for pattern, address in _REFERENCES:
        found = pattern.match(reference)
        if found is not None:
            return address.format(*(part or "" for part in found.groups())).rstrip("/")
    return None


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding with what its rule says; ``rule`` is None where the rule is no longer in force."""

    finding: Finding
    rule: Rule | None
    link: str | None


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """A reason with its bar."""

    reason: Reason
    bar: RangeBar | None


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """A feature with its bar."""

    feature: FeatureRow
    bar: RangeBar | None


@dataclass(frozen=True)
class SessionView:
    """The page of one session; the attributes are in the order of the page."""

    detail: SessionDetail
    parts: tuple[Segment, ...]
    reasons: tuple[ReasonLine, ...]
    findings: tuple[FindingLine, ...]
    features: tuple[tuple[str, Sequence[FeatureLine]], ...]
    ticks: tuple[Tick, ...]

    @property
    def unusual(self) -> int:
        """How many features deserve attention."""
        return sum(line.feature.is_unusual for _, lines in self.features for line in lines)


def session_view(detail: SessionDetail, describe_rule: Callable[[str], Rule | None]) -> SessionView:
    """The page of a session: gravest findings first, features by group in the order they come."""
    verdict = detail.verdict
    groups = list(dict.fromkeys(row.group for row in detail.features))
    ordered = sorted(detail.features, key=lambda row: groups.index(row.group))
    return SessionView(
        detail=detail,
        parts=() if verdict.risk is None else stacked(verdict.parts, verdict.risk),
        reasons=tuple(
            ReasonLine(reason, range_bar(reason.value, reason.expected_low, reason.expected_high))
            for reason in verdict.reasons
        ),
        findings=tuple(
            _finding_line(finding, describe_rule(finding.rule)) for finding in gravest_first(verdict.findings)
        ),
        features=tuple(
            (group, [FeatureLine(row, range_bar(row.value, row.expected_low, row.expected_high)) for row in rows])
            for group, rows in groupby(ordered, key=lambda row: row.group)
        ),
        ticks=strip(detail.timeline),
    )


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity, the most severe first."""
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def _finding_line(finding: Finding, rule: Rule | None) -> FindingLine:
    return FindingLine(finding, rule, None if rule is None else reference_url(rule.reference))
