"""Pseudonyms: what they replace, that they stay, and that no name gets past them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import ConfigError
from exporter.config import load_config as load
from exporter.pseudonyms import DIGITS, PREFIX, Pseudonyms
from tests.builders import record, table_of, use
from tests.exporter.kept_bytes import holders
from tests.exporter.running import Clock, exporter_of, team, thief, write_config, write_lines
from tests.exporter.test_service import client_of

KEY = "0123456789abcdef0123456789abcdef"
NAME = "brunhilde"
NAMES = st.text(min_size=1, max_size=40)


@pytest.fixture
def pseudonyms():
    return Pseudonyms(KEY)


def of_user(name):
    return {"user_id": name, "project": f"/home/{name}/shop"}


def test_a_pseudonym_is_the_beginning_of_the_keyed_hash(pseudonyms):
    expected = hmac.new(KEY.encode(), b"brunhilde", hashlib.sha256).hexdigest()
    assert pseudonyms.user(NAME) == "user-" + expected[:12]


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=60), key=st.text(min_size=32, max_size=40, alphabet="abcdef0123456789"))
def test_the_same_key_gives_the_same_pseudonym_and_another_key_another(name, key):
    first = Pseudonyms(key).user(name)
    assert first == Pseudonyms(key).user(name)
    assert first != Pseudonyms(key + "x").user(name)
    assert len(first) == len(PREFIX) + DIGITS


@pytest.mark.parametrize(
    ("project", "left"),
    [
        ("/home/brunhilde/shop", "/home/{}/shop"),
        ("/home/brunhilde", "/home/{}"),
        ("/Users/brunhilde/src/shop", "/Users/{}/src/shop"),
        ("/var/home/brunhilde/shop", "/var/home/{}/shop"),
        ("/mnt/c/Users/brunhilde/shop", "/mnt/c/Users/{}/shop"),
        ("C:\\Users\\brunhilde\\shop", "C:\\Users\\{}\\shop"),
        ("file:///home/brunhilde/shop", "file:///home/{}/shop"),
        ("/data/brunhilde/shop", "/data/{}/shop"),
        ("shop", "shop"),
        ("/srv/shop", "/srv/shop"),
        ("/srv/brunhildes-shop", "/srv/brunhildes-shop"),
    ],
)
def test_of_a_project_only_the_name_goes(pseudonyms, project, left):
    assert pseudonyms.project(project, NAME) == left.format(pseudonyms.user(NAME))


def test_the_name_of_a_home_folder_goes_where_nobody_knows_the_user_or_has_another_id(pseudonyms):
    expected = f"/home/{pseudonyms.user(NAME)}/shop"
    assert pseudonyms.project("/home/brunhilde/shop", None) == expected
    assert pseudonyms.project("/home/brunhilde/shop", "8d2f") == expected


def test_the_part_of_an_address_before_the_at_counts_as_the_users_name(pseudonyms):
    assert (
        pseudonyms.project("/data/Brunhilde/x", "brunhilde@corp.example") == f"/data/{pseudonyms.user('Brunhilde')}/x"
    )


def test_a_table_keeps_every_other_column_and_what_is_missing(pseudonyms):
    events = table_of(
        use(0, session="s1", **of_user(NAME), model="m"),
        use(1, session="s2", user_id="ana", project="/srv/x"),
        record("user_prompt", 2, session_id="s3"),
        record("user_prompt", 3, session_id="s4", project="/home/brunhilde/shop"),
    )
    hidden = pseudonyms.table(events)
    texts = (
        hidden.frame[["user_id", "project"]].astype(object).where(hidden.frame[["user_id", "project"]].notna(), None)
    )
    brunhilde = pseudonyms.user(NAME)
    assert texts.to_numpy().tolist() == [
        [brunhilde, f"/home/{brunhilde}/shop"],
        [pseudonyms.user("ana"), "/srv/x"],
        [None, None],
        [None, f"/home/{brunhilde}/shop"],
    ]
    others = [name for name in events.frame.columns if name not in ("user_id", "project")]
    assert hidden.frame[others].equals(events.frame[others])


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.tuples(st.none() | NAMES, st.none() | NAMES), min_size=1, max_size=12))
def test_a_table_is_hidden_as_its_values_are_one_by_one(pairs):
    pseudonyms = Pseudonyms(KEY)
    events = table_of(*[use(n, user_id=user, project=project) for n, (user, project) in enumerate(pairs)])
    hidden = pseudonyms.table(events)
    for name in ("user_id", "project"):
        assert len(hidden.frame[name]) == len(pairs)
    for before, after in zip(
        events.frame[["user_id", "project"]].astype(object).to_numpy().tolist(),
        hidden.frame[["user_id", "project"]].astype(object).to_numpy().tolist(),
        strict=True,
    ):
        user, project = (one if isinstance(one, str) else None for one in before)
        expected = [user and pseudonyms.user(user), project and pseudonyms.project(project, user)]
        assert [one if isinstance(one, str) else None for one in after] == expected


# Configuration


def test_pseudonyms_need_a_key_that_cannot_be_guessed_and_does_not_stand_in_the_file(tmp_path):
    file = tmp_path / "c.yml"
    for text, environ, told in (
        ("privacy: {pseudonymise: true}", {}, "privacy.pseudonymise: needs a key"),
        ("privacy: {pseudonymise: true, key: '${K}'}", {"K": "short"}, "privacy.key: must have at least 32 characters"),
        (f"privacy: {{pseudonymise: true, key: {KEY}}}", {}, "privacy.key: a secret must not stand in the file"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(file, environ)
        assert any(told in line for line in caught.value.errors), caught.value.errors
        assert KEY not in str(caught.value)


def test_the_key_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "c.yml").write_text(f"privacy: {{pseudonymise: true, key_file: {tmp_path / 'key'}}}")
    config = load(tmp_path / "c.yml", {})
    assert config.privacy.key.get_secret_value() == KEY
    assert KEY not in json.dumps(config.redacted())


# Whole runs


def their(records, name=NAME):
    return [{**one, **of_user(name)} for one in records]


def test_a_whole_run_stores_shows_and_logs_no_name_and_rules_match_as_before(tmp_path, caplog):
    clock = Clock()
    lines = their(thief(clock.now - 1800))
    lines += [use(0, session="thief", **of_user(NAME), tool_input={"file_path": "/home/brunhilde/shop/.env"})]
    lines += [record("api_request", 0, session_id="thief", **of_user(NAME), cost_usd=0.5)]
    write_lines(tmp_path / "telemetry" / "a.jsonl", their(team(5, clock.now)) + lines)
    found = {}
    for folder, privacy in (("plain", {}), ("hidden", {"pseudonymise": True, "key": KEY})):
        sections = {"state": {"directory": str(tmp_path / folder)}, "privacy": privacy}
        caplog.clear()
        with exporter_of(tmp_path, clock, **sections) as exporter, client_of(exporter) as client:
            exporter.cycle()
            pages = [client.get(path).text for path in ("/metrics", "/", "/sessions/thief", "/api/v1/sessions")]
            found[folder] = exporter.world.verdicts["thief"].findings
            assert (Pseudonyms(KEY).user(NAME) in pages[0]) == bool(privacy)
        shown = "\n".join([*pages, caplog.text]).lower()
        assert (NAME in shown) != bool(privacy)
    assert found["hidden"] == found["plain"]
    assert found["plain"]
    assert holders(tmp_path / "plain", NAME)
    assert holders(tmp_path / "hidden", NAME) == {}


@pytest.mark.parametrize("spelling", [f"{NAME} ", f"\t{NAME}\r\n", f"\u00a0{NAME}"], ids=ascii)
def test_blanks_around_an_id_let_no_name_through(tmp_path, spelling):
    clock = Clock()
    lines = [{**one, "user_id": spelling, "project": f"/data/{NAME}/shop"} for one in team(3, clock.now)]
    write_lines(tmp_path / "telemetry" / "a.jsonl", lines)
    with exporter_of(tmp_path, clock, privacy={"pseudonymise": True, "key": KEY}) as exporter:
        exporter.cycle()
        users = {verdict.user_id for verdict in exporter.world.verdicts.values()}
        projects = {verdict.project for verdict in exporter.world.verdicts.values()}
    pseudonym = Pseudonyms(KEY).user(NAME)
    assert (users, projects) == ({pseudonym}, {f"/data/{pseudonym}/shop"})
    assert holders(tmp_path / "state", NAME) == {}


def test_after_a_restart_users_have_the_same_pseudonyms_and_with_another_key_new_ones(tmp_path):
    clock = Clock()
    telemetry = tmp_path / "telemetry" / "a.jsonl"
    seen = []
    for number, key in enumerate((KEY, KEY, KEY[::-1])):
        write_lines(telemetry, their(team(1, clock.now, prefix=f"r{number}-")))
        with exporter_of(tmp_path, clock, privacy={"pseudonymise": True, "key": key}) as exporter:
            exporter.cycle()
            seen.append(exporter.world.verdicts[f"r{number}-s0000"].user_id)
    assert seen[0] == seen[1] == Pseudonyms(KEY).user(NAME)
    assert seen[2] == Pseudonyms(KEY[::-1]).user(NAME) != seen[0]


def test_a_reload_says_that_pseudonyms_need_a_restart_and_changes_nobodys_name(tmp_path, caplog):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", their(team(1, clock.now)))
    with exporter_of(tmp_path, clock, write_config(tmp_path)) as exporter:
        (tmp_path / "key").write_text(KEY)
        write_config(tmp_path, privacy={"pseudonymise": True, "key_file": str(tmp_path / "key")})
        assert exporter.reload().after_restart == ("privacy.pseudonymise", "privacy.key")
        exporter.cycle()
        assert {one.user_id for one in exporter.world.verdicts.values()} == {NAME}
    assert "privacy.pseudonymise takes effect after a restart" in caplog.text


def test_train_and_score_keep_and_print_no_name(sigyn, tmp_path, monkeypatch):
    write_lines(tmp_path / "history.jsonl", their(team(40, Clock().now)))
    config = write_config(tmp_path, privacy={"pseudonymise": True, "key": "${THE_KEY}"})
    monkeypatch.setenv("THE_KEY", KEY)
    given = ("--input", tmp_path / "history.jsonl", "--state", tmp_path / "own", "--config", config)
    trained = sigyn("train", *given)
    assert trained.status == 0, trained.err
    scored = sigyn("score", *given, "--format", "jsonl")
    assert {json.loads(line)["user_id"] for line in scored.out.splitlines()} == {Pseudonyms(KEY).user(NAME)}
    assert NAME not in (scored.out + scored.err + trained.out + trained.err).lower()
    assert list((tmp_path / "own" / "models").rglob("*.joblib"))
    assert holders(tmp_path / "own", NAME) == {}
