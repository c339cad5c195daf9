"""Habits: what a session tells of who ran it, as one row of numbers.

Four views stand side by side: the features (all but cost, which names the model), the shares of the tools and programs
used, the sizes usual with each tool (how long the prompts are, how much is read at once), and the hour the session
began. Who, where and when otherwise take no part: no id, project, team, version, date or language model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import SessionRows
from analytics.baseline import to_model_space
from analytics.features import FEATURES
from analytics.step_sequences import StepSequences
from analytics.traces import CHANNELS, Trace

_OFF_HOURS: Final = "off_hours_ratio"
_COLUMNS: Final = np.array([k for k, feature in enumerate(FEATURES) if feature.group != "cost"])
_CLOCK_FEATURES: Final = np.array([FEATURES[k].name == _OFF_HOURS for k in _COLUMNS])
MOST_SYMBOLS: Final = 100
"""Tools and programs with a column of their own: those in most sessions."""
MOST_SIZED_TOOLS: Final = 25
"""Tools whose sizes have columns."""
LEAST_SESSIONS_WITH: Final = 3
"""Sessions that must use a tool before it has a column: one session's tool would name its user."""
SIZE_SHRINKAGE: Final = 3.0
"""Steps after which a session's own size with a tool weighs as much as everyone's."""
CLOCK_CENTRES: Final = 12
"""Overlapping windows of the day, two hours apart."""
_UNKNOWN: Final = -1
_BLOCK: Final = 500
"""Sessions whose habits are measured at once: the more, the more memory their steps take."""
_CLOCK_SHARPNESS: Final = 4.0
"""Concentration of a window (von Mises): it falls to a third within three hours."""
FARTHEST: Final = 6.0
"""Standard deviations to which a column is bounded."""


@dataclass(frozen=True)
class HabitSpace:
    """Which columns there are, and what is usual in each; learnt without knowing whose a session is.

    Attributes:
        middle, spread: of the features in model space, shape (n_kept_features,).
        symbols: column of each tool or program.
        tools: row of ``usual_sizes`` by tool.
        usual_sizes: mean logarithm of each tool's sizes, shape (n_tools, 4), columns as in ``traces.CHANNELS``.
        centre, scale: mean and standard deviation of each column, shape (n_columns,).
    """

    middle: np.ndarray
    spread: np.ndarray
    symbols: dict[str, int]
    tools: dict[str, int]
    usual_sizes: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @property
    def is_clock(self) -> np.ndarray:
        """Mask of the columns that tell the hour of the day, shape (n_columns,)."""
        mask = np.zeros(len(self.centre), dtype=bool)
        mask[: len(_COLUMNS)] = _CLOCK_FEATURES
        mask[len(mask) - CLOCK_CENTRES :] = True
        return mask

    @property
    def is_tool_share(self) -> np.ndarray:
        """Mask of the columns that hold the tools' shares, shape (n_columns,)."""
        mask = np.zeros(len(self.centre), dtype=bool)
        mask[len(_COLUMNS) : len(_COLUMNS) + len(self.symbols)] = True
        return mask

    def habits(self, rows: SessionRows) -> np.ndarray:
        """Standardised habits of some sessions, float32, shape (n_sessions, n_columns)."""
        result = np.empty((len(rows), len(self.centre)), dtype=np.float32)
        for first in range(0, len(rows), _BLOCK):
            raw = self._raw(rows, first, min(first + _BLOCK, len(rows)))
            result[first : first + _BLOCK] = np.clip((raw - self.centre) / self.scale, -FARTHEST, FARTHEST)
        return result

    def _raw(self, rows: SessionRows, first: int, last: int) -> np.ndarray:
        """Habits of the sessions from ``first`` to before ``last``, shape (n_sessions, n_columns)."""
        traces = [rows.trace(number) for number in range(first, last)]
        steps = _steps_of(traces)
        deviations = (to_model_space(rows.values[first:last])[:, _COLUMNS] - self.middle) / self.spread
        views = (
            np.clip(np.nan_to_num(deviations, nan=0.0), -4.0, 4.0),
            self._shares(steps),
            self._sizes(traces, steps),
            clock([info.started_ns for info in rows.infos[first:last]]),
        )
        return np.concatenate(views, axis=1)

    def _shares(self, steps: StepSequences) -> np.ndarray:
        """Square roots of the tools' shares of the steps: rare tools show, and no share is a logarithm of nothing."""
        codes, number = steps.coded(self.symbols, _UNKNOWN), steps.sequence
        is_known = codes != _UNKNOWN
        at = number[is_known] * len(self.symbols) + codes[is_known]
        shape = (len(steps.length), len(self.symbols))
        counts = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
        return np.asarray(np.sqrt(counts / np.maximum(steps.length, 1)[:, None]))

    def _sizes(self, traces: Sequence[Trace], steps: StepSequences) -> np.ndarray:
        """How far the sessions' sizes with each tool are from everyone's, shrunk by how few there are."""
        sums, counts = _size_sums(traces, steps, self.tools)
        sizes = (sums - counts * self.usual_sizes) / (counts + SIZE_SHRINKAGE)
        return np.asarray(sizes.reshape(len(traces), self.usual_sizes.size))


def fit_habit_space(rows: SessionRows) -> HabitSpace:
    """Learn columns and what is usual from some sessions, at least one."""
    values = to_model_space(rows.values)[:, _COLUMNS]
    middle, spread = middle_and_spread(values)
    traces = [rows.trace(number) for number in range(len(rows))]
    steps = _steps_of(traces)
    symbols = _frequent((set(trace.symbols[: trace.length]) for trace in traces), MOST_SYMBOLS)
    tools = _frequent(
        ({tool_of(symbol) for symbol in trace.symbols[: trace.length]} for trace in traces), MOST_SIZED_TOOLS
    )
    sums, counts = (each.sum(axis=0) for each in _size_sums(traces, steps, tools))
    usual = sums / np.maximum(counts, 1.0)
    width = len(_COLUMNS) + len(symbols) + usual.size + CLOCK_CENTRES
    rough = HabitSpace(middle, spread, symbols, tools, usual, np.zeros(width), np.ones(width))
    raw = rough._raw(rows, 0, len(rows))  # noqa: SLF001 - the same class, one step before it is whole
    scale = raw.std(axis=0)
    # A column that never varied says nothing, rather than shouting once it does.
    return HabitSpace(middle, spread, symbols, tools, usual, raw.mean(axis=0), np.where(scale > 1e-6, scale, np.inf))


def tool_of(symbol: str) -> str:
    """The tool of a step, without its program."""
    return symbol.split(":", 1)[0]


def clock(started_ns: Sequence[int]) -> np.ndarray:
    """Nearness of each time to each window of the day (UTC), shape (n, CLOCK_CENTRES), at most 1.

    Windows on a circle, so that 23:59 and 00:01 are neighbours.
    """
    turn = 2 * np.pi * (np.array(started_ns, dtype=np.int64) % 86_400_000_000_000) / 86_400_000_000_000
    centres = 2 * np.pi * np.arange(CLOCK_CENTRES) / CLOCK_CENTRES
    return np.exp(_CLOCK_SHARPNESS * (np.cos(turn[:, None] - centres) - 1.0))


def middle_and_spread(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation of each column; 0 and 1 where nothing is known or nothing varies."""
    middle, spread = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    for column in range(rows.shape[1]):
        known = rows[:, column][~np.isnan(rows[:, column])]
        if len(known):
            low, middle[column], high = np.quantile(known, [0.25, 0.5, 0.75])
            spread[column] = max((high - low) / 1.349, float(np.std(known)) / 2, 1e-3)
    return middle, spread


def _frequent(sets: Iterable[set[str]], most: int) -> dict[str, int]:
    """The names found in most sets, by rank; equally frequent ones in the order of their names."""
    found = Counter(name for names in sets for name in names)
    ranked = sorted((name for name, count in found.items() if count >= LEAST_SESSIONS_WITH),
                    key=lambda name: (-found[name], name))  # fmt: skip
    return {name: rank for rank, name in enumerate(ranked[:most])}


def _steps_of(traces: Sequence[Trace]) -> StepSequences:
    """The steps that count of each trace."""
    return StepSequences.of([trace.symbols[: trace.length] for trace in traces])


def _size_sums(traces: Sequence[Trace], steps: StepSequences, tools: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and count of each trace's known sizes with each tool, shape (n_traces, n_tools, 4) each."""
    code = np.array([tools.get(tool_of(name), _UNKNOWN) for name in steps.names], dtype=np.int64)
    codes, number = code[steps.numbers], steps.sequence
    sizes = np.concatenate([trace.sizes[: trace.length] for trace in traces]).astype(float)
    known = ~np.isnan(sizes) & (codes != _UNKNOWN)[:, None]
    cells = (number * len(tools) + codes)[:, None] * len(CHANNELS) + np.arange(len(CHANNELS))
    at, shape = cells[known], (len(traces), len(tools), len(CHANNELS))
    sums = np.bincount(at, sizes[known], minlength=math.prod(shape))
    return sums.reshape(shape), np.bincount(at, minlength=math.prod(shape)).reshape(shape)
