from dataclasses import replace
from urllib.parse import quote

import pytest

from analytics.verdicts import SessionVerdict
from exporter.snapshot import Snapshot
from exporter.verdict_json import verdict_to_dict
from exporter.web.session_detail import HumanVerdict, HumanVerdictInput
from tests.exporter.web.deployment import NOW, SESSIONS, START_NS, House, full_detail, scored

ID = "team/a b"


def listed(client, **parameters):
    answer = client.get("/api/v1/sessions", params=parameters)
    assert answer.status_code == 200
    return answer.json()


def ids(client, **parameters):
    return [session["session_id"] for session in listed(client, **parameters)["sessions"]]


def test_sessions_have_exactly_the_shape_that_score_prints(client):
    page = listed(client)
    assert page["sessions"] == [verdict_to_dict(verdict) for verdict in SESSIONS]
    assert [list(session) for session in page["sessions"]] == [list(verdict_to_dict(one)) for one in SESSIONS]
    assert page["total"] == 3
    assert page["as_of"] == "2026-09-21T14:12:20.000Z"
    assert page["withdrawn"] is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"level": "high"}, [ID]),
        ({"level": "low"}, []),
        ({"status": "initializing"}, ["young"]),
        ({"user": "omar"}, ["young", "short"]),
        ({"agent": "claude-code"}, [ID]),
        ({"user": "omar", "status": "insufficient"}, ["short"]),
        ({"since": "2026-09-21T11:28:00Z"}, [ID]),
        ({"since": "2026-09-21T13:28:00+02:00"}, [ID]),
        ({"limit": 1}, [ID]),
        ({"limit": 1, "offset": 2}, ["short"]),
        ({"offset": 99}, []),
    ],
)
def test_filters_and_paging_select(client, parameters, expected):
    assert ids(client, **parameters) == expected


def test_the_planted_session_ends_after_the_since_of_the_filters():
    # 1 789 990 000 s is 2026-09-21T11:26:40Z: the scored one ends 90 s later, the others after one second.
    assert START_NS // 10**9 == 1_789_990_000


@pytest.mark.parametrize(
    "parameters",
    [
        {"level": "worst"},
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"since": "yesterday"},
        {"since": "2026-09-21T11:28:00"},
        {"unknown": "x"},
    ],
)
def test_parameters_that_cannot_be_are_refused_with_their_place(client, parameters):
    answer = client.get("/api/v1/sessions", params=parameters)
    assert answer.status_code == 422
    assert next(iter(parameters)) in answer.json()["detail"][0]["loc"]
    assert "input" not in answer.json()["detail"][0]


def test_without_a_snapshot_the_list_is_empty():
    assert listed(House().client())["sessions"] == []


def test_withdrawn_scores_are_gone_and_the_reason_is_given(house, client):
    house.publisher.withdraw("too old")
    page = listed(client)
    assert page["sessions"] == []
    assert page["withdrawn"] == "too old"


def test_one_session_has_features_and_timeline_beside_its_verdict(client):
    found = client.get("/api/v1/sessions/team%2Fa%20b").json()
    shape = verdict_to_dict(SESSIONS[0])
    assert {key: found[key] for key in shape} == shape
    assert found["features"][0] == {
        "name": "error_ratio", "help": "Share of failures.", "unit": "ratio", "group": "errors",
        "value": 0.5, "expected_low": 0.0, "expected_high": 0.25, "is_unusual": True,
    }  # fmt: skip
    assert found["timeline"][1] == {
        "time": "2026-09-21T11:26:41.123Z", "event": "tool_result", "tool_name": "Bash", "success": False,
        "failure_kind": "denied", "duration_ms": 1500.0, "tokens": 42, "rules": ["secret-file-read"],
    }  # fmt: skip
    assert found["timeline_left_out"] == 7


def test_the_newest_human_verdict_is_shown(house, client):
    judged = replace(full_detail(SESSIONS[1]), human_verdict=HumanVerdict("broken", "loops", NOW, "t"))
    house.extra["young"] = judged
    found = client.get("/api/v1/sessions/young").json()
    assert found["human_verdict"] == {"verdict": "broken", "note": "loops", "at": "2026-09-21T14:13:20.000Z", "by": "t"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/sessions/nobody"), ("GET", "/api/v1/nothing")])
def test_what_is_not_there_is_a_json_404(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert isinstance(answer.json()["detail"], str)


def test_a_verdict_is_handed_on(house, client):
    answer = client.post("/api/v1/sessions/team%2Fa%20b/verdict", json={"verdict": "malicious", "note": "exfiltration"})
    assert answer.json() == {"session_id": ID, "verdict": "malicious"}
    assert house.verdicts == [(ID, HumanVerdictInput("malicious", "exfiltration", ""))]


@pytest.mark.parametrize(
    "body",
    [{}, {"verdict": "good"}, {"verdict": "benign", "note": "x" * 2001}, {"verdict": "benign", "more": 1}, [], None],
)
def test_a_body_that_is_no_verdict_is_refused(house, client, body):
    assert client.post("/api/v1/sessions/young/verdict", json=body).status_code == 422
    assert house.verdicts == []


def test_a_verdict_on_an_unknown_session_is_a_404(client):
    assert client.post("/api/v1/sessions/nobody/verdict", json={"verdict": "benign"}).status_code == 404


def test_the_longest_note_passes(house, client):
    assert client.post("/api/v1/sessions/young/verdict", json={"verdict": "benign", "note": "é" * 2000}).is_success
    assert len(house.verdicts[0][1].note) == 2000


def test_ids_that_end_like_a_route_are_ids(house, client):
    house.publisher.publish(Snapshot(NOW, (scored("x/verdict"),)))
    assert client.get("/api/v1/sessions/x/verdict").json()["session_id"] == "x/verdict"
    assert client.get("/sessions/x/verdict").status_code == 200


@pytest.mark.parametrize("session_id", ["a\nb", "\n", "a/b\n", "a?b#c", "100%", "/", " ", "verdict"])
def test_any_id_can_be_asked_for_and_judged(house, client, session_id):
    house.publisher.publish(Snapshot(NOW, (scored(session_id),)))
    address = "/api/v1/sessions/" + quote(session_id, safe="")
    assert client.get(address).json()["session_id"] == session_id
    assert client.post(address + "/verdict", json={"verdict": "benign"}).json()["session_id"] == session_id


def test_hostile_texts_make_valid_json(house, client):
    text = "\ud800<script>\u202e\x00\"'\n"
    verdict = SessionVerdict(text, 0, 1, 3, text, text, text, "insufficient")
    house.publisher.publish(Snapshot(NOW, (verdict,)))
    assert client.get("/api/v1/sessions").json()["sessions"][0]["agent"] == text.replace("\ud800", "?")


def test_the_schema_is_served_and_no_documentation_page_that_loads_from_elsewhere(client):
    schema = client.get("/api/v1/openapi.json").json()
    assert set(schema["paths"]) == {
        "/api/v1/sessions",
        "/api/v1/sessions/{session_id}",
        "/api/v1/sessions/{session_id}/verdict",
    }
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
