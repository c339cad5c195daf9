"""What a person said about a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HUMAN_VERDICTS: Final = ("benign", "malicious", "broken")
"""``broken`` is a session that went wrong without anybody meaning harm."""


@dataclass(frozen=True, slots=True)
class HumanVerdict:
    """One person's word on one session; a later word replaces it.

    Attributes:
        verdict: one of ``HUMAN_VERDICTS``; anything else raises ``ValueError``.
        note: why, in their own words.
        at: when, Unix seconds.
        by: who, None where nobody knows.
    """

    verdict: str
    note: str
    at: float
    by: str | None = None

    def __post_init__(self) -> None:
        if self.verdict not in HUMAN_VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(HUMAN_VERDICTS)}")
