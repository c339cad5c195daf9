"""What follows from people's verdicts while the exporter runs: read again whenever one is given.

Kept beside the verdicts of the analyses, not in them: a final score never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.features import SCHEMA
from analytics.leniency import BenignSession, Leniency
from analytics.verdicts import SessionVerdict
from exporter.state import State, StoredSession

BENIGN = "benign"


@dataclass(frozen=True)
class Marks:
    """The effect of what people said.

    Attributes:
        leniency: what weighs less from now on.
        benign_since_ns: when each benign session was called so, nanoseconds since the epoch, by session id.
    """

    leniency: Leniency = field(default_factory=Leniency)
    benign_since_ns: Mapping[str, int] = field(default_factory=dict)

    def silenced(self, verdicts: Mapping[str, SessionVerdict]) -> frozenset[str]:
        """The sessions that nobody is to be alerted of: benign, and nothing has happened in them since."""
        known = ((verdicts.get(session_id), since_ns) for session_id, since_ns in self.benign_since_ns.items())
        return frozenset(one.session_id for one, since_ns in known if one is not None and one.ended_ns <= since_ns)


def read_marks(state: State) -> Marks:
    """The marks of all sessions that are still kept."""
    given = {session_id: said for session_id, said in state.human_verdicts().items() if said.verdict == BENIGN}
    oldest_first = sorted(given, key=lambda session_id: given[session_id].at)
    stored = [session for session_id in oldest_first if (session := state.session(session_id)) is not None]
    return Marks(
        Leniency.of(_benign(session) for session in stored if session.verdict is not None),
        {session_id: int(said.at * 1e9) for session_id, said in given.items()},
    )


def _benign(session: StoredSession) -> BenignSession:
    verdict = session.verdict
    assert verdict is not None
    return BenignSession(
        who=(verdict.agent, verdict.user_id),
        rules=frozenset(finding.rule for finding in verdict.findings),
        values=session.features if session.feature_schema == SCHEMA else None,
        age=session.events,
    )
