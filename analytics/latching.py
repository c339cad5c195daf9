"""Alarm latching: a running session that has reached ``high`` stays there until it ends or a person calls it benign.

Without it an attack fades as harmless steps follow, and whoever looks later sees nothing. Only the risk is held, with
its parts and reasons as they were at the peak; anomaly and detectors stay live, because their calibration is a promise
about one look at a session and not about the highest of many. The final score is that of the whole session; beside it
the peak stays known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from analytics.verdicts import LEVELS, Peak, SessionVerdict, level_of

LATCHED_FROM: Final = dict(LEVELS)["high"]
"""Risk from which an alarm is held: where alerting starts."""


def latch(verdict: SessionVerdict, peak: Peak | None) -> SessionVerdict:
    """A fresh verdict held at the session's peak, if the session runs on and was riskier then.

    Args:
        verdict: what the analyses say now, or a verdict without a score, which only remembers the peak.
        peak: the highest risk before, None where there was none or where it was released.
    """
    highest = _highest(verdict, peak)
    if highest is None or verdict.risk is None or verdict.is_final or highest.risk <= verdict.risk:
        return replace(verdict, peak=highest)
    return replace(
        verdict,
        risk=highest.risk,
        level=level_of(highest.risk),
        parts=dict(highest.parts),
        reasons=highest.reasons,
        model_version=highest.model_version,
        live_risk=verdict.risk,
        peak=highest,
    )


def unreleased(peak: Peak | None, benign_since_ns: int | None) -> Peak | None:
    """The peak, unless a person has called the session benign since: what they saw is settled, what follows is not."""
    is_released = peak is not None and benign_since_ns is not None and peak.at_ns <= benign_since_ns
    return None if is_released else peak


def _highest(verdict: SessionVerdict, peak: Peak | None) -> Peak | None:
    """The peak with the verdict counted in; of equal risks the earlier one."""
    if verdict.risk is None or verdict.risk < LATCHED_FROM or (peak is not None and peak.risk >= verdict.risk):
        return peak
    return Peak(verdict.risk, verdict.ended_ns, dict(verdict.parts), verdict.reasons, verdict.model_version)
