"""What the features measure on: sessions, their tool uses, and sums, shares and runs per session.

Every method returns one number a session, shape (n_sessions,), float64, NaN where there is nothing to measure.
Everything is worked out for all sessions at once, by counting over columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analytics.events import EVENT_NAMES, TOTAL_COLUMNS
from analytics.sessions import SessionEvents
from analytics.tool_uses import ToolUses, pair_tool_uses


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When people usually work: hours of the day [begin, end) and days of the week (0 Monday), at a UTC offset.

    ``offset_minutes`` is the zone's offset from UTC; a zone with daylight saving is given the one in force.
    """

    begin: float = 8.0
    end: float = 19.0
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    offset_minutes: int = 0

    def is_off(self, time_ns: np.ndarray) -> np.ndarray:
        """Mask of the times outside working hours."""
        minutes = time_ns // 60_000_000_000 + self.offset_minutes
        hour = (minutes % 1440) / 60.0
        day = (minutes // 1440 + 3) % 7  # 1 January 1970 was a Thursday
        return ~((hour >= self.begin) & (hour < self.end) & np.isin(day, self.days))


@dataclass(frozen=True)
class Activity:
    """Whole sessions ready to be measured."""

    sessions: SessionEvents
    uses: ToolUses
    working_hours: WorkingHours

    @classmethod
    def of(cls, sessions: SessionEvents, working_hours: WorkingHours | None = None) -> Activity:
        """Pair the tool uses of some sessions."""
        return cls(sessions, pair_tool_uses(sessions), working_hours or WorkingHours())

    def __len__(self) -> int:
        return len(self.sessions)

    # Events

    def event_mask(self, *names: str) -> np.ndarray:
        """Mask of the events with one of the names."""
        return self.sessions.table.is_one_of("event", names)

    def count_named(self, name: str) -> np.ndarray:
        """How many events of one of ``EVENT_NAMES`` each session has."""
        return self._named_counts[:, EVENT_NAMES.index(name)].astype(float)

    @cached_property
    def _named_counts(self) -> np.ndarray:
        """Events by name, shape (n_sessions, n_names + 1), the unknown names together in the last column."""
        table, others = self.sessions.table, len(EVENT_NAMES)
        columns = np.array(
            [EVENT_NAMES.index(name) if name in EVENT_NAMES else others for name in table.categories("event")],
            dtype=np.int64,
        )
        cells = self.sessions.index * (others + 1) + columns[table.codes("event")]
        return np.bincount(cells, minlength=len(self) * (others + 1)).reshape(len(self), others + 1)

    def count_events(self, mask: np.ndarray) -> np.ndarray:
        """How many masked events each session has."""
        return np.bincount(self.sessions.index[mask], minlength=len(self)).astype(float)

    def event_values(self, column: str, mask: np.ndarray) -> Grouped:
        """A numeric column's known values among the masked events."""
        values = self.sessions.table.values(column)
        rows = np.flatnonzero(mask & ~np.isnan(values))
        return Grouped(self.sessions.index[rows], values[rows], len(self))

    def distinct_texts(self, column: str) -> np.ndarray:
        """How many different known values of a text column each session has."""
        codes = self.sessions.table.codes(column)
        rows = np.flatnonzero(codes >= 0)
        return Grouped(self.sessions.index[rows], codes[rows], len(self)).distinct()

    @cached_property
    def totals(self) -> dict[str, np.ndarray]:
        """Sums of tokens and cost by column; NaN where no event of a session has a value."""
        every = np.ones(len(self.sessions.table), dtype=bool)
        return {column: self.event_values(column, every).sum() for column in TOTAL_COLUMNS}

    @cached_property
    def gaps_seconds(self) -> Grouped:
        """Seconds between neighbouring events of a session."""
        times = self.sessions.table.values("time_ns")
        rows = np.flatnonzero(self.sessions.rank > 0)
        return Grouped(self.sessions.index[rows], (times[rows] - times[rows - 1]) / 1e9, len(self))

    # Tool uses

    @cached_property
    def use_count(self) -> np.ndarray:
        """Tool uses of each session."""
        return np.bincount(self.uses.session, minlength=len(self)).astype(float)

    def use_share(self, mask: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """Share of the tool uses (or of those ``among``) that are masked; NaN without any."""
        chosen = mask if among is None else mask & among
        part = np.bincount(self.uses.session[chosen], minlength=len(self)).astype(float)
        whole = self.use_count if among is None else np.bincount(self.uses.session[among], minlength=len(self))
        return ratio(part, whole)

    def use_values(self, values: np.ndarray) -> Grouped:
        """Known values among the tool uses."""
        rows = np.flatnonzero(~np.isnan(values))
        return Grouped(self.uses.session[rows], values[rows], len(self))

    def category_mask(self, *categories: str) -> np.ndarray:
        """Mask of the tool uses in one of the categories."""
        lookup = np.array([name in categories for name in self.sessions.table.categories("tool_category")] + [False])
        return lookup[self.uses.category]

    def failure_mask(self, *kinds: str) -> np.ndarray:
        """Mask of the tool uses that failed in one of the ways."""
        lookup = np.array([name in kinds for name in self.sessions.table.categories("failure_kind")] + [False])
        return lookup[self.uses.failure_kind]

    @cached_property
    def use_seconds(self) -> Grouped:
        """Known durations of the tool uses."""
        return self.use_values(self.uses.duration_ms / 1000.0)

    @cached_property
    def input_chars(self) -> Grouped:
        """Known sizes of the tool uses' arguments."""
        return self.use_values(self.uses.input_chars)

    @cached_property
    def output_chars(self) -> Grouped:
        """Known sizes of the tool uses' outputs."""
        return self.use_values(self.uses.output_chars)

    @cached_property
    def follows(self) -> np.ndarray:
        """Mask of the tool uses that come after another one in the same session."""
        session = self.uses.session
        return np.concatenate(([False], session[1:] == session[:-1])) if len(session) else np.array([], dtype=bool)

    @cached_property
    def call_key(self) -> np.ndarray:
        """Identity of each use's call, shape (n_uses,): equal for the same tool with the same arguments; 0 unknown."""
        names = (self.uses.name.astype(np.uint64) + np.uint64(2)) * np.uint64(0x9E3779B97F4A7C15)
        return np.where(self.uses.args_hash == 0, np.uint64(0), self.uses.args_hash ^ names)

    def longest_run(self, mask: np.ndarray) -> np.ndarray:
        """Most masked tool uses in a row in each session; 0 when there are none, NaN without tool uses."""
        return _longest_runs(mask, ~self.follows, self.uses.session, self.use_count)

    def longest_repeat(self, keys: np.ndarray) -> np.ndarray:
        """Longest row of tool uses with one non-zero key in each session; NaN where no key is known."""
        known = keys != 0
        changed = np.concatenate(([True], keys[1:] != keys[:-1])) if len(keys) else np.array([], dtype=bool)
        has_known = np.bincount(self.uses.session[known], minlength=len(self)).astype(float)
        return _longest_runs(known, ~self.follows | changed, self.uses.session, has_known)


def _longest_runs(mask: np.ndarray, begins: np.ndarray, session: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Length of the longest masked stretch per session, stretches being cut where ``begins`` is set."""
    if not mask.any():
        return np.where(ground > 0, 0.0, np.nan)
    block = np.cumsum(begins | ~mask | np.concatenate(([True], ~mask[:-1])))[mask]
    starts = stretches(block)
    lengths = np.diff(np.append(starts, len(block)))
    longest = Grouped(session[mask][starts], lengths, len(ground)).maximum()
    return np.where(ground > 0, np.nan_to_num(longest), np.nan)


def stretches(*columns: np.ndarray) -> np.ndarray:
    """Where each stretch of rows that are equal in all columns begins."""
    begins = np.ones(len(columns[0]), dtype=bool)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(begins)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where there is no whole."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


@dataclass(frozen=True)
class Grouped:
    """Values that belong to sessions: shape (n,), with the session number of each, in order of session."""

    session: np.ndarray
    values: np.ndarray
    length: int

    @cached_property
    def counts(self) -> np.ndarray:
        """How many values each session has."""
        return np.bincount(self.session, minlength=self.length).astype(float)

    def sum(self) -> np.ndarray:
        """Sum of each session's values; NaN without any."""
        totals = np.bincount(self.session, weights=self.values, minlength=self.length)
        return np.where(self.counts > 0, totals, np.nan)

    def mean(self) -> np.ndarray:
        """Mean of each session's values."""
        return ratio(np.bincount(self.session, weights=self.values, minlength=self.length), self.counts)

    def maximum(self) -> np.ndarray:
        """Greatest of each session's values; NaN without any."""
        result = np.full(self.length, np.nan)
        if len(self.values):
            # The values stand in order of session, so each session's are one stretch.
            result[self.counts > 0] = np.maximum.reduceat(self.values, stretches(self.session))
        return result

    def quantile(self, share: float) -> np.ndarray:
        """The ``share`` quantile of each session's values (lower of the two neighbours)."""
        result = np.full(self.length, np.nan)
        counts = self.counts.astype(np.int64)
        present = counts > 0
        offset = np.floor((counts - 1) * share).astype(np.int64)
        result[present] = self._ordered[(np.cumsum(counts) - counts + offset)[present]]
        return result

    @cached_property
    def _ordered(self) -> np.ndarray:
        """The values session by session, in each from the lowest to the highest."""
        by_value = np.argsort(self.values)
        # The narrowest integers that can number the sessions: numpy sorts those of up to 16 bits in linear time.
        session = self.session[by_value].astype(np.min_scalar_type(self.length))
        return self.values[by_value[np.argsort(session, kind="stable")]]

    def distinct(self) -> np.ndarray:
        """How many different values each session has."""
        if not len(self.values):
            return np.zeros(self.length)
        values = self.values.astype(np.int64)
        lowest, highest = int(values.min()), int(values.max())
        width = highest - lowest + 1
        pairs = pd.unique(self.session.astype(np.int64) * width + (values - lowest))
        return np.bincount(pairs // width, minlength=self.length).astype(float)

    def entropy(self) -> np.ndarray:
        """Shannon entropy, in bits, of the shares of each session's values; NaN without any."""
        result = np.full(self.length, np.nan)
        if not len(self.values):
            return result
        width = int(self.values.max()) + 2
        keys, counts = np.unique(self.session.astype(np.int64) * width + self.values, return_counts=True)
        session = keys // width
        share = counts / self.counts[session]
        bits = np.bincount(session, weights=-share * np.log2(share), minlength=self.length)
        return np.where(self.counts > 0, np.abs(bits), np.nan)
