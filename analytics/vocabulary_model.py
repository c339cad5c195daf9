"""How new the words of a session are to its user: programs, switches, folders and hosts that were never used before.

In how many sessions of the user a word was used, falls back on the agent's sessions and on all, as far as the user's
history is thin. A word's surprise is the negative logarithm of that share. Ordinary work brings a new word now and
then; who takes over a session, or is led by what it reads, brings several at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from analytics.baseline import Scope, Who, scopes_of
from analytics.traces import Trace
from analytics.words import split_words

SHRINKAGE: Final = 10.0
"""Sessions after which a scope's own history weighs as much as the wider one's."""
MOST_KNOWN: Final = 20_000
"""Words kept of one scope, the most used ones; bounds what a hostile client can make the model hold."""
NEWEST: Final = 5
"""Words that count in a session, the least expected ones: more of the usual ones around them change nothing."""
_EVERYBODY: Final[Scope] = ()
_NO_WORDS: Final[Mapping[Who, Container[str]]] = MappingProxyType({})


@dataclass(frozen=True)
class VocabularyModel:
    """In how many sessions each word was used, by scope, and how many sessions each scope has."""

    counts: Mapping[Scope, Mapping[str, int]]
    sessions: Mapping[Scope, int]

    def surprise(self, words: Sequence[str], who: Who) -> np.ndarray:
        """Surprise of each word for this agent and user, in orders of magnitude, 0 and up, shape (n_words,)."""
        share = np.full(len(words), 0.5)
        for scope in (_EVERYBODY, *scopes_of(who)):
            known, size = self.counts.get(scope, {}), self.sessions.get(scope, 0)
            used = np.array([known.get(word, 0) for word in words], dtype=float)
            weight = 1.0 if scope == _EVERYBODY else SHRINKAGE
            share = (used + weight * share) / (size + weight)
        return -np.log10(share)

    def measure(
        self, traces: Sequence[Trace], who: Sequence[Who], expected: Mapping[Who, Container[str]] = _NO_WORDS
    ) -> np.ndarray:
        """Mean surprise of the ``NEWEST`` least expected words of each session, shape (n_traces,).

        NaN for sessions without any known argument. A session of few words is not stranger for it: what is missing
        counts as expected, and so do the words in ``expected``, by agent and user.
        """
        result = np.full(len(traces), np.nan)
        for row, (trace, one) in enumerate(zip(traces, who, strict=True)):
            if trace.words:
                surprise = self.surprise([word for word in words_used(trace) if word not in expected.get(one, ())], one)
                result[row] = np.sort(surprise)[-NEWEST:].sum() / NEWEST
        return result

    def newest(self, trace: Trace, who: Who) -> list[str]:
        """The least expected words of a session, at most ``NEWEST``, least expected first: those one in ten knows."""
        words = words_used(trace)
        surprise = self.surprise(words, who)
        return [words[number] for number in np.argsort(-surprise, kind="stable")[:NEWEST] if surprise[number] >= 1.0]


def words_used(trace: Trace) -> list[str]:
    """The different words of a trace, in order of first use."""
    used: dict[str, None] = {}
    for joined in dict.fromkeys(trace.words[: trace.length]):
        used.update(dict.fromkeys(split_words(joined)))
    return list(used)


def fit_vocabulary(traces: Sequence[Trace], who: Sequence[Who]) -> VocabularyModel:
    """Count the sessions that used each word; sessions without any known argument do not count."""
    counts: dict[Scope, Counter[str]] = {}
    sessions: Counter[Scope] = Counter()
    for trace, one in zip(traces, who, strict=True):
        if not trace.words:
            continue
        words = words_used(trace)
        for scope in (_EVERYBODY, *scopes_of(one)):
            counts.setdefault(scope, Counter()).update(words)
            sessions[scope] += 1
    return VocabularyModel({scope: dict(used.most_common(MOST_KNOWN)) for scope, used in counts.items()}, sessions)
