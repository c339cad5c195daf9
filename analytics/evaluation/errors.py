"""What can go wrong in this package."""

from __future__ import annotations


class EvaluationError(ValueError):
    """Sessions and truth do not allow what was asked; the message says what to do."""
