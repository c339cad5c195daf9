"""Alertmanager's own checker takes the configuration of every combination of receivers, and routes as meant."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path

import pytest
import yaml

from alertmanager.render import main
from tests.alertmanager.amtool import FOLDER, TEAMS_SINCE, URL_FILE_SINCE, needs_amtool, needs_version, run
from tests.alertmanager.test_render import ALL, MAIL

pytestmark = [pytest.mark.live, needs_amtool]

SWITCHES = {
    "webhook": {"SIGYN_ALERT_WEBHOOK_URL": "http://hook.example/x"},
    "slack": {"SIGYN_ALERT_SLACK_WEBHOOK_URL": "https://slack.example/x", "SIGYN_ALERT_SLACK_CHANNEL": "#ops"},
    "pagerduty": {"SIGYN_ALERT_PAGERDUTY_ROUTING_KEY": "0123456789abcdef"},
    "email": {**MAIL, "SIGYN_ALERT_EMAIL_USERNAME": "sigyn", "SIGYN_ALERT_EMAIL_PASSWORD": "x"},
    "teams": {"SIGYN_ALERT_TEAMS_WEBHOOK_URL": "https://teams.example/x"},
}
COMBINATIONS = list(chain.from_iterable(combinations(SWITCHES, size) for size in range(len(SWITCHES) + 1)))


def check(environ: dict[str, str], output: Path) -> str:
    assert main(["--output", str(output)], environ) == 0
    reply = run("check-config", output / "alertmanager.yml")
    assert reply.returncode == 0, reply.stdout + reply.stderr
    return reply.stdout


@pytest.mark.parametrize("switched_on", COMBINATIONS, ids=lambda names: "+".join(names) or "none")
def test_every_combination_of_receivers_is_valid(switched_on: tuple[str, ...], tmp_path: Path):
    if "teams" in switched_on:
        needs_version(TEAMS_SINCE, "msteamsv2_configs")
    said = check({name: value for kind in switched_on for name, value in SWITCHES[kind].items()}, tmp_path)
    assert "1 templates" in said


def test_the_file_is_valid_as_it_stands():
    assert run("check-config", FOLDER / "alertmanager.yml").returncode == 0


def test_a_webhook_whose_address_is_a_secret_is_valid(tmp_path: Path):
    needs_version(URL_FILE_SINCE, "url_file of a webhook")
    (tmp_path / "address").write_text("http://hook.example/x")
    check({"SIGYN_ALERT_WEBHOOK_URL_FILE": str(tmp_path / "address")}, tmp_path)


@pytest.mark.parametrize(
    ("severity", "told"), [("critical", "pager,people"), ("warning", "people"), ("info", "people")]
)
def test_only_what_is_critical_wakes_somebody_and_people_hear_of_all(severity: str, told: str, tmp_path: Path):
    environ = {name: value for name, value in ALL.items() if "TEAMS" not in name}
    assert main(["--output", str(tmp_path)], environ) == 0
    reply = run(
        "config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}", f"severity={severity}",
        f"--verify.receivers={told}",
    )  # fmt: skip
    assert reply.returncode == 0, reply.stdout + reply.stderr


@pytest.mark.parametrize(("severity", "told"), [("critical", "pager,people"), ("warning", "people")])
@pytest.mark.parametrize("name", ["SigynFindingReported", "SigynFindingHighSeverity"])
def test_what_rules_found_goes_to_the_same_people_later(name: str, severity: str, told: str, tmp_path: Path):
    environ = {name: value for name, value in ALL.items() if "TEAMS" not in name}
    assert main(["--output", str(tmp_path)], environ) == 0
    reply = run(
        "config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}", f"severity={severity}",
        f"alertname={name}", f"--verify.receivers={told}",
    )  # fmt: skip
    assert reply.returncode == 0, reply.stdout + reply.stderr


def test_every_alert_that_an_inhibition_names_exists():
    names = {page.stem for page in (FOLDER.parent / "docs/runbooks").glob("*.md")}
    config = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    matchers = chain.from_iterable(
        rule[side] for rule in config["inhibit_rules"] for side in ("source_matchers", "target_matchers")
    )
    named = (matcher.split('"')[1] for matcher in matchers if matcher.startswith("alertname"))
    used = set(chain.from_iterable(names.split("|") for names in named))
    assert used <= names
