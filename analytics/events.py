"""Events as columns: the documented table that every later stage reads.

A month of a busy team is millions of events, too many for one Python object each. An ``EventTable`` has columns
whose names, types, units and missing values are fixed by ``COLUMNS``; decoders fill it through
``analytics.intake``. Detail columns (``DETAILS``) hold what a person or a model wrote or typed; they are dropped
before anything is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics.coded_text import CodedText
from analytics.failures import error_class

EVENT_NAMES: Final = (
    "session_start",
    "session_end",
    "user_prompt",
    "assistant_message",
    "api_request",
    "api_error",
    "tool_decision",
    "tool_call",
    "tool_result",
    "subagent_start",
    "subagent_stop",
    "notification",
    "compaction",
)
"""The events that have a meaning here; any other name is kept and counted."""

MISSING_SEQUENCE: Final = -1
UNKNOWN: Final = -1
"""Missing value of the three-valued int8 columns ``success`` and ``outside``."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an ``EventTable``: its name, kind of values, meaning (with unit) and what missing means.

    ``kind`` is ``text`` (categorical, missing is NaN), ``number`` (float64, missing is NaN), ``flag`` (int8:
    1, 0, -1 missing), ``key`` (uint64, 0 missing), ``order`` (int64, -1 missing), ``time`` (int64 nanoseconds
    since the epoch, UTC, never missing) or ``object`` (text too varied for categories, missing is None).
    """

    name: str
    kind: str
    meaning: str


COLUMNS: Final = (
    Column("time_ns", "time", "When it happened: nanoseconds since the epoch, UTC."),
    Column("session_id", "text", "The session, as the agent names it. Never missing."),
    Column("event", "text", "What happened, one of EVENT_NAMES or an unknown name. Never missing."),
    Column("sequence", "order", "The emitter's own order; orders events that share a time."),
    Column("event_id", "key", "Hash of the emitter's unique id; two rows that share it are one event."),
    Column("source", "text", "The decoder that produced the row."),
    Column("agent", "text", "The agent product, such as claude-code, codex, gemini-cli."),
    Column("agent_version", "text", "Its version."),
    Column("model", "text", "The language model."),
    Column("user_id", "text", "Who ran the agent."),
    Column("team", "text", "The team, where the operator sets one."),
    Column("project", "text", "A path or a name."),
    Column("parent_session_id", "text", "The session that started this one, for sub-agents and forks."),
    Column("tool_name", "text", "The tool, as the agent names it."),
    Column("tool_category", "text", "What kind of tool: see analytics.tools.CATEGORIES."),
    Column("tool_use_id", "object", "Pairs a call, its decision and its result."),
    Column("args_hash", "key", "Hash of the tool's whole arguments: equal tool and hash means the same call."),
    Column("program", "text", "Program and sub-command of a shell command's first part, such as 'git push'."),
    Column("words", "text", "What the tool's arguments say, in words of a small vocabulary: see analytics.words."),
    Column("outside", "flag", "Whether the path a tool touched lies outside the session's project."),
    Column("success", "flag", "Outcome of a tool result or API request."),
    Column("failure_kind", "text", "Why it did not succeed: see analytics.failures.FAILURE_KINDS."),
    Column("error", "text", "Error class, or the first words of the error text until rules have seen them."),
    Column("decision", "text", "accept or reject, of a tool_decision."),
    Column("decision_source", "text", "Who decided: user, config, hook …"),
    Column("permission_mode", "text", "Permission mode in force, such as default or bypassPermissions."),
    Column("effort", "text", "The model's reasoning effort setting."),
    Column("persona", "text", "Persona or sub-agent type asked for."),
    Column("reasoning", "text", "Reasoning level asked for in the prompt: think, think-hard, ultrathink."),
    Column("workflow", "text", "Slash command or skill, without the slash."),
    Column("duration_ms", "number", "Milliseconds; of a tool it holds the time a person took to allow it."),
    Column("input_tokens", "number", "Tokens."),
    Column("output_tokens", "number", "Tokens; a lower bound for transcripts."),
    Column("cache_read_tokens", "number", "Tokens."),
    Column("cache_creation_tokens", "number", "Tokens."),
    Column("cost_usd", "number", "US dollars, the client's own estimate."),
    Column("prompt_length", "number", "Characters."),
    Column("message_chars", "number", "Characters of an assistant_message."),
    Column("tool_input_chars", "number", "Characters."),
    Column("tool_output_chars", "number", "Characters."),
    Column("command", "object", "Shell command text. Detail."),
    Column("path", "object", "File or folder a tool touched. Detail."),
    Column("url", "object", "Web address a tool touched. Detail."),
    Column("attributes", "object", "Unknown fields as one JSON object in text. Detail."),
)
COLUMN_KINDS: Final = {column.name: column.kind for column in COLUMNS}
TOTAL_COLUMNS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cost_usd")
"""Columns that are added up over a session."""
DETAILS: Final = ("command", "path", "url", "attributes")
"""Columns that may hold what a person or a model wrote; they never reach the state."""

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "time": np.dtype("int64"),
    "order": np.dtype("int64"),
    "key": np.dtype("uint64"),
    "flag": np.dtype("int8"),
    "number": np.dtype("float64"),
    "object": np.dtype("object"),
}


def objects(values: Collection[Any]) -> np.ndarray:
    """Values of any kind as an object array of shape (n_values,), lists among them included."""
    if isinstance(values, np.ndarray) and values.dtype == np.object_:
        return values
    return np.fromiter(values, dtype=object, count=len(values))


def categorical(values: Collection[Any]) -> pd.Categorical:
    """Text values as a categorical in order of first appearance; None becomes missing (code -1).

    Raises ``TypeError`` for values that cannot be hashed.
    """
    codes, categories = pd.factorize(objects(values))
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories, dtype=object))


def missing_values(kind: str, length: int) -> np.ndarray | pd.Categorical:
    """A column of ``length`` missing values of that kind. ``time`` has none and is refused."""
    if kind == "text":
        return pd.Categorical.from_codes(np.full(length, -1, dtype=np.int8), categories=pd.Index([], dtype=object))
    if kind == "object":
        return np.full(length, None, dtype=object)
    fill: dict[str, float | int] = {"number": np.nan, "flag": UNKNOWN, "key": 0, "order": MISSING_SEQUENCE}
    if kind not in fill:
        raise ValueError(f"a column of kind {kind!r} cannot be missing")
    return np.full(length, fill[kind], dtype=DTYPES[kind])


def _column(values: np.ndarray | CodedText | pd.Categorical) -> np.ndarray | CodedText:
    return CodedText.of(values) if isinstance(values, pd.Categorical) else values


def _joined(name: str, parts: list[EventTable]) -> np.ndarray | CodedText:
    """One column of several tables."""
    if COLUMN_KINDS[name] == "text":
        return CodedText.joined([part.texts(name) for part in parts])
    return np.concatenate([part.values(name) for part in parts])


@dataclass(frozen=True, eq=False)
class EventTable:
    """Events as columns of exactly the names and kinds of ``COLUMNS``, all of one length.

    Rows are in no particular order until ``sorted`` is called: by session, then time, then sequence, then arrival.
    Nothing changes a table or the arrays that it gives; tables made of one another share them.

    Attributes:
        columns: the columns by name; one that is missing throughout may be left out. ``time_ns`` is always there.
    """

    columns: Mapping[str, np.ndarray | CodedText]

    def __len__(self) -> int:
        return len(self.columns["time_ns"])

    @classmethod
    def empty(cls) -> EventTable:
        """A table without rows."""
        return cls({"time_ns": np.array([], dtype=np.int64)})

    @classmethod
    def from_columns(cls, columns: Mapping[str, np.ndarray | CodedText | pd.Categorical]) -> EventTable:
        """Build a table from some columns; the others are missing throughout. ``time_ns`` must be given."""
        unknown = set(columns) - set(COLUMN_KINDS)
        if unknown:
            raise ValueError(f"unknown event columns: {sorted(unknown)}")
        return cls({name: _column(values) for name, values in columns.items()})

    @classmethod
    def concat(cls, tables: Iterable[EventTable]) -> EventTable:
        """All rows of several tables, in the order given."""
        parts = [table for table in tables if len(table)]
        if not parts:
            return cls.empty()
        if len(parts) == 1:
            return parts[0]
        return cls({name: _joined(name, parts) for name in COLUMN_KINDS if any(name in one.columns for one in parts)})

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a data frame with all of ``COLUMNS``, in that order; for looking at, it takes long to make."""
        # Series by Series: a plain dict of arrays would turn object columns of text into pandas' own text type.
        series = {
            name: pd.Series(
                self.texts(name).categorical() if kind == "text" else self.values(name),
                copy=False,
                dtype=object if kind == "object" else None,
            )
            for name, kind in COLUMN_KINDS.items()
        }
        return pd.DataFrame(series, copy=False)

    def with_columns(self, columns: Mapping[str, np.ndarray | CodedText | pd.Categorical]) -> EventTable:
        """The same rows with other values in some columns."""
        return EventTable({**self.columns, **{name: _column(values) for name, values in columns.items()}})

    def only(self, names: Collection[str]) -> EventTable:
        """The same rows with all other columns missing, but for the time: what is cheap to choose rows of."""
        return EventTable({name: self.columns[name] for name in ("time_ns", *names) if name in self.columns})

    def take(self, rows: np.ndarray) -> EventTable:
        """The rows chosen by a boolean mask or by positions, in that order."""
        if rows.dtype == np.bool_:
            if rows.all():
                return self
            rows = np.flatnonzero(rows)
        return EventTable({name: values[rows] for name, values in self.columns.items()})

    def stretch(self, begin: int, end: int) -> EventTable:
        """The rows from ``begin`` to before ``end``, sharing their memory with this table."""
        return EventTable({name: values[begin:end] for name, values in self.columns.items()})

    def sorted(self) -> EventTable:
        """Rows by session (in order of the session's code), then time, then sequence; ties keep arrival order."""
        order = np.lexsort((self.values("sequence"), self.values("time_ns"), self.codes("session_id")))
        return self.take(order)

    def deduplicated(self) -> EventTable:
        """The table without the second and later rows of one ``event_id`` in one session; 0 marks no id."""
        repeated = self.repeated()
        return self.take(~repeated) if repeated.any() else self

    def repeated(self) -> np.ndarray:
        """Mask of the rows whose session and ``event_id`` an earlier row has already."""
        ids = self.values("event_id")
        again = pd.Series(ids).duplicated().to_numpy() & (ids != 0)
        if not again.any():  # the rule: no need to look at the sessions too
            return again
        keys = pd.DataFrame({"session": self.codes("session_id"), "id": ids})
        return keys.duplicated().to_numpy() & again

    def without_details(self) -> EventTable:
        """The same rows with every detail column missing and of errors only their class: what may be stored."""
        columns = {name: values for name, values in self.columns.items() if name not in DETAILS}
        if "error" in columns:
            classes = CodedText.of(categorical([error_class(text) for text in self.categories("error")]))
            codes = np.append(classes.codes, np.int8(-1))[self.codes("error")]
            columns["error"] = CodedText(codes, classes.texts)
        return EventTable(columns)

    def values(self, name: str) -> np.ndarray:
        """A numeric or object column as an array of shape (n_events,)."""
        known = self.columns.get(name)
        if isinstance(known, np.ndarray):
            return known
        return np.asarray(missing_values(COLUMN_KINDS[name], len(self)) if known is None else known.categorical())

    def texts(self, name: str) -> CodedText:
        """A text column, shape (n_events,)."""
        known = self.columns.get(name)
        if isinstance(known, CodedText):
            return known
        if COLUMN_KINDS[name] != "text":
            raise ValueError(f"the column {name} holds no texts but values of kind {COLUMN_KINDS[name]}")
        return CodedText.missing(len(self))

    def codes(self, name: str) -> np.ndarray:
        """A text column's category codes, shape (n_events,), -1 where missing."""
        return self.texts(name).codes

    def categories(self, name: str) -> list[str]:
        """A text column's categories, in code order."""
        return self.texts(name).listed

    def is_one_of(self, name: str, wanted: Iterable[str]) -> np.ndarray:
        """Boolean mask, shape (n_events,), of rows whose text column has one of the wanted values."""
        chosen = set(wanted)
        lookup = np.array([value in chosen for value in self.categories(name)] + [False])
        return lookup[self.codes(name)]
