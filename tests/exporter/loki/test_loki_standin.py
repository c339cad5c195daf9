"""The stand-in is held to recordings of Loki 3.7.6, which lie outside the project."""

import json
from pathlib import Path

import pytest
import requests

from tests.loki_standin import NOT_IMITATED, running_standin

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "loki-3.7.6"
RECORDED_AT_NS = 1795251323_000000000  # 2026-11-21T08:55:23Z, a week after the oldest time the recording accepts
PUSHES = ("otlp_push", "push_json_lines")
OTHER_STATE = ("error_no_tenant", "tenant_push", "ready_starting")

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")


def load(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def recorded_names():
    return {path.stem for path in RECORDINGS.glob("*.json")}


def body_of(recording):
    if recording["name"] == "push_error_line_too_long":
        return {"streams": [{"stream": {"service_name": "big"}, "values": [[str(RECORDED_AT_NS), "x" * 300_000]]}]}
    if recording["name"] == "push_error_rate_limited":
        values = [[str(RECORDED_AT_NS + at), "x" * 2000] for at in range(4000)]
        return {"streams": [{"stream": {"service_name": "fast"}, "values": values}]}
    return recording["request"]["body"]


def replay(standin, recording):
    request = recording["request"]
    return requests.request(
        request["method"],
        standin.url + request["path"],
        params=request["params"],
        headers={**request["headers"], "Connection": "close"},
        json=body_of(recording),
        timeout=5,
    )


def answer_of(response):
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return without_stats(response.json()) if is_json else response.text


def without_stats(body):
    if isinstance(body, dict) and isinstance(body.get("data"), dict):
        return {**body, "data": {key: value for key, value in body["data"].items() if key != "stats"}}
    return body


@pytest.mark.parametrize("name", sorted(recorded_names() - set(NOT_IMITATED)) or ["none"])
def test_answers_as_loki_did(name):
    recording = load(name)
    with running_standin(RECORDED_AT_NS) as standin:
        if name not in PUSHES and name not in OTHER_STATE:
            for push in PUSHES:
                assert replay(standin, load(push)).status_code == 204
        standin.is_multi_tenant = name in ("error_no_tenant", "tenant_push")
        standin.is_ready = name != "ready_starting"
        response = replay(standin, recording)
    recorded = recording["response"]
    assert response.status_code == recorded["status"]
    assert response.headers.get("Content-Type") == recorded["headers"].get("Content-Type")
    if name == "push_error_malformed":
        assert response.text.split(":")[:2] == recorded["body"].split(":")[:2]
    else:
        assert answer_of(response) == without_stats(recorded["body"])


def test_what_is_left_out_is_a_recording():
    assert set(NOT_IMITATED) <= recorded_names()


def test_tenants_are_kept_apart():
    push, labels = load("tenant_push"), load("labels")
    with running_standin(RECORDED_AT_NS, is_multi_tenant=True) as standin:
        assert replay(standin, push).status_code == 204
        labels["request"]["headers"]["X-Scope-OrgID"] = "team-b"
        assert replay(standin, labels).json()["data"] == []
        labels["request"]["headers"]["X-Scope-OrgID"] = "team-a"
        assert replay(standin, labels).json()["data"] == ["service_name"]
