"""Hostile names in the exporter's own log: no line of their own, no password."""

import base64
import io
import json
import logging

import bcrypt
import pytest

from exporter.logs import configure_logging
from exporter.web.access import Access
from exporter.web.basic_users import BasicUsers
from tests.abuse.hostile import HOSTILE, steering
from tests.exporter.web.deployment import House


@pytest.fixture(params=["text", "json"])
def log(request, monkeypatch):
    """What is logged, in both formats."""
    stream = io.StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    configure_logging("info", request.param, stream)
    yield stream
    logging.captureWarnings(capture=False)


def test_a_name_that_fails_to_sign_in_is_one_inert_line_without_its_password(log):
    users = BasicUsers({"mara": bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()})
    house = House(access=Access(users=users))
    client = house.client()
    for number, text in enumerate(HOSTILE.values()):
        pair = f"{text[:500].replace(':', '')}:password-{number}".encode("utf-8", "replace")
        house.monotonic += 10.0
        headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        assert client.get("/metrics", headers=headers).status_code == 401
    lines = [line for line in log.getvalue().splitlines() if "sign-in failed" in line]
    assert len(lines) == len(HOSTILE)
    assert steering(log.getvalue()) == set()
    assert "password-" not in log.getvalue()
    if lines[0].startswith("{"):
        assert all(json.loads(line)["message"] == "sign-in failed" for line in lines)
