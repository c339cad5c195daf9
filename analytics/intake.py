"""Records become columns: the one door through which decoded telemetry enters.

A record is a mapping in the form of the native event line (its fields are listed in ``NATIVE_FIELDS`` and
``EXTRA_FIELDS``); every decoder yields such records. Nothing here raises for bad data: a record that cannot be
used is counted by reason and skipped, a bad value becomes missing. Work is done per column and per distinct
value, never per row and field, because a back-fill reads millions of rows.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd

from analytics.events import MISSING_SEQUENCE, UNKNOWN, EventTable, categorical, missing_values, objects
from analytics.failures import failure_kind
from analytics.prompts import normalise_persona, normalise_workflow, prompt_intent
from analytics.scope import is_outside
from analytics.shell import main_program
from analytics.tools import tool_category

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
EXTRA_FIELDS: Final = frozenset((*EXTRA_TEXT, "event_id", "workflow", "persona", "text_chars"))
"""What a decoder may add to the native fields; ``event_id`` is any text unique to the event."""

KNOWN_FIELDS: Final = NATIVE_FIELDS | EXTRA_FIELDS
MAX_TEXT: Final = 256
"""Characters kept of any name or error; ids that are longer are cut, which keeps labels and tables bounded."""
MAX_DETAIL: Final = 16_384
"""Characters kept of a command, path, address or the unknown fields of one event."""

_EARLIEST_NS: Final = int(pd.Timestamp("2000-01-01", tz="UTC").value)
_LATEST_NS: Final = int(pd.Timestamp("2100-01-01", tz="UTC").value)
_COMMAND_KEYS: Final = ("command", "cmd", "full_command", "script")
_PATH_KEYS: Final = (
    "file_path",
    "path",
    "notebook_path",
    "absolute_path",
    "filename",
    "dir_path",
    "filePath",
)
_KEPT_ARGUMENTS: Final = ("dangerouslyDisableSandbox", "with_escalated_permissions")
"""Switches among a tool's arguments that rules look at; they are kept with the unknown fields."""
_CONTROL: Final = dict.fromkeys((*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029), "\ufffd")


@dataclass(frozen=True)
class Intake:
    """What came of some records: the usable ones as a table, the rest counted by reason."""

    table: EventTable
    dropped: Counter[str] = field(default_factory=Counter)


def build_event_table(records: Sequence[Any], source: str) -> Intake:
    """Turn records into an ``EventTable`` in the order given.

    Args:
        records: mappings in native form; anything else is dropped as ``not_an_object``.
        source: name of the decoder, kept in the ``source`` column.

    Returns:
        The table and the count of dropped records by reason: ``not_an_object``, ``missing_timestamp``,
        ``bad_timestamp``, ``missing_session_id``, ``missing_event``.
    """
    dropped: Counter[str] = Counter()
    rows: list[dict[str, Any]] = [record for record in records if isinstance(record, dict)]
    if len(rows) < len(records):
        dropped["not_an_object"] = len(records) - len(rows)
    times, rows = _parse_times(rows, dropped)
    keep, rows = _with_identity(rows, dropped)
    if not rows:
        return Intake(EventTable.empty(), dropped)
    present = {name for shape in set(map(tuple, rows)) for name in shape}
    columns: dict[str, np.ndarray | pd.Categorical] = {
        "time_ns": times[keep],
        "session_id": _text([row["session_id"] for row in rows]),
        "event": _text([row["event"] for row in rows]),
        "source": pd.Categorical.from_codes(
            np.zeros(len(rows), dtype=np.int8), categories=pd.Index([source], dtype=object)
        ),
    }
    for name in present.intersection(NATIVE_TEXT + EXTRA_TEXT):
        columns[name] = _text([row.get(name) for row in rows])
    for name in present.intersection(NATIVE_NUMBERS):
        columns[name] = _number([row.get(name) for row in rows])
    columns["sequence"] = _sequence([row.get("sequence") for row in rows])
    columns["success"] = _flag([row.get("success") for row in rows])
    columns["tool_use_id"] = _ids([row.get("tool_use_id") for row in rows])
    columns["event_id"] = _event_ids(rows, present, columns)
    columns["attributes"] = _attributes(rows, present)
    if "tool_input" in present:
        _add_switches(rows, columns)
    if "text_chars" in present:
        _add_message_chars(rows, columns)
    if "tool_name" in columns:
        columns["tool_name"] = _named_results(columns)
    _add_tool_details(rows, present, columns)
    if not present.isdisjoint(("prompt", "workflow", "persona")):
        _add_prompt_intent(rows, columns)
    columns["persona"] = _text(list(columns["persona"]))
    _add_failure_kinds(columns)
    return Intake(EventTable.from_columns(columns), dropped)


def _parse_times(rows: list[dict[str, Any]], dropped: Counter[str]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Times in nanoseconds of the rows that have a good one, and those rows."""
    stamps = [row.get("timestamp") for row in rows]
    times = np.full(len(rows), np.iinfo(np.int64).min, dtype=np.int64)
    is_text = np.fromiter((isinstance(stamp, str) for stamp in stamps), dtype=bool, count=len(rows))
    if is_text.any():
        texts = [stamp for stamp in stamps if isinstance(stamp, str)]
        parsed = pd.to_datetime(pd.Index(texts, dtype=object), utc=True, format="ISO8601", errors="coerce")
        values = parsed.as_unit("ns").asi8
        times[is_text] = values
    for position in np.flatnonzero(~is_text):
        stamp = stamps[position]
        if isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and -9e9 < stamp < 9e9:
            # Whole microseconds first: a float of seconds cannot hold nanoseconds, and would add noise.
            times[position] = round(stamp * 1e6) * 1000 if isinstance(stamp, float) else stamp * 1_000_000_000
    good = (times >= _EARLIEST_NS) & (times < _LATEST_NS)
    if good.all():
        return times, rows
    absent = sum(stamp is None for stamp in stamps)
    _count(dropped, "missing_timestamp", absent)
    _count(dropped, "bad_timestamp", int((~good).sum()) - absent)
    return times[good], [row for row, is_good in zip(rows, good, strict=True) if is_good]


def _with_identity(rows: list[dict[str, Any]], dropped: Counter[str]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Positions of the rows with a session id and an event name, and those rows."""
    has_session = _names([row.get("session_id") for row in rows])
    has_event = _names([row.get("event") for row in rows])
    _count(dropped, "missing_session_id", int((~has_session).sum()))
    _count(dropped, "missing_event", int((has_session & ~has_event).sum()))
    keep = np.flatnonzero(has_session & has_event)
    return keep, rows if len(keep) == len(rows) else [rows[position] for position in keep]


def _names(values: list[Any]) -> np.ndarray:
    """Mask of the values that can name a session or an event: text with something in it, or a whole number."""
    answers: dict[Any, bool] = {}
    mask = np.empty(len(values), dtype=bool)
    for position, value in enumerate(values):
        if isinstance(value, str):
            answer = answers.get(value)
            if answer is None:
                answer = answers[value] = bool(value) and not value.isspace()
            mask[position] = answer
        else:
            mask[position] = isinstance(value, int) and not isinstance(value, bool)
    return mask


def _count(dropped: Counter[str], reason: str, number: int) -> None:
    if number:
        dropped[reason] += number


def clean_text(value: Any, limit: int = MAX_TEXT) -> str:
    """One value as text of bounded length without control characters: safe in a label, table or terminal."""
    text = value if isinstance(value, str) else _json_text(value)
    return text[:limit].translate(_CONTROL).encode("utf-8", "replace").decode()


def _text(values: list[Any]) -> pd.Categorical:
    """A text column: distinct values are cleaned once; empty text counts as missing."""
    try:
        raw = categorical(values)
    except TypeError:  # a list or object where text belongs
        raw = categorical([value if isinstance(value, str) or value is None else clean_text(value) for value in values])
    cleaned = [clean_text(value) for value in raw.categories]
    if cleaned == list(raw.categories) and "" not in cleaned:
        return raw
    lookup = np.array([value or None for value in cleaned] + [None], dtype=object)
    return categorical(lookup[raw.codes])


def _number(values: list[Any]) -> np.ndarray:
    """A float64 column; what is no finite number becomes NaN."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1:  # something else among the numbers, such as text or lists
        plain = [
            value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None for value in values
        ]
        parsed = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
        numbers = parsed.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _sequence(values: list[Any]) -> np.ndarray:
    """The sequence column: whole numbers, -1 where missing or out of range."""
    numbers = _number(values)
    good = (numbers >= 0) & (numbers < 2**53)
    return np.where(good, np.nan_to_num(numbers), MISSING_SEQUENCE).astype(np.int64)


_FLAGS: Final = {True: 1, False: 0, "true": 1, "false": 0, "True": 1, "False": 0}


def _flag(values: list[Any]) -> np.ndarray:
    """A three-valued flag from booleans or the words true and false."""
    return np.fromiter(
        (_FLAGS.get(value, UNKNOWN) if isinstance(value, (bool, str)) else UNKNOWN for value in values),
        dtype=np.int8,
        count=len(values),
    )


def _ids(values: list[Any]) -> np.ndarray:
    """Ids as an object column of bounded text."""
    return objects([value[:MAX_TEXT] if isinstance(value, str) and value else None for value in values])


def hash_texts(values: Collection[str | None]) -> np.ndarray:
    """Stable 64-bit hashes of texts, shape (n,), the same in every process; 0 for None."""
    column = objects(values)
    present = np.fromiter((value is not None for value in column), dtype=bool, count=len(column))
    hashes = np.zeros(len(column), dtype=np.uint64)
    if present.any():
        hashes[present] = pd.util.hash_array(column[present], categorize=True) | np.uint64(1)
    return hashes


def _event_ids(rows: list[dict[str, Any]], present: set[str], columns: dict[str, Any]) -> np.ndarray:
    """Identity of each event: the emitter's own id, else session, time, event and sequence where it numbers them."""
    given = np.zeros(len(rows), dtype=np.uint64)
    if "event_id" in present:
        given = hash_texts([_as_id(row.get("event_id")) for row in rows])
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


def _attributes(rows: list[dict[str, Any]], present: set[str]) -> np.ndarray:
    """Unknown fields of each row as JSON text, None where there are none."""
    column = np.full(len(rows), None, dtype=object)
    if present <= KNOWN_FIELDS:
        return column
    unknown_of: dict[tuple[str, ...], tuple[str, ...]] = {}
    for position, row in enumerate(rows):
        shape = tuple(row)
        unknown = unknown_of.get(shape)
        if unknown is None:
            unknown = tuple(name for name in shape if name not in KNOWN_FIELDS)
            if len(unknown_of) < 10_000:
                unknown_of[shape] = unknown
        if unknown:
            extra = {name: row[name] for name in unknown if row[name] is not None}
            if extra:
                column[position] = _json_text(extra)
    return column


def _json_text(value: Any) -> str:
    """A value as canonical JSON text of bounded length: keys sorted, so equal values give equal text."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str).decode()
    except (TypeError, ValueError, RecursionError):  # too deep, or integers beyond 64 bits
        text = f"unreadable {type(value).__name__}"
    return text[:MAX_DETAIL]


def _add_message_chars(rows: list[dict[str, Any]], columns: dict[str, Any]) -> None:
    """Fold the field name ``text_chars``, which some frameworks write, into ``message_chars``."""
    alias = _number([row.get("text_chars") for row in rows])
    current = columns.get("message_chars", np.full(len(rows), np.nan))
    columns["message_chars"] = np.where(np.isnan(current), alias, current)


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


def _add_tool_details(rows: list[dict[str, Any]], present: set[str], columns: dict[str, Any]) -> None:
    """Columns read from tool arguments: command, path, url, args_hash, program, outside, category."""
    length = len(rows)
    details = {name: np.full(length, None, dtype=object) for name in ("command", "path", "url", "args", "persona")}
    for position, given in enumerate([row.get("tool_input") for row in rows] if "tool_input" in present else ()):
        if given is not None and given != "":
            for name, value in zip(details, _read_tool_input(given), strict=True):
                if value is not None:
                    details[name][position] = value
    for name in ("command", "path", "url"):
        columns[name] = details[name]
    columns["args_hash"] = hash_texts(details["args"])
    columns["persona"] = details["persona"]
    if "tool_name" in columns:
        columns["tool_category"] = _map_categories(columns["tool_name"], tool_category)
    columns["program"] = _map_texts(details["command"], main_program)
    columns["outside"] = _outside(details["path"], columns.get("project", missing_values("text", length)))


def _add_switches(rows: list[dict[str, Any]], columns: dict[str, Any]) -> None:
    """Keep the switches that rules look at where the tool's arguments are not kept."""
    for position, row in enumerate(rows):
        given = row.get("tool_input")
        if isinstance(given, dict) and any(given.get(name) for name in _KEPT_ARGUMENTS):
            kept = {name: given[name] for name in _KEPT_ARGUMENTS if given.get(name)}
            others = _parse_object(columns["attributes"][position] or "") or {}
            columns["attributes"][position] = _json_text(others | kept)


def _read_tool_input(given: Any) -> tuple[str | None, str | None, str | None, str | None, str | None]:
    """Command, path, url, text to hash and sub-agent type of one tool's arguments."""
    if isinstance(given, str):
        parsed = _parse_object(given)
        if parsed is None:
            return None, None, None, given[:MAX_DETAIL], None
        given = parsed
    if not isinstance(given, dict):
        return None, None, None, _json_text(given), None
    own_hash = given.get("args_hash")
    text = own_hash if isinstance(own_hash, str) and own_hash else _json_text(given)
    return (
        next((_command_text(given[key]) for key in _COMMAND_KEYS if key in given), None),
        next((given[key][:MAX_DETAIL] for key in _PATH_KEYS if isinstance(given.get(key), str)), None),
        given["url"][:MAX_DETAIL] if isinstance(given.get("url"), str) else None,
        text,
        normalise_persona(given["subagent_type"]) if isinstance(given.get("subagent_type"), str) else None,
    )


def _parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a text, or None where it is plain text."""
    if not text.startswith("{"):
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _command_text(command: Any) -> str | None:
    """A command as one text; of ``["bash", "-lc", "…"]`` only the script."""
    if isinstance(command, str):
        return command[:MAX_DETAIL]
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        is_wrapped = len(command) == 3 and command[1].startswith("-") and command[1].endswith("c")
        return (command[2] if is_wrapped else " ".join(command))[:MAX_DETAIL]
    return None


def _map_categories(column: pd.Categorical, function: Callable[[str], str]) -> pd.Categorical:
    """Apply a function to each distinct value of a text column."""
    lookup = np.array([*(function(value) for value in column.categories), None], dtype=object)
    return categorical(lookup[column.codes])


def _map_texts(texts: np.ndarray, function: Callable[[str], str | None]) -> pd.Categorical:
    """Apply a function to each distinct text of an object column."""
    return _text(list(np.asarray(_lookup(texts, function), dtype=object)))


def _lookup(texts: np.ndarray, function: Callable[[str], Any]) -> np.ndarray:
    codes, distinct = pd.factorize(texts)
    return objects([*(function(value) for value in distinct), None])[codes]


def _outside(paths: np.ndarray, project: pd.Categorical) -> np.ndarray:
    """The ``outside`` flag of each row, worked out once per distinct pair of path and project."""
    flags = np.full(len(paths), UNKNOWN, dtype=np.int8)
    path_codes, distinct = pd.factorize(paths)
    rows = np.flatnonzero(path_codes >= 0)
    if not len(rows):
        return flags
    width = len(project.categories) + 1
    pairs, inverse = np.unique(path_codes[rows].astype(np.int64) * width + project.codes[rows] + 1, return_inverse=True)
    projects = [None, *project.categories]
    answers = (is_outside(distinct[pair // width], projects[pair % width]) for pair in pairs)
    flags[rows] = np.array([UNKNOWN if answer is None else int(answer) for answer in answers], dtype=np.int8)[inverse]
    return flags


def _add_prompt_intent(rows: list[dict[str, Any]], columns: dict[str, Any]) -> None:
    """Workflow, persona and reasoning, from the decoder where it knows them, else from the prompt's text."""
    workflow = [normalise_workflow(_as_id(row.get("workflow"))) for row in rows]
    persona = [
        normalise_persona(_as_id(row.get("persona"))) or found
        for row, found in zip(rows, columns["persona"], strict=True)
    ]
    reasoning: list[str | None] = [None] * len(rows)
    for position, row in enumerate(rows):
        prompt = row.get("prompt")
        if isinstance(prompt, str) and prompt:
            intent = prompt_intent(prompt)
            workflow[position] = workflow[position] or intent.workflow
            persona[position] = persona[position] or intent.persona
            reasoning[position] = intent.reasoning
    columns["workflow"] = _text(list(workflow))
    columns["persona"] = np.array(persona, dtype=object)
    columns["reasoning"] = _text(list(reasoning))


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


def chunks(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Split an iterable into lists of at most ``size``."""
    iterator = iter(items)
    while block := list(itertools.islice(iterator, size)):
        yield block
