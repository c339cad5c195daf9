"""The ``attributes`` of events: unknown fields, and what is known of the details that are not kept."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from analytics.column_values import MAX_DETAIL, json_text, whole_json
from analytics.long_text import DETAILS_CUT, shortened
from analytics.lost_values import CUT_REASONS
from analytics.record_columns import RecordColumns

Noted = dict[int, dict[str, Any]]
"""What is kept beside the unknown fields, by the position of the record; short values, because none of it is cut."""

_ATTRIBUTES: Final = "attributes"


def note_cuts(fields: RecordColumns, cuts: dict[int, list[str]], noted: Noted) -> None:
    """Note which details of a record lost their middle, here (``cuts``) or where the record was made."""
    told = {
        position: [name for name in CUT_REASONS if name in value]
        for position, value in zip(*fields.given(DETAILS_CUT), strict=True)
        if isinstance(value, list)
    }
    for position in told.keys() | cuts.keys():
        names = sorted({*told.get(position, ()), *cuts.get(position, ())})
        if names:
            noted.setdefault(position, {})[DETAILS_CUT] = names


def attributes_column(fields: RecordColumns, noted: Noted, lost: Counter[str]) -> np.ndarray:
    """Unknown fields of each row and what was noted, as JSON text; None where there is neither.

    Of text that is too long beginning and end are kept behind what was noted. Cut details, these included, are added to
    ``lost`` by reason.
    """
    column = np.full(len(fields), None, dtype=object)
    unknown = dict(fields.unknown())
    for position in unknown.keys() | noted.keys():
        known = noted.get(position, {})
        text = whole_json({**unknown.get(position, {}), **known})
        if len(text) > MAX_DETAIL:
            known = {**known, DETAILS_CUT: [*known.get(DETAILS_CUT, ()), _ATTRIBUTES]}
            first = json_text(known)
            text = f"{first}\n{shortened(text, MAX_DETAIL - len(first) - 1)[0]}"
        for name in dict.fromkeys(known.get(DETAILS_CUT, ())):
            lost[CUT_REASONS[name]] += 1
        column[position] = text
    return column
