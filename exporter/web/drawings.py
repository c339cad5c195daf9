"""Geometry of the small pictures on the pages; the templates only write the numbers down as SVG attributes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.web.session_detail import TimelineEvent
from exporter.web.wording import hundredths

LANES: Final = (
    ("people", ("user_prompt", "notification", "tool_decision")),
    ("model", ("assistant_message", "api_request", "api_error", "compaction")),
    ("tools", ("tool_call", "tool_result")),
    ("other", ()),
)
"""Rows of the timeline strip with the events they hold; the last one takes the rest."""

_LANE_OF: Final = {event: lane for lane, (_, events) in enumerate(LANES) for event in events}


@dataclass(frozen=True, slots=True)
class RangeBar:
    """A value against its expected range, as positions 0…100 along a bar.

    ``low`` to ``high`` is the expected band, ``value`` the mark, None where it is unknown.
    """

    low: float
    high: float
    value: float | None
    is_outside: bool

    @property
    def width(self) -> float:
        """Width of the band, never too thin to be seen."""
        return max(self.high - self.low, 1.5)


def range_bar(value: float | None, low: float | None, high: float | None) -> RangeBar | None:
    """The bar of a value; None where there is no expected range to draw.

    The axis runs from zero, or from the lowest number where one is negative, to a little beyond the highest.
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    known = value if value is not None and math.isfinite(value) else None
    shown = [low, high, *([] if known is None else [known])]
    start = min(0.0, *shown)
    length = (max(shown) - start) * 1.08
    if length <= 0 or not math.isfinite(length):
        return None
    place = [round(100.0 * ((each - start) / length), 2) for each in shown]
    return RangeBar(
        place[0], place[1], place[2] if known is not None else None, known is not None and not low <= known <= high
    )


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of the strip: position 0…1000, lane from above, and whether it failed or a rule matched."""

    x: float
    lane: int
    kind: str


def strip(timeline: Sequence[TimelineEvent]) -> tuple[Tick, ...]:
    """Marks of a timeline, those that share a place drawn once, the gravest on top.

    ``kind`` is ``found`` (a rule matched), ``failed`` or ``plain``.
    """
    if not timeline:
        return ()
    first = min(event.time_ns for event in timeline)
    length = max(max(event.time_ns for event in timeline) - first, 1)
    kinds: dict[tuple[float, int], str] = {}
    for event in timeline:
        place = (round(1000.0 * (event.time_ns - first) / length), _LANE_OF.get(event.event, len(LANES) - 1))
        kinds[place] = max(kinds.get(place, "plain"), _kind(event), key=_GRAVITY.index)
    ticks = [Tick(x, lane, kind) for (x, lane), kind in kinds.items()]
    return tuple(sorted(ticks, key=lambda tick: _GRAVITY.index(tick.kind)))


_GRAVITY: Final = ("plain", "failed", "found")


def _kind(event: TimelineEvent) -> str:
    if event.rules:
        return "found"
    return "failed" if event.success is False or event.event == "api_error" else "plain"


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar.

    Attributes:
        hundredths: the share in hundredths as shown; those of all parts add up to the whole as shown.
        start: where it begins along the bar, 0…100.
        width: how long it is.
    """

    name: str
    hundredths: int
    start: float
    width: float


def stacked(parts: dict[str, float], whole: float) -> tuple[Segment, ...]:
    """Parts of a score in 0…1, largest first, one after the other.

    Shares are rounded by largest remainders, so that the numbers on the page add up to the whole as shown.
    """
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    cut = [hundredths(share) for _, share in ordered]
    missing = hundredths(whole) - sum(cut)
    by_remainder = sorted(range(len(ordered)), key=lambda k: cut[k] - 100.0 * ordered[k][1])
    for k in by_remainder[: max(missing, 0)]:
        cut[k] += 1
    segments: list[Segment] = []
    start = 0.0
    for (name, share), shown in zip(ordered, cut, strict=True):
        segments.append(Segment(name, shown, round(start, 3), round(100.0 * share, 3)))
        start += 100.0 * share
    return tuple(segments)
