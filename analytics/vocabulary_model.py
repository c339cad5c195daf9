"""How new the words of a session are to its user: programs, switches, folders and hosts that were never used before.

In how many sessions of the user a word was used, falls back on the agent's sessions and on all, as far as the user's
history is thin. A word's surprise is the negative logarithm of that share. Ordinary work brings a new word now and
then; who takes over a session, or is led by what it reads, brings several at once. So two things are measured: how new
the newest words of the whole session are, which nobody hides by spreading them, and how new a burst of a few tool uses
is, which stands out in a long session too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from analytics.baseline import Scope, Who, scopes_of
from analytics.first_uses import FirstUses, first_steps
from analytics.traces import Trace

SHRINKAGE: Final = 10.0
"""Sessions after which a scope's own history weighs as much as the wider one's."""
MOST_KNOWN: Final = 20_000
"""Words kept of one scope, the most used ones; bounds what a hostile client can make the model hold."""
NEWEST: Final = 5
"""Words that count in a session, the least expected ones: more of the usual ones around them change nothing."""
_EVERYBODY: Final[Scope] = ()
_NO_WORDS: Final[Mapping[Who, Container[str]]] = MappingProxyType({})


class Novelty(NamedTuple):
    """How new the words of some sessions are, shape (n_sessions,) each, NaN for those without any known argument.

    Attributes:
        words: mean surprise of the ``NEWEST`` least expected words of the session.
        burst: what the loudest burst amounts to, see ``analytics.first_uses``.
    """

    words: np.ndarray
    burst: np.ndarray


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
    ) -> Novelty:
        """How new the words of each session are to its user; traces cut from one whole trace share its work.

        A session of few words is not stranger for it: what is missing counts as expected, and so do the words in
        ``expected``, by agent and user.
        """
        novelty = Novelty(*np.full((2, len(traces)), np.nan))
        rows_of: dict[tuple[int, Who], list[int]] = defaultdict(list)
        for row, (trace, one) in enumerate(zip(traces, who, strict=True)):
            if trace.words:
                rows_of[id(trace.words), one].append(row)
        for (_, one), rows in rows_of.items():
            used = FirstUses.of(max((traces[row] for row in rows), key=attrgetter("length")))
            known = expected.get(one, ())
            surprise = np.where([word in known for word in used.words], 0.0, self.surprise(used.words, one))
            loudest = np.concatenate([[0.0], used.bursts(surprise)])
            for row in rows:
                count = used.until(traces[row].length)
                novelty.words[row] = np.sort(surprise[:count])[-NEWEST:].sum() / NEWEST
                novelty.burst[row] = loudest[count]
        return novelty

    def newest(self, trace: Trace, who: Who) -> list[str]:
        """The least expected words of a session, at most ``NEWEST``, least expected first: those one in ten knows."""
        words = words_used(trace)
        return _least_expected(words, self.surprise(words, who))

    def newest_in_burst(self, trace: Trace, who: Who) -> list[str]:
        """The same of the loudest burst."""
        used = FirstUses.of(trace)
        surprise = self.surprise(used.words, who)
        inside = used.in_loudest_burst(surprise)
        return _least_expected([used.words[number] for number in inside], surprise[inside])


def _least_expected(words: Sequence[str], surprise: np.ndarray) -> list[str]:
    return [words[number] for number in np.argsort(-surprise, kind="stable")[:NEWEST] if surprise[number] >= 1.0]


def words_used(trace: Trace) -> list[str]:
    """The different words of a trace, in order of first use."""
    return list(first_steps(trace))


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
