"""How pages write times, numbers and names: UTC, three significant digits, nothing that steers the text around it."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN: Final = "\u2013"
_STEPS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_INVISIBLE: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories that show nothing or change direction or line."""
_DETECTORS: Final = {
    "isolation_forest": "Isolation Forest",
    "lof": "Local Outlier Factor",
    "dbscan": "DBSCAN",
    "covariance": "Bonds between features",
    "extreme": "Farthest feature",
    "sequence": "Order of steps",
    "disorder": "Steps out of order",
    "step": "Oddest size of a step",
    "channel": "Sizes throughout",
    "stretch": "Oddest stretch of sizes",
    "intake": "Tool outputs taken in",
    "words": "New words",
    "burst": "New words in a burst",
    "wrong_user": "Another user's habits",
}


def utc(time_ns: int) -> str:
    """A time as ``2026-10-05 06:07:08``, UTC."""
    return (_EPOCH + timedelta(seconds=time_ns // 1_000_000_000)).isoformat(sep=" ", timespec="seconds")[:19]


def minute(time_ns: int) -> str:
    """A time to the minute, ``2026-10-05 06:07``, UTC."""
    return utc(time_ns)[:16]


def machine_time(time_ns: int) -> str:
    """A time for the ``datetime`` attribute."""
    return utc(time_ns).replace(" ", "T") + "Z"


def span(seconds: float | None) -> str:
    """A length of time in its two largest units: ``2 d 4 h``, ``3 min 20 s``, ``0.4 s``."""
    if seconds is None or not math.isfinite(seconds):
        return _UNKNOWN
    if seconds < 10:
        return f"{max(seconds, 0.0):.2g} s" if seconds < 9.95 else "10 s"
    whole = round(seconds)
    size, unit = next((size, unit) for size, unit in _STEPS if whole >= size)
    rest = whole % int(size)
    smaller = next(((less, name) for less, name in _STEPS if less < size), None)
    text = f"{whole // int(size)} {unit}"
    if smaller is None or rest < smaller[0]:
        return text
    return f"{text} {rest // int(smaller[0])} {smaller[1]}"


def ago(seconds: float) -> str:
    """How long since, in the largest unit: ``3 h ago``; ``now`` within the same second and for the future."""
    if seconds < 1:
        return "now"
    size, unit = next((size, unit) for size, unit in _STEPS if seconds >= size)
    return f"{int(seconds // size)} {unit} ago"


def number(value: float | None) -> str:
    """A number as a person writes it: three significant digits, thousands grouped."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def score(value: float | None) -> str:
    """A score in 0…1 with two digits, cut, so that no score looks as if it had reached the next level."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    return f"{hundredths(value) / 100:.2f}"


def hundredths(value: float) -> int:
    """Whole hundredths of a score, cut; the least bit added keeps 0.29 from being 28."""
    return math.floor(100.0 * value + 1e-9)


def words(name: str) -> str:
    """A snake_case or kebab-case name as words: ``error_ratio`` becomes ``error ratio``."""
    return name.replace("_", " ").replace("-", " ")


def detector(name: str) -> str:
    """A detector as a person reads it."""
    return _DETECTORS.get(name, words(name))


def inert(text: str | None, limit: int = 200) -> str:
    """A text from telemetry made visible in one line: direction marks and control characters show as code points.

    Escaping for HTML is the templates' business. ``limit`` is in characters; what is cut shows as an ellipsis.
    """
    if text is None:
        return _UNKNOWN
    kept = text if len(text) <= limit else text[: limit - 1] + "…"
    if kept.isascii() and kept.isprintable():
        return kept
    return "".join(_visible(character) for character in kept)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def middle_cut(text: str, limit: int = 28) -> str:
    """A long id or path with its middle left out; both ends tell things apart."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"
