"""``sigyn forget`` as people meet it: what it tells, asks and refuses, and the requests it writes down."""

from __future__ import annotations

import json
import shlex

import pytest

from exporter.commands.out_of_reach import out_of_reach
from exporter.config import Config
from exporter.forgetting import Person
from exporter.state import State
from tests.exporter.kept_bytes import holders
from tests.exporter.running import write_config
from tests.exporter.two_people import NAME


def test_the_command_tells_what_it_removes_and_what_is_out_of_reach(sigyn, deployment):
    config = write_config(
        deployment, sources={"loki": {"url": "http://loki:3100"}}, state={"directory": str(deployment / "state")}
    )
    ended = sigyn("forget", NAME, "--config", config, "--yes", "--hook-file", deployment / "none.jsonl")
    assert (ended.status, ended.err) == (0, "")
    assert [line.split() for line in ended.out.splitlines() if line.startswith("sessions ")] == [["sessions", "21"]]
    for told in (
        "Removed.",
        "/loki/api/v1/delete",
        "/api/v1/admin/tsdb/delete_series",
        "Backups",
        "The models are gone",
    ):
        assert told in ended.out
    assert holders(deployment / "state", NAME) == {}


def test_a_name_that_is_nowhere_ends_with_1_and_says_how_names_are_compared(sigyn, deployment):
    ended = sigyn("forget", "Brunhilde", "--state", deployment / "state", "--yes", "--hook-file", deployment / "none")
    # The notes name her: that is found whatever the case.
    assert ended.status == 0
    nobody = sigyn("forget", "nobody", "--state", deployment / "state", "--yes", "--hook-file", deployment / "none")
    assert nobody.status == 1
    assert len(nobody.lines) == 1
    assert "nothing is stored about 'nobody'" in nobody.err


def test_without_anybody_to_ask_nothing_is_removed_and_the_option_is_named(sigyn, deployment):
    ended = sigyn("forget", NAME, "--state", deployment / "state", "--hook-file", deployment / "none")
    assert ended.status == 2
    assert "--yes" in ended.err
    assert holders(deployment / "state", NAME)


@pytest.mark.parametrize(("answer", "status"), [(False, 1), (True, 0)])
def test_only_a_yes_removes(sigyn, deployment, monkeypatch, answer, status):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda _question: answer)
    ended = sigyn("forget", NAME, "--state", deployment / "state", "--hook-file", deployment / "none")
    assert ended.status == status
    assert bool(holders(deployment / "state", NAME)) != answer
    assert ("nothing was removed" in ended.err) != answer


def test_a_state_in_use_is_refused_in_one_line_and_left_as_it_is(sigyn, deployment):
    with State.open(deployment / "state"):
        ended = sigyn("forget", NAME, "--state", deployment / "state", "--yes", "--hook-file", deployment / "none")
    assert ended.status == 1
    assert len(ended.lines) == 1
    assert "is in use by a running Sigyn" in ended.err
    assert holders(deployment / "state", NAME)


def test_a_folder_that_is_not_there_is_an_error_and_is_not_made(sigyn, tmp_path):
    ended = sigyn("forget", NAME, "--state", tmp_path / "typo", "--yes")
    assert ended.status == 1
    assert "does not exist" in ended.err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000"])
def test_a_blank_name_is_wrong_usage_and_touches_nothing(sigyn, deployment, name):
    files = {path: path.read_bytes() for path in deployment.rglob("*") if path.is_file()}
    ended = sigyn("forget", name, "--state", deployment / "state", "--yes", "--hook-file", deployment / "none")
    assert ended.status == 2
    assert len(ended.lines) == 1
    assert "USER" in ended.err
    assert "blank" in ended.err
    assert {path: path.read_bytes() for path in deployment.rglob("*") if path.is_file()} == files


def test_where_is_asked_for(sigyn):
    ended = sigyn("forget", NAME)
    assert ended.status == 2
    assert "--config FILE or --state DIR" in ended.err


@pytest.mark.parametrize("name", ['a"b', "a'b; rm -rf ~", "a\\b", "a$(x)`y`", "ä b", "a|b.*"])
def test_requests_quote_any_name_for_shell_and_query(name):
    config = Config.model_validate({"sources": {"loki": {"url": "http://loki:3100"}}})
    lines = list(out_of_reach(config, Person(name, frozenset([name])), ["s'1", 's"2']))
    requests = [shlex.split(line) for line in lines if line.startswith("    curl")]
    assert len(requests) == 5
    for words in requests:
        assert words[:4] == ["curl", "-X", "POST", "-G"]
        assert set(words[5::2]) == {"--data-urlencode"}
    (of_series,) = [words[6] for words in requests if "user_id=" in words[6] and "delete_series" in words[4]]
    assert json.loads(of_series.removeprefix("match[]={user_id=").removesuffix("}")) == name
    # A request without a filter would delete whole streams.
    assert all("|" in words[6] for words in requests if "/loki/" in words[4])
