"""Values of events that were lost on reading while their events count all the same, by reason."""

from __future__ import annotations

from typing import Final

IMPLAUSIBLE_NUMBER: Final = "implausible_number"
"""A number that is negative or beyond all that an event can amount to; it counts as missing."""
CUT_REASONS: Final = {name: f"{name}_cut" for name in ("command", "path", "url", "attributes")}
"""A detail that was too long to be kept whole; its beginning and its end were."""
LOST_VALUES: Final = frozenset((IMPLAUSIBLE_NUMBER, *CUT_REASONS.values()))
"""All reasons."""
