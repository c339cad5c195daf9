"""Feature rows of two tables as if one stood under the other: nothing is copied before rows are wanted.

A hundred thousand sessions have a quarter of a gigabyte of rows; fits choose from them again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class FeatureRows:
    """Rows chosen from both tables; ``numpy.asarray`` copies them.

    Attributes:
        upper, lower: the tables, shape (n_upper, n_features) and (n_lower, n_features).
        numbers: of the rows, those of the lower table counted on from the upper one's, shape (n_rows,).
    """

    upper: np.ndarray
    lower: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, upper: np.ndarray, lower: np.ndarray) -> FeatureRows:
        """All rows of both."""
        return cls(upper, lower, np.arange(len(upper) + len(lower)))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: np.ndarray | slice) -> FeatureRows:
        """The rows with these numbers, or of this mask or slice, of rows alone."""
        return replace(self, numbers=self.numbers[chosen])

    def __array__(self, dtype: np.dtype | None = None, *, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows of two tables can only be had as a copy")
        is_upper = self.numbers < len(self.upper)
        rows = np.empty((len(self.numbers), self.upper.shape[1]), dtype=self.upper.dtype if dtype is None else dtype)
        rows[is_upper] = self.upper[self.numbers[is_upper]]
        rows[~is_upper] = self.lower[self.numbers[~is_upper] - len(self.upper)]
        return rows

    def column(self, number: int) -> np.ndarray:
        """One feature of all rows, shape (n_rows,)."""
        return np.concatenate([self.upper[:, number], self.lower[:, number]])[self.numbers]
