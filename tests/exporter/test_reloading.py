"""A configuration that is loaded again: what is in force at once, what waits for a restart, what is refused."""

from __future__ import annotations

import pytest
import yaml

from exporter.config_keys import KEYS
from exporter.config_values import ListenAddress
from exporter.page_services import page_services
from exporter.reload_outcome import ReloadOutcome
from exporter.reloading import AFTER_RESTART
from exporter.web_access import WebAccess
from tests.exporter.running import Clock, exporter_of, sample, team, thief, write_config, write_lines
from tests.exporter.test_service import LIGHT, client_of


def test_a_reload_puts_time_out_rules_and_interval_in_force(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", thief(clock.now - 600))
    file = write_config(tmp_path)
    with exporter_of(tmp_path, clock, file) as exporter, client_of(exporter) as client:
        exporter.cycle()
        assert exporter.world.state.open_session_ids() == {"thief"}
        (rule,) = {one.rule for one in exporter.world.verdicts["thief"].findings[:1]}
        assert page_services(exporter).describe_rule(rule) is not None
        write_config(tmp_path, sessions={"idle_timeout": "1m"}, rules={"disable": [rule]}, cycle={"interval": "5m"})
        answer = client.post("/-/reload")
        assert (answer.status_code, answer.text) == (200, "The configuration is loaded.\n")
        exporter.cycle()
        assert exporter.world.state.open_session_ids() == set()
        assert rule not in {one.rule for one in exporter.world.verdicts["thief"].findings}
        assert sample(exporter, "sigyn_cycle_interval_seconds") == 300
        assert sample(exporter, "sigyn_config_last_reload_successful") == 1
        assert sample(exporter, "sigyn_config_last_reload_success_timestamp_seconds") == clock.now


def test_a_rule_that_came_with_a_reload_is_described_on_the_pages(tmp_path):
    rule = {
        "id": "our-own",
        "severity": "low",
        "title": "Our own",
        "description": "Something of ours.",
        "reference": "ATT&CK T1059 Command and Scripting Interpreter",
        "match": {"command": "^frobnicate"},
        "examples": {"true": ["frobnicate it"], "false": ["ls"]},
    }
    file = write_config(tmp_path)
    with exporter_of(tmp_path, Clock(), file) as exporter:
        services = page_services(exporter)
        assert services.describe_rule("our-own") is None
        (tmp_path / "own.yml").write_text(yaml.safe_dump({"rules": [rule]}))
        write_config(tmp_path, rules={"files": [str(tmp_path / "own.yml")]})
        assert exporter.reload() == ReloadOutcome()
        assert services.describe_rule("our-own") is not None


@pytest.mark.parametrize("broken", [{"cycle": {"interval": "soon"}}, {"rules": {"disable": ["no-such-rule"]}}])
def test_a_broken_configuration_changes_nothing_and_says_so_everywhere(tmp_path, caplog, broken):
    file = write_config(tmp_path)
    with exporter_of(tmp_path, Clock(), file) as exporter, client_of(exporter) as client:
        exporter.cycle()
        settings, rules = exporter.world.settings, exporter.world.rules
        write_config(tmp_path, sessions={"idle_timeout": "1m"}, **broken)
        answer = client.post("/-/reload")
        named = "cycle.interval" if "cycle" in broken else "no-such-rule"
        assert answer.status_code == 500
        assert named in answer.text
        assert any("not reloaded" in record.getMessage() and named in record.getMessage() for record in caplog.records)
        assert (exporter.world.settings, exporter.world.rules) == (settings, rules)
        assert sample(exporter, "sigyn_config_last_reload_successful") == 0
        assert client.get("/-/ready").status_code == 200
        write_config(tmp_path)
        assert client.post("/-/reload").status_code == 200
        assert sample(exporter, "sigyn_config_last_reload_successful") == 1


TOKEN = {"read_token": "${SIGYN_TEST_TOKEN:-}"}
"""A token that is in the environment of the running exporter, so that its file alone does not tell."""


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        ({"web": {"listen": "0.0.0.0:9847"}}, "web.listen"),
        ({"web": {**TOKEN, "listen": "[::]:9847"}}, "web.listen"),
        ({"web": {"config_file": "web.yml"}}, "tls_server_config"),
        ({"rules": {"disable": ["no-such-rule"]}, "cycle": {"interval": "soon"}}, "no-such-rule"),
        ({"rules": {"disable": ["no-such-rule"]}, "cycle": {"interval": "soon"}}, "cycle.interval"),
        ({"state": {"directory": "web.yml"}}, "state.directory"),
        ({"sources": {"local": {"paths": []}}}, "sources.local.paths"),
    ],
)
def test_what_check_config_refuses_a_reload_refuses_and_keeps_authentication(tmp_path, sigyn, refused, named):
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: none.pem, key_file: none.key}\n")
    for section in refused.values():
        section.update({key: str(tmp_path / value) for key, value in section.items() if value == "web.yml"})
    file = write_config(tmp_path, **refused)
    checked = sigyn("check-config", file)
    assert checked.status == 2
    assert named in checked.err
    with exporter_of(tmp_path, Clock(), file, web={"read_token": "t" * 20}) as exporter:
        access = WebAccess(lambda: exporter.config.web, ListenAddress("127.0.0.1", 9847))
        exporter.check_reload = access.check
        before = exporter.config
        outcome = exporter.reload()
        assert [line for line in checked.lines if line not in outcome.errors] == []
        assert exporter.config is before
        assert not access.current().is_open
        assert sample(exporter, "sigyn_config_last_reload_successful") == 0


def test_a_reload_names_every_key_that_waits_for_a_restart_until_there_was_one(tmp_path, caplog):
    file = write_config(tmp_path)
    moved = {
        "state": {"directory": str(tmp_path / "other"), "retention": "91d"},
        "web": {"listen": "127.0.0.1:9848"},
        "metrics": {"tracked_sessions": 51},
    }
    with exporter_of(tmp_path, Clock(), file) as exporter, client_of(exporter) as client:
        write_config(tmp_path, **moved)
        for interval in ("5m", "6m"):
            write_config(tmp_path, **moved, cycle={"interval": interval})
            answer = client.post("/-/reload")
            assert answer.status_code == 200
            named = [line.split()[0] for line in answer.text.splitlines() if "takes effect after a restart" in line]
            assert named == ["state.directory", "metrics.tracked_sessions", "web.listen"]
        assert caplog.text.count("state.directory takes effect after a restart") == 2
        write_config(tmp_path)
        assert client.post("/-/reload").text == "The configuration is loaded.\n"


def test_keys_that_wait_for_a_restart_are_keys_of_the_configuration():
    assert {tuple(key.split(".")) for key in AFTER_RESTART} <= KEYS.keys()


def test_events_kept_for_another_time_change_how_far_back_late_ones_are_read(tmp_path):
    loki = {"sources": {"loki": {"url": "http://127.0.0.1:9"}}}
    directory = str(tmp_path / "state")
    file = write_config(tmp_path, **loki)
    with exporter_of(tmp_path, Clock(), file, **loki) as exporter:
        write_config(tmp_path, **loki, state={"directory": directory, "retention": "30d"}, training={"window": "20d"})
        sources = exporter.world.sources
        assert exporter.reload() == ReloadOutcome()
        assert exporter.world.sources is sources
        write_config(tmp_path, **loki, state={"directory": directory, "keep_events": "2h"})
        assert exporter.reload() == ReloadOutcome()
        assert exporter.world.sources[0]._settings.late_seconds == 7200


def test_without_a_configuration_file_a_reload_is_refused_and_keeps_the_sources(tmp_path):
    with exporter_of(tmp_path, Clock()) as exporter, client_of(exporter) as client:
        sources = exporter.world.sources
        answer = client.post("/-/reload")
        assert answer.status_code == 500
        assert "no configuration file" in answer.text
        assert exporter.world.sources is sources


def test_other_settings_of_an_analysis_are_trained_with_at_the_next_opportunity(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    file = write_config(tmp_path, **LIGHT)
    with exporter_of(tmp_path, clock, file, **LIGHT) as exporter:
        exporter.cycle()
        assert exporter.training()
        version = exporter.world.models.version
        assert not exporter.training()
        write_config(tmp_path, analyses={"risk": {"trees": 25}})
        assert exporter.reload() == ReloadOutcome()
        assert exporter.training()
        assert exporter.world.models.version != version
