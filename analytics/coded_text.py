"""A column of texts as codes into its distinct texts: what a categorical is, without what a data frame needs of it.

An ``EventTable`` has some twenty of these, and each step of a cycle chooses rows of all of them; pandas' own
categorical spends several times as long on looking after itself as on the codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

_CODE_TYPES: Final = (np.int8, np.int16, np.int32)


@dataclass(frozen=True, eq=False)
class CodedText:
    """Texts as codes.

    Attributes:
        codes: shape (n_rows,), -1 where missing, of the narrowest integers that can number the texts.
        texts: the distinct texts as objects, shape (n_texts,); some may occur in no row.
    """

    codes: np.ndarray
    texts: np.ndarray

    @classmethod
    def of(cls, column: pd.Categorical) -> CodedText:
        """The same column without pandas."""
        return cls(column.codes, column.categories.to_numpy())

    @classmethod
    def joined(cls, parts: Sequence[CodedText]) -> CodedText:
        """Columns one after the other, the texts in order of first appearance among theirs."""
        first = parts[0].texts
        if all(part.texts is first for part in parts):
            return cls(np.concatenate([part.codes for part in parts]), first)
        numbers: dict[str, int] = {}
        codes = []
        for part in parts:
            own = [numbers.setdefault(text, len(numbers)) for text in part.texts.tolist()]
            codes.append(np.array([*own, -1], dtype=np.int32)[part.codes])
        return cls(narrowed(np.concatenate(codes), len(numbers)), np.fromiter(numbers, object, len(numbers)))

    @classmethod
    def missing(cls, length: int) -> CodedText:
        """A column without any text."""
        return cls(np.full(length, -1, dtype=np.int8), np.array([], dtype=object))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: np.ndarray | slice) -> CodedText:
        """Some rows, by a mask, by positions or a stretch of them; the texts stay."""
        return CodedText(self.codes[rows], self.texts)

    @cached_property
    def listed(self) -> list[str]:
        """The distinct texts as a list, in the order of their codes; to be left as it is."""
        return self.texts.tolist()

    def categorical(self) -> pd.Categorical:
        """The column as pandas has it."""
        return pd.Categorical.from_codes(self.codes, categories=pd.Index(self.texts, dtype=object))


def narrowed(codes: np.ndarray, count: int) -> np.ndarray:
    """Codes of so many texts in the narrowest integers: numpy sorts those of up to 16 bits in linear time."""
    chosen = next((one for one in _CODE_TYPES if count <= np.iinfo(one).max), np.int64)
    return codes.astype(chosen, copy=False)
