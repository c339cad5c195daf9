"""How training sessions are parted for calibration: by task and by each user's time, so that what is held back is new.

Were sessions dealt at random, a held-back one would have near copies among those fitted on, and the promise made on it
would not hold for the tasks of tomorrow. Sessions of one day share their tasks, and sessions that open alike (the same
prompt, the same first call) are often runs of one task. Were they parted by the clock alone, all sessions of a user who
worked for some weeks only would be held back at once, and look stranger than a known user's next session will.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from analytics.traces import Trace


def folds(started_ns: Sequence[int], traces: Sequence[Trace], users: Sequence[Hashable], count: int) -> np.ndarray:
    """The fold of each session, 0 … count - 1, shape (n_sessions,).

    Sessions that open alike share a fold, unless they are more than a fold holds; then they are cut in time. Each
    user's time is cut into as many stretches as there are folds, the next user's beginning with the next fold, so that
    users of few sessions do not all fall into one.
    """
    fold = np.empty(len(started_ns), dtype=np.int64)
    for first, blocks in enumerate(_blocks_by_user(started_ns, traces, users, count)):
        total, done = sum(map(len, blocks)), 0
        for block in blocks:
            stretch = min(count - 1, int((done + len(block) / 2) * count / total))
            fold[block] = (first + stretch) % count
            done += len(block)
    return fold


def _blocks_by_user(
    started_ns: Sequence[int], traces: Sequence[Trace], users: Sequence[Hashable], count: int
) -> list[list[list[int]]]:
    """Numbers of the sessions that stay together, in order of time, by the user of the first of them."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for number in np.argsort(started_ns, kind="stable").tolist():
        alike[_opening(traces[number], number)].append(number)
    most = math.ceil(len(started_ns) / count)
    blocks = [numbers[begin : begin + most] for numbers in alike.values() for begin in range(0, len(numbers), most)]
    by_user: dict[Hashable, list[list[int]]] = defaultdict(list)
    for block in sorted(blocks, key=lambda numbers: started_ns[numbers[0]]):
        by_user[users[block[0]]].append(block)
    return list(by_user.values())


def _opening(trace: Trace, number: int) -> Hashable:
    """What a session opens with: its first step and the size of its input; without steps it is like no other."""
    return (trace.symbols[0], float(np.nan_to_num(trace.sizes[0, 0], nan=-1.0))) if trace.length else number
