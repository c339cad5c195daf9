"""What a feature is: one documented number about a session, and how to speak of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics.activity import Activity

Measure = Callable[[Activity], np.ndarray]


@dataclass(frozen=True, slots=True)
class Feature:
    """One entry of the feature table.

    Attributes:
        name: ``<thing>_<statistic>[_<unit>]``.
        unit: of the value: ``ratio``, ``seconds``, ``tokens`` …
        group: heading under which people find it.
        help: one sentence that says what the number means.
        risky: which deviation deserves attention: ``high``, ``low`` or ``both``.
        least: the least deviation from the expected range worth mentioning, in the feature's unit.
        measure: the numbers of all sessions, shape (n_sessions,), NaN where the telemetry does not tell.
        needs: telemetry that many deployments switch off: ``details`` (commands, paths), ``tokens``, ``cost``,
            ``prompts`` (prompt text); () where default telemetry is enough.
        is_skewed: spread over orders of magnitude, so the models look at the logarithm of one plus it.
    """

    name: str
    unit: str
    group: str
    help: str
    risky: str
    least: float
    measure: Measure
    needs: tuple[str, ...] = ()
    is_skewed: bool = False
