"""Values of any kind become the columns of an ``EventTable``: work is done per distinct value where it can be.

Nothing here raises for bad data: a bad value becomes missing, a long one is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd

from analytics.events import MISSING_SEQUENCE, categorical, objects

MAX_TEXT: Final = 256
"""Characters kept of any name or error; ids that are longer are cut, which keeps labels and tables bounded."""
MAX_DETAIL: Final = 16_384
"""Characters kept of a command, path, address or the unknown fields of one event: its beginning and its end."""

_CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_CONTROL: Final = dict.fromkeys((*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029), "\ufffd")


def clean_text(value: Any, limit: int = MAX_TEXT) -> str:
    """One value as text of bounded length without control characters: safe in a label, table or terminal."""
    text = value if isinstance(value, str) else json_text(value)
    return text[:limit].translate(_CONTROL).encode("utf-8", "replace").decode()


def are_all(values: Collection[Any], kind: type) -> bool:
    """Whether every value is of exactly that type: one look that spares many where a column holds what it should."""
    return set(map(type, values)) <= {kind}


def trimmed_text(value: Any) -> str:
    """The same without blanks around it, which make two names of one."""
    return clean_text(value.strip() if isinstance(value, str) else value)


def text_column(values: Collection[Any], clean: Callable[[Any], str] = clean_text) -> pd.Categorical:
    """A text column: distinct values are cleaned once; empty text counts as missing."""
    try:
        raw = categorical(values)
    except TypeError:  # a list or object where text belongs
        raw = categorical([value if isinstance(value, str) or value is None else clean_text(value) for value in values])
    cleaned = [clean(value) for value in raw.categories]
    if cleaned == list(raw.categories) and "" not in cleaned:
        return raw
    lookup = np.array([value or None for value in cleaned] + [None], dtype=object)
    return categorical(lookup[raw.codes])


def number_column(values: Collection[Any]) -> np.ndarray:
    """A float64 column; what is no finite number becomes NaN."""
    numbers = numbers_of(values)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def numbers_of(values: Collection[Any]) -> np.ndarray:
    """A float64 column of values and texts, which may be infinite; what is no number becomes NaN."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1:  # something else among the numbers, such as text or lists
        parsed = pd.to_numeric(pd.Series([*map(_number_or_text, values)], dtype=object), errors="coerce")
        numbers = parsed.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    return numbers


def _number_or_text(value: Any) -> float | str | None:
    """What may be read as a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    return float_of(value) if isinstance(value, int) else value


def float_of(integer: int) -> float:
    """An integer as a float; infinite beyond what one can hold."""
    try:
        return float(integer)
    except OverflowError:
        return math.inf if integer > 0 else -math.inf


def sequence_column(values: Collection[Any]) -> np.ndarray:
    """The sequence column: whole numbers, -1 where missing or out of range."""
    numbers = number_column(values)
    good = (numbers >= 0) & (numbers < 2**53)
    return np.where(good, np.nan_to_num(numbers), MISSING_SEQUENCE).astype(np.int64)


def hash_texts(values: Collection[str | None]) -> np.ndarray:
    """Stable 64-bit hashes of texts, shape (n,), the same in every process; 0 for None."""
    column = objects(values)
    present = np.fromiter((value is not None for value in column), dtype=bool, count=len(column))
    hashes = np.zeros(len(column), dtype=np.uint64)
    if present.any():
        hashes[present] = _hashed(column[present]) | np.uint64(1)
    return hashes


def _hashed(texts: np.ndarray) -> np.ndarray:
    # Text by text: finding repeated ones first takes longer than hashing them again.
    try:
        return pd.util.hash_array(texts, categorize=False)
    except UnicodeEncodeError:  # half a surrogate pair, which no UTF-8 can hold
        whole = [text.encode("utf-8", "replace") for text in texts]
        return pd.util.hash_array(objects(whole), categorize=False)


def json_text(value: Any) -> str:
    """The beginning of a value as canonical JSON text, of bounded length."""
    return whole_json(value)[:MAX_DETAIL]


def whole_json(value: Any) -> str:
    """A value as canonical JSON text: keys sorted, so equal values give equal text."""
    try:
        return orjson.dumps(value, option=_CANONICAL, default=str).decode()
    except (TypeError, ValueError, RecursionError):  # too deep, or integers beyond 64 bits
        return f"unreadable {type(value).__name__}"


def map_categories(column: pd.Categorical, function: Callable[[str], str]) -> pd.Categorical:
    """Apply a function to each distinct value of a text column."""
    lookup = np.array([*(function(value) for value in column.categories), None], dtype=object)
    return categorical(lookup[column.codes])


def map_texts(texts: np.ndarray, function: Callable[[str], str | None]) -> pd.Categorical:
    """Apply a function to each distinct text of an object column."""
    codes, distinct = pd.factorize(texts)
    answers = text_column([function(text) for text in distinct])
    return pd.Categorical.from_codes(np.append(answers.codes, -1)[codes], categories=answers.categories)
