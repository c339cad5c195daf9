"""The configuration that the environment makes: receivers by variables alone, secrets in files, mistakes told at once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from alertmanager.render import RECEIVERS, VARIABLES, RenderError, main, render
from tests.alertmanager.amtool import FOLDER

MAIL = {
    "SIGYN_ALERT_EMAIL_TO": "ops@example.org",
    "SIGYN_ALERT_EMAIL_FROM": "sigyn@example.org",
    "SIGYN_ALERT_EMAIL_SMARTHOST": "mail.example.org:587",
}
SECRETS = {
    "SIGYN_ALERT_SLACK_WEBHOOK_URL": "https://slack.example/planted-slack",
    "SIGYN_ALERT_TEAMS_WEBHOOK_URL": "https://teams.example/planted-teams",
    "SIGYN_ALERT_PAGERDUTY_ROUTING_KEY": "planted-pagerduty",
    "SIGYN_ALERT_EMAIL_PASSWORD": "planted-password",
}
ALL = {**MAIL, **SECRETS, "SIGYN_ALERT_EMAIL_USERNAME": "sigyn", "SIGYN_ALERT_WEBHOOK_URL": "http://hook.example/x"}


def written(environ: dict[str, str], output: Path) -> dict:
    assert main(["--output", str(output)], environ) == 0
    return yaml.safe_load((output / "alertmanager.yml").read_text())


def integrations(config: dict) -> dict[str, dict]:
    return {kind: one for receiver in config["receivers"] for kind, one in receiver.items() if kind != "name"}


def errors(environ: dict[str, str], output: Path) -> tuple[str, ...]:
    with pytest.raises(RenderError) as caught:
        render(FOLDER, environ, output)
    return caught.value.errors


def test_without_variables_nobody_is_told_and_empty_ones_are_as_good_as_none(tmp_path: Path, capsys):
    config = written({"SIGYN_ALERT_SLACK_WEBHOOK_URL": "", "SIGYN_ALERT_EMAIL_TO": " ", "HOME": "/"}, tmp_path)
    assert config["receivers"] == [{"name": "people"}, {"name": "pager"}]
    assert "tells nobody" in capsys.readouterr().out


def test_every_receiver_is_switched_on_by_its_variables_and_knows_when_things_are_over(tmp_path: Path):
    found = integrations(written(ALL, tmp_path))
    assert set(found) == {kind for _, kind, _ in RECEIVERS}
    assert all(one["send_resolved"] is True for (one,) in found.values())


def test_secrets_are_in_files_of_their_owner_and_nowhere_else(tmp_path: Path, capsys):
    found = integrations(written(ALL, tmp_path))
    told = (tmp_path / "alertmanager.yml").read_text() + "".join(capsys.readouterr())
    assert "planted" not in told
    paths = {
        found["slack_configs"][0]["api_url_file"]: "https://slack.example/planted-slack",
        found["msteamsv2_configs"][0]["webhook_url_file"]: "https://teams.example/planted-teams",
        found["pagerduty_configs"][0]["routing_key_file"]: "planted-pagerduty",
        found["email_configs"][0]["auth_password_file"]: "planted-password",
    }
    assert {path: Path(path).read_text().strip() for path in paths} == paths
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_secret_that_is_a_file_already_is_named_and_not_copied(tmp_path: Path):
    secret = tmp_path / "slack"
    secret.write_text("https://slack.example/planted")
    config = written({"SIGYN_ALERT_SLACK_WEBHOOK_URL_FILE": str(secret)}, tmp_path / "out")
    assert integrations(config)["slack_configs"][0]["api_url_file"] == str(secret)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["alertmanager.yml"]


def test_a_receiver_that_is_switched_off_leaves_no_secret_behind(tmp_path: Path):
    written({"SIGYN_ALERT_SLACK_WEBHOOK_URL": "https://slack.example/planted"}, tmp_path)
    written({}, tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["alertmanager.yml"]


def test_a_webhook_is_an_address_or_a_file(tmp_path: Path):
    plain = integrations(written({"SIGYN_ALERT_WEBHOOK_URL": "http://hook.example/x"}, tmp_path))
    assert plain["webhook_configs"] == [{"url": "http://hook.example/x", "send_resolved": True}]
    (tmp_path / "address").write_text("http://hook.example/planted")
    filed = integrations(written({"SIGYN_ALERT_WEBHOOK_URL_FILE": str(tmp_path / "address")}, tmp_path))
    assert filed["webhook_configs"] == [{"url_file": str(tmp_path / "address"), "send_resolved": True}]


def test_mail_needs_no_password_and_demands_tls_unless_told_otherwise(tmp_path: Path):
    (mail,) = integrations(written(MAIL, tmp_path))["email_configs"]
    assert mail["require_tls"] is True
    assert "auth_username" not in mail
    (plain,) = integrations(written({**MAIL, "SIGYN_ALERT_EMAIL_REQUIRE_TLS": "false"}, tmp_path))["email_configs"]
    assert plain["require_tls"] is False


def test_all_mistakes_are_told_at_once_with_what_to_do_and_without_secrets(tmp_path: Path):
    (tmp_path / "key").write_text("planted")
    wrong = {
        "SIGYN_ALERT_SLAK_WEBHOOK_URL": "https://slack.example/planted",
        "SIGYN_ALERT_SLACK_CHANNEL": "#ops",
        "SIGYN_ALERT_WEBHOOK_URL": "planted.example/x",
        "SIGYN_ALERT_TEAMS_WEBHOOK_URL_FILE": str(tmp_path / "missing"),
        "SIGYN_ALERT_PAGERDUTY_ROUTING_KEY": "planted",
        "SIGYN_ALERT_PAGERDUTY_ROUTING_KEY_FILE": str(tmp_path / "key"),
        "SIGYN_ALERT_EMAIL_TO": "ops@example.org",
        "SIGYN_ALERT_EMAIL_USERNAME": "sigyn",
        "SIGYN_ALERT_EMAIL_REQUIRE_TLS": "yes",
    }
    found = errors(wrong, tmp_path)
    assert {line.split(":")[0] for line in found} == {
        "SIGYN_ALERT_SLAK_WEBHOOK_URL", "SIGYN_ALERT_SLACK_CHANNEL", "SIGYN_ALERT_WEBHOOK_URL",
        "SIGYN_ALERT_TEAMS_WEBHOOK_URL_FILE", "SIGYN_ALERT_PAGERDUTY_ROUTING_KEY", "SIGYN_ALERT_EMAIL_FROM",
        "SIGYN_ALERT_EMAIL_SMARTHOST", "SIGYN_ALERT_EMAIL_USERNAME", "SIGYN_ALERT_EMAIL_REQUIRE_TLS",
    }  # fmt: skip
    assert "planted" not in "".join(found)


def test_the_command_ends_in_2_and_writes_nothing_when_something_is_wrong(tmp_path: Path, capsys):
    output = tmp_path / "out"
    assert main(["--output", str(output)], {"SIGYN_ALERT_SLACK_WEBHOOK_URL": "nowhere"}) == 2
    assert capsys.readouterr().err.startswith("error: SIGYN_ALERT_SLACK_WEBHOOK_URL: ")
    assert not output.exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--output", str(tmp_path / "file")], {}) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_groups_are_by_alert_and_agent_and_never_by_session(tmp_path: Path):
    route = written({}, tmp_path)["route"]
    assert route["group_by"] == ["alertname", "agent"]
    assert all("group_by" not in child for child in route["routes"])


def test_the_example_of_a_mute_window_mutes_nothing_yet(tmp_path: Path):
    config = written({}, tmp_path)
    assert [interval["name"] for interval in config["time_intervals"]] == ["weekend"]
    assert "mute_time_intervals" not in yaml.safe_dump(config["route"])


def test_every_variable_is_documented():
    page = (FOLDER.parent / "docs/alerting.md").read_text()
    assert [name for name in sorted(VARIABLES) if f"`SIGYN_ALERT_{name}`" not in page] == []
