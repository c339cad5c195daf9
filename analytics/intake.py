"""Records become columns: the one door through which decoded telemetry enters.

A record is a mapping in the form of the native event line (its fields are listed in ``NATIVE_FIELDS`` and
``EXTRA_FIELDS``); every decoder yields such records. Nothing here raises for bad data: a record that cannot be
used is counted by reason and skipped, a bad value becomes missing. Work is done per column and per distinct
value, never per row and field, because a back-fill reads millions of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics.column_values import (
    MAX_TEXT,
    are_all,
    clean_text,
    hash_texts,
    number_column,
    sequence_column,
    text_column,
    trimmed_text,
)
from analytics.event_attributes import attributes_column
from analytics.events import MISSING_SEQUENCE, UNKNOWN, EventTable, categorical, missing_values, objects
from analytics.failures import failure_kind
from analytics.long_text import DETAILS_CUT
from analytics.number_fields import number_columns
from analytics.prompts import normalise_persona, normalise_workflow, prompt_intent
from analytics.record_columns import Given, RecordColumns
from analytics.tool_arguments import add_tool_details

__all__ = ["MAX_TEXT", "Intake", "build_event_table", "clean_text", "hash_texts"]

Record = Mapping[str, Any]

NATIVE_TEXT: Final = (
    "agent", "agent_version", "model", "user_id", "team", "project", "parent_session_id", "tool_name", "error",
    "decision",
)  # fmt: skip
NATIVE_NUMBERS: Final = (
    "duration_ms", "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cost_usd",
    "prompt_length", "message_chars", "tool_input_chars", "tool_output_chars",
)  # fmt: skip
NATIVE_FIELDS: Final = frozenset(
    (
        "timestamp",
        "session_id",
        "event",
        "tool_use_id",
        "tool_input",
        "success",
        "prompt",
        "sequence",
        *NATIVE_TEXT,
        *NATIVE_NUMBERS,
    )
)
EXTRA_TEXT: Final = ("decision_source", "permission_mode", "effort", "failure_kind")
EXTRA_FIELDS: Final = frozenset((*EXTRA_TEXT, "event_id", "workflow", "persona", "text_chars", DETAILS_CUT))
"""What a decoder may add to the native fields; ``event_id`` is any text unique to the event."""

KNOWN_FIELDS: Final = NATIVE_FIELDS | EXTRA_FIELDS
_EARLIEST: Final = pd.Timestamp("2000-01-01", tz="UTC").as_unit("ns")
_LATEST: Final = pd.Timestamp("2100-01-01", tz="UTC").as_unit("ns")
_EARLIEST_NS: Final = int(_EARLIEST.value)
_LATEST_NS: Final = int(_LATEST.value)
_READING_TIME: Final = frozenset(("now", "today"))
"""Words that pandas takes for the time at which it reads them, which is no event's."""

_FLAGS: Final = {True: 1, False: 0, "true": 1, "false": 0, "True": 1, "False": 0}


@dataclass(frozen=True)
class Intake:
    """What came of some records: the usable ones as a table, dropped ones and lost values counted by reason."""

    table: EventTable
    dropped: Counter[str] = field(default_factory=Counter)


def build_event_table(records: Sequence[Any], source: str) -> Intake:
    """Turn records into an ``EventTable`` in the order given.

    Args:
        records: mappings in native form; anything else is dropped as ``not_an_object``.
        source: name of the decoder, kept in the ``source`` column.

    Returns:
        The table and the count of dropped records by reason: ``not_an_object``, ``missing_timestamp``,
        ``bad_timestamp``, ``missing_session_id``, ``missing_event``; and that of values lost from records that were
        not dropped, by the reasons of ``analytics.lost_values``.
    """
    dropped: Counter[str] = Counter()
    rows = records if are_all(records, dict) else [record for record in records if isinstance(record, dict)]
    _count(dropped, "not_an_object", len(records) - len(rows))
    fields = RecordColumns(rows, KNOWN_FIELDS)
    times, usable = _parse_times(fields.column("timestamp"), dropped)
    usable &= _has_identity(fields, usable, dropped)
    fields = fields.chosen(usable, KNOWN_FIELDS)
    if not len(fields):
        return Intake(EventTable.empty(), dropped)
    columns = {"time_ns": times[usable], **_plain_columns(fields), **_number_columns(fields, dropped)}
    columns["source"] = pd.Categorical.from_codes(
        np.zeros(len(fields), dtype=np.int8), categories=pd.Index([source], dtype=object)
    )
    columns["event_id"] = _event_ids(fields, columns)
    if "tool_name" in columns:
        columns["tool_name"] = _named_results(columns)
    columns["attributes"] = attributes_column(fields, add_tool_details(fields, columns), dropped)
    _add_prompt_intent(fields, columns)
    _add_failure_kinds(columns)
    return Intake(EventTable.from_columns(columns), dropped)


def _plain_columns(fields: RecordColumns) -> dict[str, Any]:
    """The columns whose values stand in a field of their own."""
    columns: dict[str, Any] = {}
    for name in ("session_id", "event", *NATIVE_TEXT, *EXTRA_TEXT):
        if name in fields:
            columns[name] = text_column(fields.column(name), trimmed_text if name == "user_id" else clean_text)
    columns["sequence"] = sequence_column(_numbers(fields.given("sequence"), len(fields)))
    columns["success"] = _flags(fields.given("success"), len(fields))
    columns["tool_use_id"] = _ids(fields.given("tool_use_id"), len(fields))
    return columns


def _number_columns(fields: RecordColumns, dropped: Counter[str]) -> dict[str, np.ndarray]:
    """The columns of numbers."""
    columns = number_columns(fields, (*NATIVE_NUMBERS, "text_chars"), dropped)
    alias = columns.pop("text_chars", None)  # what some frameworks call message_chars
    if alias is not None:
        current = columns.get("message_chars", alias)
        columns["message_chars"] = np.where(np.isnan(current), alias, current)
    return columns


def _parse_times(stamps: np.ndarray, dropped: Counter[str]) -> tuple[np.ndarray, np.ndarray]:
    """Times in nanoseconds, and the mask of the good ones; both of shape (n_records,)."""
    times = np.full(len(stamps), np.iinfo(np.int64).min, dtype=np.int64)
    is_text = _are_texts(stamps)
    if is_text.any():
        texts = pd.Index(stamps[is_text], dtype=object)
        # Without a cache: most stamps are distinct, and looking for the others takes longer than reading them.
        parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce", cache=False)
        # Compared in the unit they have: 64 bits hold nanoseconds of three centuries only, and years are anybody's.
        near = (parsed >= _EARLIEST) & (parsed < _LATEST)
        if not _READING_TIME.isdisjoint(texts):
            near &= ~texts.isin(_READING_TIME)
        times[np.flatnonzero(is_text)[near]] = parsed[near].as_unit("ns").asi8
    for position in np.flatnonzero(~is_text):
        stamp = stamps[position]
        if isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and -9e9 < stamp < 9e9:
            # Whole microseconds first: a float of seconds cannot hold nanoseconds, and would add noise.
            times[position] = round(stamp * 1e6) * 1000 if isinstance(stamp, float) else stamp * 1_000_000_000
    good = (times >= _EARLIEST_NS) & (times < _LATEST_NS)
    if not good.all():
        absent = sum(stamp is None for stamp in stamps)
        _count(dropped, "missing_timestamp", absent)
        _count(dropped, "bad_timestamp", int((~good).sum()) - absent)
    return times, good


def _are_texts(values: np.ndarray) -> np.ndarray:
    """Mask of the texts among some objects."""
    if are_all(values, str):
        return np.ones(len(values), dtype=bool)
    return np.fromiter((isinstance(value, str) for value in values), dtype=bool, count=len(values))


def _has_identity(fields: RecordColumns, among: np.ndarray, dropped: Counter[str]) -> np.ndarray:
    """Mask of the records with a session id and an event name; those missing are counted ``among`` some."""
    has_session, has_event = _names(fields.column("session_id")), _names(fields.column("event"))
    _count(dropped, "missing_session_id", int((among & ~has_session).sum()))
    _count(dropped, "missing_event", int((among & has_session & ~has_event).sum()))
    return has_session & has_event


def _names(values: np.ndarray) -> np.ndarray:
    """Mask of the values that can name a session or an event: text with something in it, or a whole number."""
    if are_all(values, str) and all(map(_is_name, set(values))):
        return np.ones(len(values), dtype=bool)
    return np.fromiter(map(_is_name, values), dtype=bool, count=len(values))


def _is_name(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and not value.isspace()
    return isinstance(value, int) and not isinstance(value, bool)


def _count(dropped: Counter[str], reason: str, number: int) -> None:
    if number:
        dropped[reason] += number


def _numbers(given: Given, length: int) -> np.ndarray:
    """A float64 column; what is no finite number becomes NaN."""
    positions, values = given
    column = np.full(length, np.nan)
    column[positions] = number_column(values)
    return column


def _flags(given: Given, length: int) -> np.ndarray:
    """A three-valued flag from booleans or the words true and false."""
    positions, values = given
    column = np.full(length, UNKNOWN, dtype=np.int8)
    if are_all(values, bool):
        column[positions] = values
        return column
    column[positions] = [_FLAGS.get(value, UNKNOWN) if isinstance(value, (bool, str)) else UNKNOWN for value in values]
    return column


def _ids(given: Given, length: int) -> np.ndarray:
    """Ids as an object column of bounded text."""
    column = np.full(length, None, dtype=object)
    positions, values = given
    column[positions] = objects([value[:MAX_TEXT] if isinstance(value, str) and value else None for value in values])
    return column


def _event_ids(fields: RecordColumns, columns: dict[str, Any]) -> np.ndarray:
    """Identity of each event: the emitter's own id, else session, time, event and sequence where it numbers them."""
    given = np.zeros(len(fields), dtype=np.uint64)
    positions, values = fields.given("event_id")
    given[positions] = hash_texts([_as_id(value) for value in values])
    derive = (given == 0) & (columns["sequence"] != MISSING_SEQUENCE)
    if not derive.any():
        return given
    events = columns["event"]
    names = pd.util.hash_array(np.asarray(events.categories, dtype=object), categorize=False)[events.codes]
    parts = names ^ (columns["time_ns"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    parts = parts ^ ((columns["sequence"].astype(np.uint64) + np.uint64(1)) * np.uint64(0xC2B2AE3D27D4EB4F))
    return np.where(derive, pd.util.hash_array(parts) | np.uint64(1), given)


def _as_id(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _named_results(columns: dict[str, Any]) -> pd.Categorical:
    """Tool names, those of nameless results filled from the call with the same id: transcripts name only the call."""
    names: pd.Categorical = columns["tool_name"]
    ids = columns["tool_use_id"]
    nameless = np.flatnonzero((names.codes == -1) & (ids != None))  # noqa: E711 - element by element
    if not len(nameless):
        return names
    named = np.flatnonzero((names.codes != -1) & (ids != None))  # noqa: E711 - element by element
    sessions = columns["session_id"].codes
    name_of = dict(zip(zip(sessions[named], ids[named], strict=True), names.codes[named], strict=True))
    codes = names.codes.astype(np.int64)
    codes[nameless] = [name_of.get(key, -1) for key in zip(sessions[nameless], ids[nameless], strict=True)]
    return pd.Categorical.from_codes(codes, categories=names.categories)


def _add_prompt_intent(fields: RecordColumns, columns: dict[str, Any]) -> None:
    """Workflow, persona and reasoning, from the decoder where it knows them, else from the prompt's text."""
    workflow, reasoning = (np.full(len(fields), None, dtype=object) for _ in range(2))
    persona: np.ndarray = columns["persona"]
    for name, column, normalise in (
        ("workflow", workflow, normalise_workflow),
        ("persona", persona, normalise_persona),
    ):
        for position, value in zip(*fields.given(name), strict=True):
            column[position] = normalise(_as_id(value)) or column[position]
    for position, prompt in zip(*fields.given("prompt"), strict=True):
        if isinstance(prompt, str) and prompt:
            intent = prompt_intent(prompt)
            workflow[position] = workflow[position] or intent.workflow
            persona[position] = persona[position] or intent.persona
            reasoning[position] = intent.reasoning
    columns.update(workflow=text_column(workflow), persona=text_column(persona), reasoning=text_column(reasoning))


def _add_failure_kinds(columns: dict[str, Any]) -> None:
    """Fill ``failure_kind`` of tool results that did not succeed and whose decoder did not say why."""
    length = len(columns["success"])
    given: pd.Categorical = columns.get("failure_kind", missing_values("text", length))
    event = columns["event"]
    is_result = np.array([name == "tool_result" for name in event.categories] + [False])[event.codes]
    open_rows = np.flatnonzero((given.codes == -1) & (columns["success"] == 0) & is_result)
    if not len(open_rows):
        return
    error: pd.Categorical = columns.get("error", missing_values("text", length))
    kinds = np.array([*(failure_kind(value) for value in error.categories), failure_kind(None)], dtype=object)
    values = np.asarray(given, dtype=object)
    values[open_rows] = kinds[error.codes[open_rows]]
    values[pd.isna(values)] = None
    columns["failure_kind"] = categorical(values)
