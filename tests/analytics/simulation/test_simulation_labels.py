"""The truth beside the telemetry, and many sessions as one stream."""

import itertools

import numpy as np
import pytest

from analytics.simulation import LABEL_COLUMNS, SimulationSettings, labels_rows, merge_in_time, simulate_team

SETTINGS = SimulationSettings(end_ns=1_772_500_000_000_000_000, sessions=40, anomalous_ratio=0.25)


@pytest.fixture(scope="module")
def sessions():
    return list(simulate_team(SETTINGS, np.random.default_rng(1)))


def test_there_is_one_row_a_session_with_the_columns_of_labelled_runs(sessions):
    rows = labels_rows(sessions)
    assert [row["session_id"] for row in rows] == [session.session_id for session in sessions]
    assert all(tuple(row) == LABEL_COLUMNS for row in rows)
    assert ",".join(LABEL_COLUMNS) == "session_id,label,label_name,onset_sequence,group,model,agent,events,clock"


def test_rows_tell_the_truth(sessions):
    for row, session in zip(labels_rows(sessions), sessions, strict=True):
        assert row["label"] == (session.label is not None)
        assert row["label_name"] == (session.label or "healthy")
        assert row["onset_sequence"] == session.onset_sequence
        assert row["events"] == len(session.records)
        assert row["agent"] == session.records[0]["agent"]
    assert sum(row["label"] for row in labels_rows(sessions)) == 10


def test_subagents_share_the_group_of_their_parent(sessions):
    rows = {row["session_id"]: row for row in labels_rows(sessions)}
    children = [session for session in sessions if "parent_session_id" in session.records[0]]
    assert children
    for child in children:
        parent = child.records[0]["parent_session_id"]
        assert rows[child.session_id]["group"] == rows[parent]["group"] == parent


def test_merged_records_are_all_there_in_time_order_and_interleaved(sessions):
    merged = list(merge_in_time(sessions))
    assert len(merged) == sum(len(session.records) for session in sessions)
    stamps = [record["timestamp"] for record in merged]
    assert stamps == sorted(stamps)
    for session in sessions:
        assert [record for record in merged if record["session_id"] == session.session_id] == session.records
    changes = sum(a["session_id"] != b["session_id"] for a, b in itertools.pairwise(merged))
    assert changes >= len(sessions)
