"""Numbers of events, within what one event can amount to.

Sums go on for ever, and a sum that has met 1e300 never notices anything again; so one machine that writes such a number
would silence everything that is watched by its growth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from analytics.column_values import numbers_of
from analytics.lost_values import IMPLAUSIBLE_NUMBER
from analytics.record_columns import RecordColumns

MOST_COST: Final = 10_000.0
"""US dollars of one event; the dearest request that any price list allows costs less than a tenth."""
MOST_AMOUNT: Final = 1e12
"""Tokens, characters or milliseconds of one event; as milliseconds 31 years."""


def plausible_numbers(values: Collection[object], most: float) -> tuple[np.ndarray, int]:
    """A float64 column with NaN for what is no number from 0 to ``most``, and how many were numbers all the same."""
    numbers = numbers_of(values)
    implausible = (numbers < 0) | (numbers > most)
    numbers[implausible] = np.nan
    return numbers, int(implausible.sum())


def number_columns(fields: RecordColumns, names: Iterable[str], lost: Counter[str]) -> dict[str, np.ndarray]:
    """The number fields that any record has, float64 of shape (n_records,), NaN where missing or implausible.

    Args:
        fields: the records.
        names: native names of the number fields.
        lost: implausible numbers are added to it.
    """
    columns = {}
    for name in names:
        if name in fields:
            positions, values = fields.given(name)
            columns[name] = np.full(len(fields), np.nan)
            columns[name][positions], implausible = plausible_numbers(values, most_of(name))
            if implausible:
                lost[IMPLAUSIBLE_NUMBER] += implausible
    return columns


def most_of(name: str) -> float:
    """The most that one event can amount to in a number field."""
    return MOST_COST if name == "cost_usd" else MOST_AMOUNT
