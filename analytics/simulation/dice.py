"""Cheap draws: one generator's randomness taken in blocks, because a draw at a time would cost more than a record."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")

_BLOCK: Final = 1024


class Dice:
    """Draws from a numpy generator. The same generator state gives the same draws, in any process."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._uniforms: list[float] = []
        self._normals: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._uniforms:
            self._uniforms = self._rng.random(_BLOCK).tolist()
        return self._uniforms.pop()

    def normal(self) -> float:
        """A standard normal number."""
        if not self._normals:
            self._normals = self._rng.standard_normal(_BLOCK).tolist()
        return self._normals.pop()

    def lognormal(self, median: float, sigma: float) -> float:
        """A log-normal number with that median and that standard deviation of its logarithm."""
        return median * math.exp(sigma * self.normal())

    def below(self, bound: int) -> int:
        """A whole number in 0 … bound - 1."""
        return int(self.uniform() * bound)

    def between(self, least: int, most: int) -> int:
        """A whole number in least … most, both included."""
        return least + int(self.uniform() * (most - least + 1))

    def chance(self, probability: float) -> bool:
        """Whether something of that probability happens."""
        return self.uniform() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.uniform() * len(options))]

    def pick_from(self, options: Sequence[T], cumulative: Sequence[float]) -> T:
        """One of the options by cumulative weights, the last of which is the total."""
        position = bisect_right(cumulative, self.uniform() * cumulative[-1])
        return options[min(position, len(options) - 1)]

    def sample(self, options: Sequence[T], size: int) -> list[T]:
        """At most ``size`` different options in random order."""
        rest = list(options)
        chosen: list[T] = []
        while rest and len(chosen) < size:
            chosen.append(rest.pop(int(self.uniform() * len(rest))))
        return chosen

    def hexadecimal(self, digits: int) -> str:
        """Random hexadecimal digits."""
        return "".join(f"{int(self.uniform() * 0x100000000):08x}" for _ in range(-(-digits // 8)))[:digits]

    def uuid(self) -> str:
        """A random id in the form of a version 4 UUID."""
        text = self.hexadecimal(32)
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"
