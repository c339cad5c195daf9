"""An answer kept with what it was worked out from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


def are_same(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two sequences hold the same objects; what is in them is not looked at."""
    return len(one) == len(other) and all(map(is_, one, other))


class LastAnswer(Generic[Answer]):
    """Gives the last answer again while the objects it rests on are the same, none of which may ever change."""

    def __init__(self) -> None:
        self._grounds: Sequence[object] = ()
        self._answer: Answer | None = None

    def on(self, grounds: Sequence[object], work_out: Callable[[], Answer]) -> Answer:
        """The answer that rests on ``grounds``, worked out only where they differ from the last time."""
        if self._answer is None or not are_same(grounds, self._grounds):
            self._answer = work_out()
            self._grounds = grounds
        return self._answer
