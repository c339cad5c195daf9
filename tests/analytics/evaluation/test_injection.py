from collections import Counter

import numpy as np

from analytics.evaluation.injection import (
    DEEDS,
    FIT,
    TEST,
    THRESHOLD,
    Deed,
    donors_of,
    families,
    injections,
    misbehaving,
    part_by_user,
    without_details,
)
from analytics.sessions import SessionInfo
from tests.builders import ordinary_session


def info(session_id, *, user="ana", start=0, parent=None):
    return SessionInfo(session_id, start, start + 1, 10, "codex", user, None, None, None, parent, has_end=False)


def test_sessions_belong_with_what_they_started_even_in_a_ring():
    infos = [info("a"), info("b", parent="a"), info("c", parent="b"), info("d", parent="gone"), info("e", parent="f"),
             info("f", parent="e"), info("g")]  # fmt: skip
    family = families(infos)
    assert family[0] == family[1] == family[2]
    assert family[4] == family[5]
    assert len(set(family)) == 4


def test_each_users_sessions_are_parted_in_half_and_quarters_and_families_stay_whole():
    infos = [info(f"{user}{k}", user=user, start=k) for user in ("ana", "bob") for k in range(40)]
    infos += [info(f"sub{k}", parent=f"ana{k}", start=k) for k in range(20)]
    family = families(infos)
    part = part_by_user(infos, family, np.random.default_rng(0))
    for code in set(family):
        assert len(set(part[family == code])) == 1
    bob = [part[k] for k, one in enumerate(infos) if one.user_id == "bob"]
    assert Counter(bob) == {FIT: 20, THRESHOLD: 10, TEST: 10}


def test_parting_by_time_judges_the_latest_by_the_earliest():
    infos = [info(f"s{k}", start=100 - k) for k in range(40)]
    part = part_by_user(infos, families(infos), None)
    starts = np.array([one.started_ns for one in infos])
    assert starts[part == FIT].max() < starts[part == THRESHOLD].min()
    assert starts[part == THRESHOLD].max() < starts[part == TEST].min()


def sessions(users=("ana", "bob")):
    rng = np.random.default_rng(0)
    made = [ordinary_session(k, rng, user=users[k % 2]) for k in range(4)]
    return {records[0]["session_id"]: records for records in made}


def test_misbehaviour_begins_where_it_says_and_what_was_before_is_untouched():
    given = sessions()
    for session_id, injection in injections(given, Deed("loop", "strong"), 0, donors_of(given)):
        before = [record for record in injection.records if record["sequence"] < injection.onset_sequence]
        assert 0 < len(before) <= len(given[session_id]) < len(injection.records)
        kept = [{**record, "sequence": number} for number, record in enumerate(given[session_id][: len(before)])]
        assert before == kept


def test_every_deed_is_done_once_in_every_session_and_by_seed():
    given = sessions()
    donors = donors_of(given)
    for deed in DEEDS[::5]:
        records = misbehaving(given, deed, 1, donors)
        assert {record["session_id"] for record in records} == set(given)
        assert records == misbehaving(given, deed, 1, donors)
        assert records != misbehaving(given, deed, 2, donors)
        assert len({record["user_id"] for record in records}) == 2


def test_an_injection_does_not_depend_on_the_other_sessions():
    given = sessions()
    name = min(given)
    deed, donors = Deed("loop", "mild"), donors_of(given)
    together = [record for record in misbehaving(given, deed, 3, donors) if record["session_id"] == name]
    assert together == misbehaving({name: given[name]}, deed, 3, donors)


def test_strangers_are_other_users_of_the_same_agent():
    given = sessions()
    donors = donors_of(given)
    for records in given.values():
        donor = donors.for_session(records, np.random.default_rng(0))
        assert donor is not None
        assert donor[0]["user_id"] != records[0]["user_id"]
    name, records = next(iter(given.items()))
    assert donors_of({name: records}).for_session(records, np.random.default_rng(0)) is None


def test_without_details_no_arguments_are_left_and_all_else_is():
    records = next(iter(sessions().values()))
    bare = without_details(records)
    assert not any("tool_input" in record for record in bare)
    assert [set(record) - {"tool_input"} for record in records] == [set(record) for record in bare]
    assert any("tool_input" in record for record in records)
