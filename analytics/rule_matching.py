"""Conditions on one event: which rows of an event table match.

Agents repeat themselves, so every text is looked at once per table: text columns per category, details per distinct
text and project. Of the details only those that contain one of a pattern's plain words are brought into normal form
and meet its regular expression.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Final

import numpy as np
import pandas as pd

from analytics.events import DETAILS, EventTable
from analytics.long_text import readings
from analytics.rule_commands import command_lines, normal_path

TEXT_COLUMNS: Final = (
    "event", "agent", "tool_category", "permission_mode", "decision", "decision_source", "failure_kind",
)  # fmt: skip
"""Columns a condition compares with a list of values."""
PATTERN_COLUMNS: Final = ("tool_name", "program", "error")
"""Columns a condition searches with a regular expression."""
FLAG_COLUMNS: Final = ("outside", "success")
"""Columns a condition compares with true or false; unknown is neither."""


@dataclass(frozen=True)
class TextPattern:
    """What the normal form of a detail must look like.

    Attributes:
        matches: searched for in the normal form; None lets every text pass.
        words: plain texts, in lower case, one of which the text as logged must contain; empty lets every text pass.
        unless: texts that this is found in do not match.
    """

    matches: re.Pattern[str] | None
    words: tuple[str, ...] = ()
    unless: re.Pattern[str] | None = None

    def accepts(self, text: str) -> bool:
        """Whether a text in normal form matches."""
        return (self.matches is None or self.matches.search(text) is not None) and (
            self.unless is None or self.unless.search(text) is None
        )


@dataclass(frozen=True)
class Match:
    """A condition on one event: everything that is given must hold.

    Attributes:
        one_of: values by column of ``TEXT_COLUMNS``.
        patterns: regular expressions by column of ``PATTERN_COLUMNS``.
        flags: by column of ``FLAG_COLUMNS``.
        details: patterns by column of ``analytics.events.DETAILS``.
    """

    one_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    details: Mapping[str, TextPattern] = field(default_factory=dict)

    @property
    def needs_details(self) -> bool:
        """Whether it reads columns that are gone once an event is stored."""
        return bool(self.details) or "error" in self.patterns  # of an error only its class is stored

    def rows(self, view: TableView) -> np.ndarray:
        """Positions of the rows that match, ascending, shape (n_matches,)."""
        rows = view.all_rows
        for column, pattern in self.details.items():
            found = view.details[column].rows_with(pattern)
            rows = found if rows is view.all_rows else np.intersect1d(rows, found, assume_unique=True)
        for column, wanted in self.one_of.items():
            rows = view.keep(rows, column, wanted.__contains__)
        for column, expression in self.patterns.items():
            rows = view.keep(rows, column, partial(_is_found, expression))
        for column, flag in self.flags.items():
            rows = rows[view.table.values(column)[rows] == int(flag)]
        return rows


def _is_found(expression: re.Pattern[str], text: str) -> bool:
    return expression.search(text) is not None


def rows_of_any(matches: tuple[Match, ...], view: TableView) -> np.ndarray:
    """Positions of the rows that at least one condition matches, ascending."""
    if len(matches) == 1:
        return matches[0].rows(view)
    return np.unique(np.concatenate([match.rows(view) for match in matches]))


def _triples(text: str) -> frozenset[int]:
    """Every three bytes that stand in a row somewhere in a text, each as one number."""
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.int32)
    return frozenset(np.unique(raw[:-2] << 16 | raw[1:-1] << 8 | raw[2:]).tolist())


_triples_of_word = lru_cache(maxsize=4096)(_triples)
"""The same of a rule's word: there are a few hundred, and each table asks for all of them."""


class TableView:
    """An event table as conditions look at it: distinct texts are found once and shared by all rules."""

    def __init__(self, table: EventTable) -> None:
        self.table = table
        self.all_rows = np.arange(len(table))
        self.details = {name: DetailTexts(table, name) for name in DETAILS}

    def keep(self, rows: np.ndarray, column: str, accepts: Callable[[str], bool]) -> np.ndarray:
        """Those of the rows whose text in a text column is accepted; a missing text is not."""
        if not len(rows):
            return rows
        lookup = np.array([*(accepts(text) for text in self.table.categories(column)), False])
        kept: np.ndarray = rows[lookup[self.table.codes(column)[rows]]]
        return kept


class DetailTexts:
    """The distinct texts of one detail column, in normal form where somebody asks for it."""

    def __init__(self, table: EventTable, column: str) -> None:
        self._table = table
        self._column = column
        self._normal: dict[int, str] = {}
        self._holders: dict[str, list[int]] = {}

    @cached_property
    def _coded(self) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str | None]]]:
        """Rows that have a text, the number of each one's text, and the texts with their project."""
        codes, distinct = pd.factorize(self._table.values(self._column))
        rows = np.flatnonzero(codes >= 0)
        projects = [*self._table.categories("project"), None]
        width = len(projects)
        pairs, inverse = np.unique(
            codes[rows].astype(np.int64) * width + self._table.codes("project")[rows].astype(np.int64) % width,
            return_inverse=True,
        )
        texts = [(str(distinct[pair // width]), projects[pair % width]) for pair in pairs.tolist()]
        return rows, inverse, texts

    @cached_property
    def _joined(self) -> tuple[str, list[int]]:
        """All texts in lower case as one text, and where each begins: one search for a word instead of many."""
        lowered = [text.lower() for text, _ in self._coded[2]]
        return "\0".join(lowered), list(itertools.accumulate((len(text) + 1 for text in lowered), initial=0))

    @cached_property
    def _triples(self) -> frozenset[int]:
        return _triples(self._joined[0])

    def rows_with(self, pattern: TextPattern) -> np.ndarray:
        """Positions of the rows whose text has the pattern, ascending."""
        rows, inverse, texts = self._coded
        candidates: range | set[int] = range(len(texts))
        if pattern.words:
            candidates = set().union(*(self._with_word(word) for word in pattern.words))
        matched = [number for number in candidates if pattern.accepts(self._normal_form(number))]
        if not matched:
            return rows[:0]
        lookup = np.zeros(len(texts), dtype=bool)
        lookup[matched] = True
        found: np.ndarray = rows[lookup[inverse]]
        return found

    def _with_word(self, word: str) -> list[int]:
        """Numbers of the texts that contain a word; many rules share their words."""
        holders = self._holders.get(word)
        if holders is None:
            joined, starts = self._joined
            # Most words occur nowhere, and most of those have three letters that occur nowhere in a row.
            position = joined.find(word) if _triples_of_word(word) <= self._triples else -1
            holders = []
            while position >= 0:
                number = bisect.bisect_right(starts, position) - 1
                holders.append(number)
                position = joined.find(word, starts[number + 1])
            self._holders[word] = holders
        return holders

    def _normal_form(self, number: int) -> str:
        text = self._normal.get(number)
        if text is None:
            logged, project = self._coded[2][number]
            if self._column == "command":
                text = "\n".join([command_lines(reading, project) for reading in readings(logged)])
            elif self._column == "path":
                text = normal_path(logged, project)
            else:
                text = logged
            self._normal[number] = text
        return text
