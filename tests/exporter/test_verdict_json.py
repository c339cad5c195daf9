import json
import math
from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Reason, SessionVerdict
from exporter.verdict_json import rfc3339, verdict_to_dict

CONTRACT_KEYS = [
    "session_id", "started_at", "ended_at", "events", "agent", "user_id", "project",
    "status", "risk", "level", "confidence", "anomaly", "detectors", "reasons", "findings", "fingerprint",
]  # fmt: skip
T0 = 1_759_644_428_123_999_999  # 2025-10-05T06:07:08.123999999Z


def verdict(**changes):
    fields = {
        "session_id": "s", "started_ns": T0, "ended_ns": T0 + 1_000_000, "events": 41, "agent": "codex",
        "user_id": None, "project": "p", "status": "scored", "risk": 0.83, "level": "high", "confidence": 0.9,
        "anomaly": 0.91, "detectors": {"isolation_forest": 0.88, "lof": 0.93, "dbscan": 0.71},
        "reasons": (Reason("error_ratio", 12.0, 0.0, 3.0, 0.31, "Too many errors"),),
        "findings": (Finding("s", "secret-file-read", "high", 2, T0, T0),),
        "fingerprint": FingerprintView("i", "c", 1.7),
    }  # fmt: skip
    return SessionVerdict(**{**fields, **changes})


def test_the_contracts_keys_come_first_and_in_its_order():
    assert list(verdict_to_dict(verdict()))[: len(CONTRACT_KEYS)] == CONTRACT_KEYS


def test_values_are_those_of_the_verdict():
    found = verdict_to_dict(verdict())
    assert found["risk"] == 0.83
    assert found["user_id"] is None
    assert found["detectors"] == {"isolation_forest": 0.88, "lof": 0.93, "dbscan": 0.71}
    reason = found["reasons"][0]
    assert [reason[key] for key in ("feature", "value", "expected_low", "expected_high", "contribution")] == [
        "error_ratio", 12.0, 0.0, 3.0, 0.31,
    ]  # fmt: skip
    assert [found["findings"][0][key] for key in ("rule", "severity", "count")] == ["secret-file-read", "high", 2]
    assert [found["fingerprint"][key] for key in ("id", "cluster", "distance")] == ["i", "c", 1.7]


def test_a_fingerprint_says_what_it_resembles_and_whose_it_looks_like():
    view = FingerprintView("i", "c", None, "more: a", "k-1", "more: b", "mara\ud800", 0.75, 0.98)
    found = verdict_to_dict(replace(verdict(), fingerprint=view))["fingerprint"]
    assert found == {
        "id": "i", "cluster": "c", "distance": None, "description": "more: a", "category": "k-1",
        "category_description": "more: b", "likely_user": "mara?", "user_probability": 0.75, "wrong_user": 0.98,
    }  # fmt: skip


def test_times_are_rfc_3339_utc_with_milliseconds_cut():
    assert verdict_to_dict(verdict())["started_at"] == "2025-10-05T06:07:08.123Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


def test_an_initializing_session_has_null_scores_and_says_how_many_are_needed():
    young = SessionVerdict("s", T0, T0, 2, None, None, None, "initializing", needed=12)
    found = verdict_to_dict(young)
    assert found["risk"] is None
    assert found["anomaly"] is None
    assert found["needed"] == 12
    assert found["fingerprint"] is None


def test_numbers_json_cannot_say_become_null():
    reason = Reason("f", math.inf, -math.inf, math.nan, 0.1)
    found = verdict_to_dict(verdict(reasons=(reason,)))["reasons"][0]
    assert (found["value"], found["expected_low"], found["expected_high"]) == (None, None, None)


@given(st.text(alphabet=st.characters(exclude_categories=())), st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_any_text_and_any_time_make_json(text, time_ns):
    found = verdict_to_dict(verdict(session_id=text, agent=text, project=text, started_ns=time_ns))
    assert json.loads(orjson.dumps(found))["started_at"] == found["started_at"]
