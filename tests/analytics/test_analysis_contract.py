"""What every registered analysis promises; a new one is held to it without an edit here."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import joblib
import numpy as np
import pytest

import analytics.analyses
from analytics.analysis import NotEnoughData, SessionRows
from analytics.features import FEATURES
from analytics.registry import ANALYSES, load_analyses
from tests.analytics.histories import history_of, ordinary_records, rows_of

LOADED = load_analyses()
each_analysis = pytest.mark.parametrize("analysis", LOADED, ids=lambda analysis: analysis.name)


@pytest.fixture(scope="module")
def history():
    return history_of(ordinary_records(45))


@each_analysis
def test_the_name_is_the_files(analysis):
    assert analysis.fit.__module__ == f"analytics.analyses.{analysis.name}"


def test_no_analysis_is_unregistered():
    folder = Path(analytics.analyses.__file__).parent
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(ANALYSES)


@each_analysis
def test_settings_are_frozen_with_defaults(analysis):
    settings = analysis.settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 3


@each_analysis
def test_metrics_follow_the_conventions(analysis):
    for metric in analysis.metrics:
        assert metric.name.startswith("sigyn_")
        assert metric.help.endswith(".")
        assert "session_id" not in metric.labels


@each_analysis
def test_what_it_needs_runs_before_it(analysis):
    assert all(ANALYSES.index(name) < ANALYSES.index(analysis.name) for name in analysis.needs)


@each_analysis
def test_nothing_to_judge_gives_an_empty_result(analysis, history):
    nothing = SessionRows((), np.zeros((0, len(FEATURES))), ())
    model = analysis.fit(history, analysis.settings(), None)
    for fitted in (None, model):
        assert analysis.run(nothing, fitted, analysis.settings(), {}).sessions == {}


@each_analysis
def test_too_little_history_is_a_result_not_an_error(analysis):
    answer = analysis.fit(history_of(ordinary_records(3)), analysis.settings(), None)
    assert isinstance(answer, NotEnoughData)
    assert answer.needed > 0


@each_analysis
def test_a_model_survives_joblib_and_says_the_same_after(analysis, history):
    model = analysis.fit(history, analysis.settings(), None)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    rows = rows_of(ordinary_records(5, seed=2))
    before = analysis.run(rows, model, analysis.settings(), {})
    after = analysis.run(rows, joblib.load(buffer), analysis.settings(), {})
    assert before.sessions == after.sessions


@each_analysis
def test_only_declared_metrics_with_their_labels_are_read_out(analysis, history):
    model = analysis.fit(history, analysis.settings(), None)
    readings = analysis.run(rows_of(ordinary_records(2)), model, analysis.settings(), {}).readings
    declared = {metric.name: metric.labels for metric in analysis.metrics}
    for name, values in readings.items():
        assert all(len(labels) == len(declared[name]) for labels in values)


@each_analysis
def test_a_session_is_judged_alike_alone_and_in_company(analysis, history):
    model = analysis.fit(history, analysis.settings(), None)
    records = ordinary_records(4, seed=3)
    together = analysis.run(rows_of(records), model, analysis.settings(), {}).sessions
    name = records[0]["session_id"]
    alone = [one for one in records if one["session_id"] == name]
    assert analysis.run(rows_of(alone), model, analysis.settings(), {}).sessions[name] == together[name]
