"""What has been kept long enough is deleted: events after their grace period, sessions after the retention.

With a session goes everything that is known of it or follows from it: events, hits, trace, what people said, what
they called benign, lines that wait for Loki, and the costs counted for a user or project that no kept session has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from analytics.verdicts import SessionVerdict
from exporter.counting import BY_USER
from exporter.marks import read_marks
from exporter.state import State, StoredSession
from exporter.world import World

Labels = tuple[str, ...]


def forget(world: World, now_ns: int) -> None:
    """Drop events of sessions past their grace period, and sessions past the retention."""
    settings = world.settings
    through_ns = now_ns - settings.retention_ns
    # From the state: sessions that grew too old while nobody ran are not among the verdicts.
    old = {one.session_id: one for one in world.state.sessions(through_ns=through_ns, with_checkpoints=False)}
    past = [
        session_id
        for session_id in world.holding
        if world.verdicts[session_id].is_final
        and now_ns - world.verdicts[session_id].ended_ns >= settings.keep_events_ns
    ]
    if past or old:
        kept = [verdict for session_id, verdict in world.verdicts.items() if session_id not in old]
        with world.state.begin() as transaction:
            transaction.drop_events(past)
            transaction.delete_sessions(old)
            if old:
                transaction.remove_announcements(_lines_of(world.state, old, through_ns))
                for metric, labels in _counts_of(world.state, old.values(), kept).items():
                    transaction.remove_counts(metric, labels)
        _forget_in_memory(world, past, old)
    world.state.wipe()


def _forget_in_memory(world: World, past: Iterable[str], old: Collection[str]) -> None:
    world.holding.difference_update(past, old)
    world.unjudged.difference_update(old)
    for session_id in old:
        world.verdicts.pop(session_id, None)
        world.recent.pop(session_id, None)
    if world.marks.benign_since_ns.keys() & set(old):
        world.marks = read_marks(world.state)


def _lines_of(state: State, session_ids: Collection[str], through_ns: int) -> list[int]:
    """Numbers of the lines in the outbox about some sessions, or from before a time."""
    return [
        number
        for number, line in state.queued_announcements().items()
        if line.time_ns <= through_ns or line.metadata.get("session_id") in session_ids
    ]


def _counts_of(state: State, old: Iterable[StoredSession], kept: Iterable[SessionVerdict]) -> dict[str, list[Labels]]:
    """Labels by metric of the counts whose user, or user and project, only old sessions have."""
    remaining = {_who(verdict) for verdict in kept}
    gone = {_who(session.verdict) for session in old if session.verdict is not None} - remaining
    users = {user for user, _ in gone} - {user for user, _ in remaining}
    counted = state.counters()
    return {
        metric: [labels for labels in counted.get(metric, ()) if labels in gone or labels[0] in users]
        for metric in BY_USER
    }


def _who(verdict: SessionVerdict) -> tuple[str, str]:
    """User and project as counters have them."""
    return verdict.user_id or "", verdict.project or ""
