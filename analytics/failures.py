"""Why a tool use did not succeed: five things that an error flag alone confuses.

A person's refusal and a cancelled sibling of a failed parallel call are not failures of the agent; an invalid
input never ran. The patterns are the texts and classes that the agents were measured to emit.
"""

from __future__ import annotations

import re
from typing import Final

FAILURE_KINDS: Final = (
    "failed",
    "invalid_input",
    "user_rejected",
    "denied",
    "sibling_cancelled",
    "interrupted",
)
"""``failed`` ran and failed; ``denied`` was refused by configuration or a hook; the others say it themselves."""

AGENT_FAULTS: Final = ("failed", "invalid_input")
"""The kinds that count as errors of the agent."""

_PATTERNS: Final = (
    ("sibling_cancelled", re.compile(r"sibling", re.IGNORECASE)),
    (
        "user_rejected",
        re.compile(r"user (doesn't|does not) want|user_rejected|rejected by (the )?user", re.IGNORECASE),
    ),
    ("interrupted", re.compile(r"interrupt|cancell?ed|aborted", re.IGNORECASE)),
    (
        "denied",
        re.compile(r"permission (to use .* has been )?denied by|\bdenied by\b|blocked by hook", re.IGNORECASE),
    ),
    (
        "invalid_input",
        re.compile(r"tool_use_error|InputValidationError|invalid (input|arguments|tool)", re.IGNORECASE),
    ),
)

_CLASS: Final = re.compile(r"[A-Za-z][A-Za-z_.]{0,63}(?::[A-Za-z_]{1,63}|:\d{1,4})?")


def error_class(error: str) -> str | None:
    """The error where it is a class or code, such as ``exit_code:1`` or ``ENOENT``; None where it may be a text."""
    return error if _CLASS.fullmatch(error) else None


def failure_kind(error: str | None) -> str:
    """The kind of failure an error text or class stands for; ``failed`` where it says nothing else."""
    if error:
        for kind, pattern in _PATTERNS:
            if pattern.search(error):
                return kind
    return "failed"
