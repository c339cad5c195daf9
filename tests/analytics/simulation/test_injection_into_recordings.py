"""Injection into recorded sessions, where such recordings lie beside the project."""

import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from analytics.intake import build_event_table
from analytics.simulation import MISBEHAVIOURS, inject

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "real-sessions"


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="recorded sessions are not beside the project")
@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_recorded_sessions_take_every_kind_in_their_own_manner(kind):
    with gzip.open(RECORDINGS / "team-c.jsonl.gz", "rt") as lines:
        records = [json.loads(line) for line in lines]
    for session_id in sorted({record["session_id"] for record in records})[:8]:
        session = [record for record in records if record["session_id"] == session_id]
        injection = inject(session, kind, "strong", np.random.default_rng(1))
        assert not build_event_table(injection.records, "test").dropped
        numbers = [record["sequence"] for record in injection.records]
        assert all(later > earlier for earlier, later in itertools.pairwise(numbers))
        calls = [record for record in injection.records if record["event"] == "tool_call"]
        assert all("args_hash" in call["tool_input"] for call in calls)
        assert not any("cost_usd" in record for record in injection.records)
