from __future__ import annotations

from dataclasses import replace

import numpy as np

from analytics.analysis import History
from analytics.findings import Finding
from analytics.vetting import MOST_LEFT_OUT, vetted
from tests.analytics.histories import history_of, ordinary_records


def with_findings(severity: str, sessions: int, total: int = 40) -> History:
    """A history in which the first so many sessions have a finding."""
    history = history_of(ordinary_records(total))
    findings = tuple(
        (Finding(info.session_id, "planted", severity, 1, 0, 0),) if number < sessions else ()
        for number, info in enumerate(history.sessions.infos)
    )
    return History(
        replace(history.sessions, findings=findings),
        history.checkpoint_values,
        history.checkpoint_ages,
        history.checkpoint_session,
    )


def test_sessions_with_alerting_findings_teach_nothing_at_any_age():
    history = with_findings("high", 3)
    left = vetted(history)
    out = {info.session_id for info in history.sessions.infos[:3]}
    assert len(left) == 37
    assert not out & {info.session_id for info in left.sessions.infos}
    # Each earlier row still belongs to its own session.
    before = {
        (history.sessions.infos[session].session_id, int(age)): values
        for session, age, values in zip(
            history.checkpoint_session, history.checkpoint_ages, history.checkpoint_values, strict=True
        )
    }
    for session, age, values in zip(left.checkpoint_session, left.checkpoint_ages, left.checkpoint_values, strict=True):
        assert np.array_equal(values, before[left.sessions.infos[session].session_id, int(age)], equal_nan=True)
    assert len(left.checkpoint_ages) == sum(name not in out for name, _ in before)


def test_lesser_findings_leave_nobody_out():
    assert len(vetted(with_findings("medium", 3))) == 40


def test_where_such_findings_are_everyday_for_most_users_all_teach():
    assert len(vetted(with_findings("critical", int(40 * MOST_LEFT_OUT) + 4))) == 40


def test_one_user_cannot_make_such_findings_everyday():
    history = history_of(ordinary_records(60, users=("ana", "bob", "eve")))
    findings = tuple(
        (Finding(info.session_id, "planted", "high", 1, 0, 0),) if info.user_id == "eve" else ()
        for info in history.sessions.infos
    )
    left = vetted(replace(history, sessions=replace(history.sessions, findings=findings)))
    assert {info.user_id for info in left.sessions.infos} == {"ana", "bob"}
