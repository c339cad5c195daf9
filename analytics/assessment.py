"""The analyses' answers about one session joined into its verdict."""

from __future__ import annotations

from collections.abc import Mapping

from analytics.analysis import AnalysisResult, SessionRows
from analytics.findings import Finding
from analytics.sessions import SessionInfo
from analytics.verdicts import INITIALIZING, SessionVerdict, level_of


def assess(
    rows: SessionRows, results: Mapping[str, AnalysisResult], model_version: str | None, tool_uses: Mapping[str, int]
) -> list[SessionVerdict]:
    """One verdict a session, in the order of ``rows``."""
    return [
        _verdict(info, findings, results, model_version, tool_uses.get(info.session_id, 0))
        for info, findings in zip(rows.infos, rows.findings, strict=True)
    ]


def _verdict(
    info: SessionInfo,
    findings: tuple[Finding, ...],
    results: Mapping[str, AnalysisResult],
    model_version: str | None,
    tool_uses: int,
) -> SessionVerdict:
    risk = results["risk"].sessions.get(info.session_id) if "risk" in results else None
    fingerprint = results["fingerprint"].sessions.get(info.session_id) if "fingerprint" in results else None
    return SessionVerdict(
        session_id=info.session_id,
        started_ns=info.started_ns,
        ended_ns=info.ended_ns,
        events=info.events,
        agent=info.agent,
        user_id=info.user_id,
        project=info.project,
        team=info.team,
        model=info.model,
        parent_session_id=info.parent_session_id,
        tool_uses=tool_uses,
        status=risk.status if risk else INITIALIZING,
        needed=risk.needed if risk else None,
        risk=risk.risk if risk else None,
        level=level_of(risk.risk) if risk and risk.risk is not None else None,
        confidence=risk.confidence if risk else None,
        anomaly=risk.anomaly if risk else None,
        parts=dict(risk.parts or {}) if risk else {},
        detectors=dict(risk.detectors or {}) if risk else {},
        reasons=risk.reasons if risk else (),
        findings=findings,
        fingerprint=fingerprint,
        model_version=model_version if risk and risk.risk is not None else None,
    )
