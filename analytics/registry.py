"""The analyses, in the order they run. One line registers one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Final

from analytics.analysis import Analysis

ANALYSES: Final = (
    "fingerprint",
    "risk",
)


def load_analyses(names: Iterable[str] = ANALYSES) -> tuple[Analysis, ...]:
    """The named analyses; names, not imports, so that a heavy one loads only where it is enabled."""
    return tuple(import_module(f"analytics.analyses.{name}").ANALYSIS for name in names)
