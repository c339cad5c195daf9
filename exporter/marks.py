"""What follows from people's verdicts while the exporter runs: read again whenever one is given.

Kept beside the verdicts of the analyses, not in them: a final score never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analytics.features import SCHEMA
from analytics.leniency import Leniency
from analytics.marked_session import MarkedSession
from analytics.traces import EMPTY_TRACE, Trace
from analytics.verdicts import SessionVerdict
from analytics.wariness import MOST_EXAMPLES, Wariness
from exporter.state import HumanVerdict, State, StoredSession

BENIGN = "benign"
MALICIOUS = "malicious"


@dataclass(frozen=True)
class Marks:
    """The effect of what people said.

    Attributes:
        leniency: what weighs less from now on.
        wariness: what weighs more from now on.
        benign_since_ns: when each benign session was called so, nanoseconds since the epoch, by session id.
    """

    leniency: Leniency = field(default_factory=Leniency)
    wariness: Wariness = field(default_factory=Wariness)
    benign_since_ns: Mapping[str, int] = field(default_factory=dict)

    def silenced(self, verdicts: Mapping[str, SessionVerdict]) -> frozenset[str]:
        """The sessions that nobody is to be alerted of: benign, and nothing has happened in them since."""
        known = ((verdicts.get(session_id), since_ns) for session_id, since_ns in self.benign_since_ns.items())
        return frozenset(one.session_id for one, since_ns in known if one is not None and one.ended_ns <= since_ns)


def read_marks(state: State) -> Marks:
    """The marks of all sessions that are still kept."""
    said = state.human_verdicts()
    benign, malicious = (_called(said, word) for word in (BENIGN, MALICIOUS))
    malicious = malicious[-MOST_EXAMPLES:]
    traces = state.traces([*benign, *malicious]) if said else {}
    return Marks(
        Leniency.of(_marked(session, verdict, traces) for session, verdict in _judged(state, benign)),
        Wariness.of(_marked(session, verdict, traces) for session, verdict in _judged(state, malicious)),
        {session_id: int(said[session_id].at * 1e9) for session_id in benign},
    )


def _called(said: Mapping[str, HumanVerdict], word: str) -> list[str]:
    """The sessions that people called so, oldest verdict first."""
    return sorted((name for name, one in said.items() if one.verdict == word), key=lambda name: said[name].at)


def _judged(state: State, session_ids: list[str]) -> list[tuple[StoredSession, SessionVerdict]]:
    """Those of the sessions that are still kept, with what the analyses said."""
    stored = (state.session(session_id) for session_id in session_ids)
    return [(one, one.verdict) for one in stored if one is not None and one.verdict is not None]


def _marked(session: StoredSession, verdict: SessionVerdict, traces: Mapping[str, Trace]) -> MarkedSession:
    who, trace = (verdict.agent, verdict.user_id), traces.get(session.session_id, EMPTY_TRACE)
    return MarkedSession(session.session_id, who, _rules(verdict), _values(session), session.events, trace)


def _rules(verdict: SessionVerdict) -> frozenset[str]:
    return frozenset(finding.rule for finding in verdict.findings)


def _values(session: StoredSession) -> np.ndarray | None:
    """Features that can be compared with: those of the present schema."""
    return session.features if session.feature_schema == SCHEMA else None
