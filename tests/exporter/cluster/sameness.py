"""Whether two values are the same to the last bit, however deep; models have no equality of their own."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def differences(one: Any, other: Any, where: str = "") -> list[str]:  # noqa: PLR0911 - one return a kind of value
    """Where two values differ, as paths of attributes and keys."""
    if type(one) is not type(other):
        return [f"{where}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, np.ndarray):
        return [] if _is_same_array(one, other) else [where]
    if isinstance(one, dict):
        if list(one) != list(other):
            return [f"{where}: keys"]
        return _within([(f"{where}[{key!r}]", one[key], other[key]) for key in one])
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{where}: length"]
        return _within([(f"{where}[{at}]", *pair) for at, pair in enumerate(zip(one, other, strict=True))])
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return _within([(f"{where}.{name}", getattr(one, name), getattr(other, name)) for name in names])
    if isinstance(one, (str, int, float, bool, set, frozenset, type(None), np.generic)):
        return [] if one == other or (one != one and other != other) else [where]  # noqa: PLR0124 - NaN
    state = getattr(one, "__getstate__", lambda: None)()
    return differences(state, other.__getstate__(), f"{where}<{type(one).__name__}>") if state is not None else []


def _within(pairs: list[tuple[str, Any, Any]]) -> list[str]:
    return [found for where, one, other in pairs for found in differences(one, other, where)]


def _is_same_array(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype == object:
        return not differences(one.tolist(), other.tolist())
    return one.tobytes() == other.tobytes()
