"""A person is forgotten: nothing of theirs is left in any file, nothing of anybody else is gone."""

from __future__ import annotations

import json
import sqlite3

from exporter.assembly import build_pseudonyms, build_training_settings
from exporter.config import Config
from exporter.forgetting import FORGOTTEN
from exporter.model_store import ModelStore
from exporter.sources.local import LocalSource
from exporter.state import State
from exporter.training import Shelf, read_history, train
from tests.builders import START, use
from tests.exporter.kept_bytes import holders
from tests.exporter.running import Clock, exporter_of, team, write_lines
from tests.exporter.two_people import KEY, NAME, fill, forget, of_user


def everything_of(folder, prefix):
    with State.open_read_only(folder / "state") as state:
        sessions = [one for one in state.sessions() if one.session_id.startswith(prefix)]
        ids = [one.session_id for one in sessions]
        return [
            [(one.session_id, one.events, repr(one.verdict), one.features.tobytes()) for one in sessions],
            state.count_rows(ids),
            state.events(ids).frame.astype(object).to_numpy().tolist().__repr__(),
            sorted(map(repr, state.hits(ids))),
        ]


def test_the_name_is_in_state_models_and_outbox_before(deployment):
    found = holders(deployment / "state", NAME)[NAME]
    assert {name.split("/")[0] for name in found} >= {"state.db", "models"}
    assert any(name.startswith("chunk") for name in found)


def test_afterwards_no_file_holds_the_name_not_even_in_free_pages(deployment):
    found = forget(deployment / "state")
    assert len(found.sessions) == 21
    assert found.models
    assert found.lines
    assert found.rows["hits"] > 0
    assert found.rows["traces"] > 0
    assert holders(deployment / "state", NAME, "b-s0001", "b-thief") == {}


def test_nothing_is_left_to_be_found_and_repeating_changes_nothing(deployment):
    forget(deployment / "state")
    before = everything_of(deployment, "a-")
    assert not forget(deployment / "state")
    assert everything_of(deployment, "a-") == before


def test_other_peoples_sessions_keep_everything_but_the_name(deployment):
    before = everything_of(deployment, "a-")
    forget(deployment / "state")
    after = everything_of(deployment, "a-")
    changed = [(old, new) for old, new in zip(before[0], after[0], strict=True) if old != new]
    assert [old[0] for old, _ in changed] == ["a-s0003"]
    assert changed[0][0][2].replace("likely_user='brunhilde'", "likely_user=None") == changed[0][1][2]
    assert after[1:] == before[1:]


def test_words_about_others_stay_without_the_name_and_whoever_gave_them(deployment):
    forget(deployment / "state")
    with State.open_read_only(deployment / "state") as state:
        said = state.human_verdicts()
    assert set(said) == {"a-s0001", "a-s0002"}
    assert (said["a-s0001"].verdict, said["a-s0001"].by) == ("benign", None)
    assert said["a-s0001"].note == f"{FORGOTTEN} says it was hers; ask {FORGOTTEN}."
    assert (said["a-s0002"].note, said["a-s0002"].by) == ("mine", "ana")


def test_costs_under_the_name_go_and_those_of_others_stay(deployment):
    def costs():
        with State.open_read_only(deployment / "state") as state:
            return state.counters()["sigyn_cost_usd_total"]

    before = costs()
    forget(deployment / "state")
    assert {labels[0] for labels in before} == {NAME, "ana"}
    assert costs() == {labels: count for labels, count in before.items() if labels[0] == "ana"}


def test_lines_that_wait_about_others_still_wait(deployment):
    def waiting():
        with State.open_read_only(deployment / "state") as state:
            return [json.loads(line.line).get("session_id") for line in state.queued_announcements(10**6).values()]

    before = waiting()
    forget(deployment / "state")
    assert waiting() == [session for session in before if session is None or session.startswith("a-")]


def test_files_that_were_read_are_not_read_again_though_their_path_is_forgotten(deployment):
    def read(position):
        return sum(len(batch.table) for batch in LocalSource([deployment / "telemetry"]).read(position, 0))

    with State.open_read_only(deployment / "state") as state:
        assert NAME in json.dumps(state.positions())
    forget(deployment / "state")
    with State.open_read_only(deployment / "state") as state:
        position = state.positions()["local"]
    assert NAME not in json.dumps(position)
    assert read(position) == 0
    assert read({}) > 0


def test_no_model_is_left_to_be_loaded_and_a_new_one_knows_nobody_of_that_name(deployment):
    forget(deployment / "state")
    clock = Clock()
    with exporter_of(deployment, clock, training={"minimum_sessions": 10}) as exporter:
        assert exporter.world.models.fitted == {}
        shelf = Shelf(ModelStore(deployment / "state"), exporter.world.state)
        history = read_history(exporter.world.state, int(clock.now * 1e9), build_training_settings(exporter.config))
        assert len(history) > 0
        train(history, exporter.world.analyses, shelf, exporter.world.models, clock.now)
    assert list((deployment / "state" / "models").rglob("*.joblib"))
    assert holders(deployment / "state", NAME) == {}


def test_a_session_that_two_people_shared_goes_as_a_whole(tmp_path):
    write_lines(
        tmp_path / "telemetry" / "a.jsonl",
        [use(0, user_id="ana"), use(1, user_id=NAME), use(2, session="s2", user_id="ana")],
    )
    with exporter_of(tmp_path, Clock(START.timestamp() + 60)) as exporter:
        exporter.cycle()
    assert forget(tmp_path / "state").sessions == {"s1"}
    assert holders(tmp_path / "state", NAME) == {}


def test_a_name_within_another_name_is_nobodys(tmp_path):
    longer = of_user(team(2, Clock().now), f"{NAME}2")
    write_lines(tmp_path / "telemetry" / "a.jsonl", longer)
    with exporter_of(tmp_path, Clock()) as exporter:
        exporter.cycle()
    assert not forget(tmp_path / "state")


def test_with_pseudonyms_the_real_name_finds_what_is_stored_under_either(tmp_path):
    fill(tmp_path, privacy={"pseudonymise": True, "key": KEY})
    config = Config.model_validate({"privacy": {"pseudonymise": True, "key": KEY}})
    pseudonym = build_pseudonyms(config).user(NAME)
    assert pseudonym.encode() != NAME.encode()
    assert holders(tmp_path / "state", pseudonym)
    found = forget(tmp_path / "state", NAME, pseudonym)
    assert len(found.sessions) == 21
    assert holders(tmp_path / "state", NAME, pseudonym) == {}


def test_what_was_deleted_earlier_without_being_overwritten_goes_too(deployment):
    connection = sqlite3.connect(deployment / "state" / "state.db")
    connection.execute("PRAGMA secure_delete=OFF")
    for table in (
        "sigyn_sessions",
        "sigyn_event_chunks",
        "sigyn_hits",
        "sigyn_traces",
        "sigyn_announced",
        "sigyn_outbox",
    ):
        connection.execute(f"DELETE FROM {table}")
    connection.commit()
    connection.close()
    assert "state.db" in holders(deployment / "state", "b-thief")["b-thief"]
    forget(deployment / "state")
    assert holders(deployment / "state", NAME, "b-thief") == {}
