"""How training sessions are parted for calibration: by task and by time, so that what is held back is new.

Were sessions dealt at random, a held-back one would have near copies among those fitted on, and the promise made on it
would not hold for the tasks of tomorrow. Sessions of one day share their tasks, and sessions that open alike (the same
prompt, the same first call) are often runs of one task.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from analytics.traces import Trace


def folds(started_ns: Sequence[int], traces: Sequence[Trace], count: int) -> np.ndarray:
    """The fold of each session, 0 … count - 1, shape (n_sessions,).

    Sessions that open alike share a fold, unless they are more than a fold holds; then they are cut in time.
    """
    total = len(started_ns)
    alike: dict[object, list[int]] = defaultdict(list)
    for number in np.argsort(started_ns, kind="stable").tolist():
        alike[_opening(traces[number], number)].append(number)
    most = math.ceil(total / count)
    blocks = [numbers[begin : begin + most] for numbers in alike.values() for begin in range(0, len(numbers), most)]
    fold, done = np.empty(total, dtype=np.int64), 0
    for block in sorted(blocks, key=lambda numbers: started_ns[numbers[0]]):
        fold[block] = min(count - 1, int((done + len(block) / 2) * count / total))
        done += len(block)
    return fold


def _opening(trace: Trace, number: int) -> object:
    """What a session opens with: its first step and the size of its input; without steps it is like no other."""
    return (trace.symbols[0], float(np.nan_to_num(trace.sizes[0, 0], nan=-1.0))) if trace.length else number
