"""Traces: what a session did, step by step, reduced to what the step models look at.

A step is a tool use, a message of the assistant or a prompt. It has a symbol (the tool, for a shell command with its
program) and up to four sizes. A trace holds no content, so it may be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from analytics.events import objects
from analytics.sessions import SessionEvents
from analytics.tool_uses import ToolUses, pair_tool_uses

CHANNELS: Final = ("input size", "output size", "duration", "output tokens")
"""Columns of a trace's sizes: characters, characters, milliseconds, tokens; each as logarithm of one plus it."""
OUTPUT: Final = 1
DURATION: Final = 2
"""The channel that may hold a person's waiting."""
UNITS: Final = ("characters", "characters", "ms", "tokens")
MESSAGE: Final = "<message>"
PROMPT: Final = "<prompt>"
NOT_TOOLS: Final = frozenset((MESSAGE, PROMPT))
MOST_STEPS: Final = 600
"""Steps kept of a session: of a longer one the first and the last half of this, so that padding hides neither end."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The steps of one session, in order.

    Attributes:
        symbols: shape (n_steps,).
        sizes: float32, shape (n_steps, 4), columns as in CHANNELS, NaN unknown.
        ranks: position of each step's first event in the session, from 0, shape (n_steps,).
        length: steps that count; a trace cut at an age shares the arrays of the whole one.
        words: what each step's arguments say (see ``analytics.words``), "" for nothing; shape (n_steps,), or () where
            no step's arguments are known.
    """

    symbols: tuple[str, ...]
    sizes: np.ndarray
    ranks: np.ndarray
    length: int
    words: tuple[str, ...] = ()

    def until(self, age: int) -> Trace:
        """The trace as it was when the session had ``age`` events."""
        return Trace(self.symbols, self.sizes, self.ranks, int(np.searchsorted(self.ranks, age)), self.words)

    def bounded(self) -> Trace:
        """The trace with at most MOST_STEPS steps."""
        if len(self.symbols) <= MOST_STEPS:
            return self
        half = MOST_STEPS // 2
        symbols = self.symbols[:half] + self.symbols[-half:]
        sizes, ranks = (np.concatenate([part[:half], part[-half:]]) for part in (self.sizes, self.ranks))
        words = self.words[:half] + self.words[-half:]
        return Trace(symbols, sizes, ranks, min(self.length, len(symbols)), words)


EMPTY_TRACE: Final = Trace((), np.zeros((0, len(CHANNELS)), dtype=np.float32), np.zeros(0, dtype=np.int32), 0)


def trace_sessions(sessions: SessionEvents, uses: ToolUses | None = None) -> list[Trace]:
    """The trace of each session, in the order of ``sessions.session_ids``; ``uses`` where they are paired already."""
    table, uses = sessions.table, pair_tool_uses(sessions) if uses is None else uses
    messages = np.flatnonzero(table.is_one_of("event", ("assistant_message",)))
    prompts = np.flatnonzero(table.is_one_of("event", ("user_prompt",)))
    rows = np.concatenate([uses.row, messages, prompts])
    sizes = np.full((len(rows), len(CHANNELS)), np.nan)
    tools, said = slice(0, len(uses)), slice(len(uses), len(uses) + len(messages))
    sizes[tools, 0], sizes[tools, 1], sizes[tools, 2] = uses.input_chars, uses.output_chars, uses.duration_ms
    sizes[said, 1], sizes[said, 2] = table.values("message_chars")[messages], table.values("duration_ms")[messages]
    sizes[len(uses) + len(messages) :, 0] = table.values("prompt_length")[prompts]
    sizes[:, 3] = table.values("output_tokens")[rows]
    order = np.argsort(rows, kind="stable")
    words = np.full(len(rows), "", dtype=object)
    words[tools] = objects([*table.categories("words"), ""])[uses.words]
    words = words[order]
    names = tool_symbols(sessions, uses.name, uses.program) + [MESSAGE] * len(messages) + [PROMPT] * len(prompts)
    symbols = [names[position] for position in order]
    logs = np.log1p(np.maximum(sizes[order], 0.0)).astype(np.float32)
    ranks = sessions.rank[rows[order]].astype(np.int32)
    bounds = np.searchsorted(sessions.index[rows[order]], np.arange(len(sessions) + 1))
    return [
        Trace(tuple(symbols[begin:end]), logs[begin:end], ranks[begin:end], int(end - begin), _known(words[begin:end]))
        for begin, end in pairwise(bounds)
    ]


def _known(words: np.ndarray) -> tuple[str, ...]:
    return tuple(words.tolist()) if any(words) else ()


def tool_symbols(sessions: SessionEvents, names: np.ndarray, programs: np.ndarray) -> list[str]:
    """The symbol of each tool use: the tool's name, for a shell command with its program."""
    tools, known = [*sessions.table.categories("tool_name"), "?"], sessions.table.categories("program")
    steps, distinct = pd.factorize(names.astype(np.int64) * (len(known) + 1) + programs + 1)
    symbols = []
    for name, program in zip(*np.divmod(distinct, len(known) + 1), strict=True):
        symbols.append(tools[name] if program == 0 else f"{tools[name]}:{known[program - 1]}")
    return objects(symbols)[steps].tolist()
