"""A simulated team whose training window somebody tries to spoil, and how the others are judged by it."""

from dataclasses import replace
from functools import cache

import numpy as np

from analytics.activity import WorkingHours
from analytics.evaluation.injection import Deed, donors_of, misbehaving
from analytics.evaluation.trial import Trial, judge_trial, needed_for
from analytics.intake import build_event_table
from analytics.registry import load_analyses
from analytics.simulation import SimulationSettings, simulate_team
from exporter.assembly import build_rules
from exporter.batch_run import history_of
from exporter.config import load_config
from exporter.evaluation.corpus import measure_corpus, measure_judged
from exporter.measuring import session_rows

LEAST_EVENTS = 20


@cache
def rules():
    return build_rules(load_config(None, {}))


@cache
def team(sessions=300, users=4, seed=2):
    """Ordinary sessions long enough to go wrong, by id, in order of time."""
    settings = SimulationSettings(
        end_ns=1_780_000_000 * 10**9, sessions=sessions, anomalous_ratio=0.0, users=users, agents={"claude-code": 1.0}
    )
    simulated = simulate_team(settings, np.random.default_rng(seed))
    return {one.session_id: one.records for one in simulated if len(one.records) >= LEAST_EVENTS}


def halves(sessions):
    """The sessions to fit on and those to judge: every other one."""
    ids = list(sessions)
    return {one: sessions[one] for one in ids[::2]}, {one: sessions[one] for one in ids[1::2]}


def bad(sessions, kind, seed=0, strength="strong"):
    """The sessions with misbehaviour of a kind in them."""
    return by_id(misbehaving(sessions, Deed(kind, strength), seed, donors_of(team())))


def by_id(records):
    found = {}
    for record in records:
        found.setdefault(record["session_id"], []).append(record)
    return found


def renamed(sessions, suffix, **changes):
    """The sessions under other ids."""
    return {
        f"{name}{suffix}": [{**one, **changes, "session_id": f"{name}{suffix}"} for one in records]
        for name, records in sessions.items()
    }


def flat(sessions):
    return [record for records in sessions.values() for record in records]


def judged(training, sessions):
    """The risk results of some sessions by a fit on others, by id."""
    corpus = measure_corpus(build_event_table(flat(training), "native").table, rules(), WorkingHours())
    history = history_of(replace(corpus.inputs, measured=tuple(corpus.by_id.values())))
    rows = session_rows(measure_judged([build_event_table(flat(sessions), "native").table], rules(), WorkingHours()))
    return judge_trial(Trial(history, rows, 0), needed_for("risk", load_analyses()))["risk"].sessions


def anomalies(results):
    return {name: one.anomaly for name, one in results.items() if one.anomaly is not None}
