"""Training: when it is due, on which sessions, and how a new model takes the old one's place.

The last good models stay in use until all new ones are fitted and on disk. Sessions that a person marked as malicious
or broken never teach, nor do those that touch an excluded span of time; each other session that ended within the
window teaches with its final row and its checkpoint rows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import orjson

from analytics.analysis import Analysis, History, NotEnoughData, SessionRows
from analytics.features import FEATURE_NAMES, SCHEMA
from analytics.sessions import SessionInfo
from analytics.traces import EMPTY_TRACE, Trace
from analytics.verdicts import SessionVerdict
from exporter.model_store import ModelMetadata, ModelStore
from exporter.snapshot import ModelState
from exporter.state import State, StoredSession
from exporter.world import DAY_NS, EnabledAnalysis, Models

logger = logging.getLogger(__name__)

NOT_TAUGHT: Final = ("malicious", "broken")
"""Verdicts of a person that keep a session out of training."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """When to train and on what.

    Attributes:
        every_ns: age of the models at which they are fitted anew.
        growth: or when the finished sessions have grown by this share since.
        window_ns: how far back sessions teach.
        maximum_sessions: most sessions of the window, the newest ones.
        excluded_ns: spans of time, begin <= t < end in nanoseconds since the epoch, whose sessions do not teach.
    """

    every_ns: int = 7 * DAY_NS
    growth: float = 0.5
    window_ns: int = 30 * DAY_NS
    maximum_sessions: int = 100_000
    excluded_ns: tuple[tuple[int, int], ...] = ()

    def excludes(self, started_ns: int, last_ns: int) -> bool:
        """Whether a session from its first to its last event touches an excluded span."""
        return any(started_ns < end and last_ns >= begin for begin, end in self.excluded_ns)


def is_due(models: Models, finished: int, now_ns: int, settings: TrainingSettings, minimum: int) -> bool:
    """Whether to train now: enough sessions for a first time, models too old, or sessions grown by the share.

    The age is that of the newest model: an analysis with too little data keeps an old one, however often it is tried.
    """
    if finished < minimum:
        return False
    if not models.states:
        return True
    newest = max(state.trained_at for state in models.states.values())
    taught = max(state.sessions for state in models.states.values())
    return now_ns / 1e9 - newest >= settings.every_ns / 1e9 or finished >= taught * (1 + settings.growth)


def finished_sessions(
    verdicts: Iterable[SessionVerdict], now_ns: int, idle_timeout_ns: int, settings: TrainingSettings
) -> int:
    """Sessions that ended within the window: an upper bound of what a training would learn from."""
    since, until = now_ns - settings.window_ns, now_ns - idle_timeout_ns
    return sum(since <= verdict.ended_ns <= until for verdict in verdicts)


def read_history(state: State, now_ns: int, settings: TrainingSettings) -> History:
    """The finished sessions of the window that may teach."""
    verdicts = state.human_verdicts()
    barred = {session_id for session_id, given in verdicts.items() if given.verdict in NOT_TAUGHT}
    stored = [
        row
        for row in state.sessions(since_ns=now_ns - settings.window_ns)
        if not row.is_open
        and row.features is not None
        and row.feature_schema == SCHEMA
        and row.verdict is not None
        and row.session_id not in barred
        and not settings.excludes(row.started_ns, row.last_ns)
    ]
    stored.sort(key=lambda row: (row.last_ns, row.session_id))
    taught = stored[-settings.maximum_sessions :]
    return build_history(taught, state.traces([row.session_id for row in taught]))


def build_history(stored: list[StoredSession], traces: Mapping[str, Trace]) -> History:
    """Stored sessions as a history; their feature rows must be of the present schema."""
    infos, values, findings = [], [], []
    checkpoint_values, ages, numbers = [], [], []
    for number, row in enumerate(stored):
        assert row.features is not None and row.verdict is not None  # noqa: PT018 - one condition of the caller
        infos.append(info_of(row))
        values.append(row.features)
        findings.append(row.verdict.findings)
        for age, features in row.checkpoints.items():
            checkpoint_values.append(features)
            ages.append(age)
            numbers.append(number)
    width = len(FEATURE_NAMES)
    return History(
        SessionRows(
            tuple(infos),
            np.array(values).reshape(-1, width),
            tuple(findings),
            tuple(traces.get(info.session_id, EMPTY_TRACE) for info in infos),
        ),
        np.array(checkpoint_values).reshape(-1, width),
        np.array(ages, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
    )


def info_of(row: StoredSession) -> SessionInfo:
    """Who and when of a stored session."""
    verdict = row.verdict
    assert verdict is not None
    return SessionInfo(
        session_id=row.session_id,
        started_ns=row.started_ns,
        ended_ns=row.last_ns,
        events=row.events,
        agent=verdict.agent,
        user_id=verdict.user_id,
        team=verdict.team,
        project=verdict.project,
        model=verdict.model,
        parent_session_id=verdict.parent_session_id,
        has_end=not row.is_open,
    )


def fit_models(history: History, analyses: tuple[EnabledAnalysis, ...], previous: Models) -> dict[str, Any]:
    """Fit every analysis; the answer of one with too little data is ``NotEnoughData``."""
    return {
        enabled.analysis.name: enabled.analysis.fit(
            history, enabled.settings, previous.fitted.get(enabled.analysis.name)
        )
        for enabled in analyses
    }


@dataclass(frozen=True)
class Shelf:
    """Where models are kept: files in the store, their digests in the state."""

    store: ModelStore
    state: State

    def put(self, analysis: str, model: object, metadata: ModelMetadata) -> str:
        """Save a model as this deployment's own; returns its version."""
        saved = self.store.save(analysis, model, metadata)
        with self.state.begin() as transaction:
            transaction.put_model_digest(analysis, saved, self.store.digest_of(analysis, saved))
        return saved


def train(
    history: History, analyses: tuple[EnabledAnalysis, ...], shelf: Shelf, previous: Models, now: float
) -> Models:
    """Fit every analysis, save the models, and give those that are to be used from now on.

    An analysis with too little data keeps its previous model.
    """
    fitted, states, needed = dict(previous.fitted), dict(previous.states), {}
    for name, model in fit_models(history, analyses, previous).items():
        if isinstance(model, NotEnoughData):
            needed[name] = model.needed
            logger.info("%s: %d more finished sessions needed before scores can be given", name, model.needed)
            continue
        enabled = next(one for one in analyses if one.analysis.name == name)
        saved = shelf.put(name, model, metadata_of(enabled, len(history), now))
        fitted[name] = model
        states[name] = ModelState(name, saved, now, len(history))
        logger.info("%s: trained on %d sessions, version %s", name, len(history), saved)
    return Models(fitted, states, needed)


def metadata_of(enabled: EnabledAnalysis, sessions: int, now: float) -> ModelMetadata:
    """What is written beside a model."""
    settings = asdict(enabled.settings)
    return ModelMetadata(
        trained_at=now,
        sessions=sessions,
        feature_schema=SCHEMA,
        settings=settings,
        settings_hash=settings_hash(settings),
    )


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Identity of an analysis's settings."""
    return hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def load_models(shelf: Shelf, analyses: tuple[EnabledAnalysis, ...]) -> Models:
    """The newest models on disk that match code, settings, libraries and the digests in the state.

    The others are fitted anew; a model file that this deployment did not write is never opened.
    """
    fitted, states = {}, {}
    for enabled in analyses:
        analysis: Analysis = enabled.analysis
        loaded = shelf.store.load_latest(
            analysis.name, SCHEMA, settings_hash(asdict(enabled.settings)), shelf.state.model_digests(analysis.name)
        )
        if loaded is not None:
            fitted[analysis.name] = loaded.model
            states[analysis.name] = ModelState(
                analysis.name, loaded.version, loaded.metadata.trained_at, loaded.metadata.sessions
            )
    for problem in shelf.store.problems:
        logger.warning("%s", problem)
    return Models(fitted, states)
