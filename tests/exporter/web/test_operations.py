import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.web.deployment import House


def test_metrics_are_the_plain_exposition_by_default(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert "sigyn_session_risk_score" in families


def test_metrics_speak_openmetrics_when_asked(client):
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].count("charset") == 1
    assert {family.name for family in parse_openmetrics(answer.text)} >= {"sigyn_sessions"}


def test_healthy_while_alive_even_before_the_first_snapshot():
    house = House(not_ready="no cycle has finished")
    assert house.client().get("/-/healthy").status_code == 200


def test_ready_names_the_reason_it_is_not(house, client):
    assert client.get("/-/ready").status_code == 200
    house.not_ready = "the first cycle is still running"
    answer = client.get("/-/ready")
    assert answer.status_code == 503
    assert "the first cycle is still running" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/metrics", "/", "/sessions/young"])
def test_head_is_answered_like_get(client, path):
    assert client.head(path).status_code == 200


def test_reload_says_whether_it_worked(house, client):
    assert client.post("/-/reload").status_code == 200
    house.reload_errors = ["sigyn.yml: cycle.interval: must be greater than 0"]
    answer = client.post("/-/reload")
    assert answer.status_code == 500
    assert "cycle.interval: must be greater than 0" in answer.text
    assert house.reloads == 2


def test_reload_names_what_waits_for_a_restart(house, client):
    house.after_restart = ("state.directory", "web.listen")
    answer = client.post("/-/reload")
    assert answer.status_code == 200
    assert answer.text.splitlines() == [
        "The configuration is loaded.",
        "state.directory takes effect after a restart.",
        "web.listen takes effect after a restart.",
    ]


def test_reload_needs_a_post(client):
    answer = client.get("/-/reload")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
