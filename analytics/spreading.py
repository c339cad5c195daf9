"""How independent pieces of work are done: one after the other here, or spread over others by who calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Spread(Protocol):
    """Calls a function for each item, perhaps elsewhere and side by side; the answers come in the items' order.

    Functions, items and answers may be pickled on the way.
    """

    def __call__(self, function: Callable[[Item], Answer], items: Iterable[Item], /) -> Iterator[Answer]:
        """The answers; work may begin before the first is asked for."""


def in_turn(function: Callable[[Item], Answer], items: Iterable[Item], /) -> Iterator[Answer]:
    """One after the other, in this process, each when its answer is asked for."""
    return map(function, items)
