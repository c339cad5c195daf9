"""Hostile names in the API: JSON strings and nothing else."""

import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote

from exporter.page_services import page_services
from exporter.verdict_json import utf8
from exporter.web.session_detail import MAX_NOTE
from tests.abuse.hostile import HOSTILE, READ
from tests.exporter.web.real_server import running


def test_the_list_holds_every_session_as_a_string(client):
    answer = client.get("/api/v1/sessions?limit=1000")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    sessions = {one["session_id"]: one for one in json.loads(answer.content)["sessions"]}
    for text in READ.values():
        found = sessions[text]
        assert (found["user_id"], found["project"], found["agent"]) == (text,) * 3
        assert found["level"] in ("low", "medium", "high", "critical")


def test_each_session_is_found_by_its_id_with_its_note_as_it_was_given(exporter):
    with running(page_services(exporter)) as port, closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for name, text in READ.items():
            connection.request("GET", f"/api/v1/sessions/{quote(text, safe='')}")
            found = json.load(connection.getresponse())
            assert found["session_id"] == text
            assert found["human_verdict"]["note"] == utf8(HOSTILE[name][:MAX_NOTE])
            assert {event["tool_name"] for event in found["timeline"]} == {text, None}


def test_prototype_keys_are_values_and_no_keys(client):
    def keys(value):
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    for text in ("__proto__", "constructor"):
        assert text not in keys(client.get(f"/api/v1/sessions/{text}").json())
