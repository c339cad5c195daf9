"""Which changes of a session are worth a line.

A score is told when it is the session's first, when its level changes, when it becomes final (or the session is
reopened), when a rule was found that was not told before, and when the risk has moved by ``LEAST_MOVE`` since it was
last told. A finding is told whenever its rule has matched again. What a person says of a session is told at once, by
the announcer.
"""

from __future__ import annotations

from typing import Final

from analytics.findings import Finding
from analytics.verdicts import SessionVerdict
from exporter.state import Announced

LEAST_MOVE: Final = 0.1
"""Change of the risk that is worth a line although the level stays."""
_ROUNDING: Final = 1e-9

NEVER: Final = Announced()
"""What was told about a session that nothing was told about."""


def is_news(told: Announced, verdict: SessionVerdict) -> bool:
    """Whether a session's score is worth a line after what was told last."""
    if verdict.risk is None:
        return False
    if told.risk is None:
        return True
    return (
        verdict.level != told.level
        or verdict.is_final != told.is_final
        or abs(verdict.risk - told.risk) >= LEAST_MOVE - _ROUNDING
        or any(finding.rule not in told.findings for finding in verdict.findings)
    )


def new_findings(told: Announced, verdict: SessionVerdict, since_ns: int) -> list[Finding]:
    """The findings whose rules have matched more often than was told, the last time not before ``since_ns``."""
    return [
        finding
        for finding in verdict.findings
        if finding.count > told.findings.get(finding.rule, 0) and finding.last_ns >= since_ns
    ]


def told_of(told: Announced, verdict: SessionVerdict, *, with_score: bool) -> Announced:
    """What has been told once the findings are, and the score if ``with_score``."""
    findings = {finding.rule: finding.count for finding in verdict.findings}
    if with_score:
        return Announced(verdict.risk, verdict.level, verdict.is_final, findings)
    return Announced(told.risk, told.level, told.is_final, findings)
