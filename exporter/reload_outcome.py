"""What became of loading the configuration again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """The answer to a reload.

    Attributes:
        errors: why it was refused and the old configuration stays, a line each; () when the new one is in force.
        after_restart: keys whose values are other than when the process started and wait for its next start.
    """

    errors: tuple[str, ...] = ()
    after_restart: tuple[str, ...] = ()
