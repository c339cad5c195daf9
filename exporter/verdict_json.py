"""A verdict as JSON: the one shape that the command line prints and the API returns."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Reason, SessionVerdict

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def verdict_to_dict(verdict: SessionVerdict) -> dict[str, Any]:
    """A verdict as plain JSON values: the contract's keys in the contract's order, further keys after them.

    Times are RFC 3339, UTC, milliseconds. Numbers that are not finite become None, lone surrogates in texts become
    question marks, so that every JSON encoder takes the result.
    """
    return {
        "session_id": utf8(verdict.session_id),
        "started_at": rfc3339(verdict.started_ns),
        "ended_at": rfc3339(verdict.ended_ns),
        "events": verdict.events,
        "agent": utf8(verdict.agent),
        "user_id": utf8(verdict.user_id),
        "project": utf8(verdict.project),
        "status": verdict.status,
        "risk": finite(verdict.risk),
        "level": verdict.level,
        "confidence": finite(verdict.confidence),
        "anomaly": finite(verdict.anomaly),
        "detectors": {name: finite(score) for name, score in verdict.detectors.items()},
        "reasons": [_reason(reason) for reason in verdict.reasons],
        "findings": [_finding(finding) for finding in verdict.findings],
        "fingerprint": None if verdict.fingerprint is None else _fingerprint(verdict.fingerprint),
        **_further(verdict),
    }


def _further(verdict: SessionVerdict) -> dict[str, Any]:
    """What the contract does not fix."""
    return {
        "needed": verdict.needed,
        "parts": {name: finite(share) for name, share in verdict.parts.items()},
        "tool_uses": verdict.tool_uses,
        "team": utf8(verdict.team),
        "model": utf8(verdict.model),
        "parent_session_id": utf8(verdict.parent_session_id),
        "is_final": verdict.is_final,
        "model_version": verdict.model_version,
        "live_risk": finite(verdict.risk if verdict.live_risk is None else verdict.live_risk),
        "latched_level": None if verdict.live_risk is None else verdict.level,
        "peak_risk": None if verdict.peak is None else finite(verdict.peak.risk),
        "peak_at": None if verdict.peak is None else rfc3339(verdict.peak.at_ns),
        "notes": [utf8(note) for note in verdict.notes],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "feature": reason.feature,
        "value": finite(reason.value),
        "expected_low": finite(reason.expected_low),
        "expected_high": finite(reason.expected_high),
        "contribution": finite(reason.contribution),
        "text": utf8(reason.text),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "count": finding.count,
        "first_at": rfc3339(finding.first_ns),
        "last_at": rfc3339(finding.last_ns),
    }


def _fingerprint(fingerprint: FingerprintView) -> dict[str, Any]:
    return {
        "id": fingerprint.id,
        "cluster": fingerprint.cluster,
        "distance": finite(fingerprint.distance),
        "description": utf8(fingerprint.description),
        "category": fingerprint.category,
        "category_description": utf8(fingerprint.category_description),
        "likely_user": utf8(fingerprint.likely_user),
        "user_probability": finite(fingerprint.user_probability),
        "wrong_user": finite(fingerprint.wrong_user),
    }


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 with milliseconds, cut, not rounded: ``2026-10-05T06:07:08.123Z``."""
    moment = _EPOCH + timedelta(milliseconds=time_ns // 1_000_000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def finite(value: float | None) -> float | None:
    """The number, None where it is missing, infinite or not a number, none of which JSON can say."""
    return value if value is not None and math.isfinite(value) else None


def utf8(text: str | None) -> str | None:
    """The text with lone surrogates, which UTF-8 cannot hold, as question marks."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()
