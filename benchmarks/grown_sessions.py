"""Many finished sessions at little cost: some are simulated and measured, the rest resampled from them with noise.

Telemetry for 100,000 sessions would be 20 million events; fit, score and state see only feature rows, so rows with
a realistic spread, with as many checkpoint rows as real sessions have, are as good.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import joblib
import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import History, SessionRows
from analytics.features import FEATURE_NAMES
from analytics.registry import load_analyses
from analytics.traces import Trace
from benchmarks.bench import Bench
from benchmarks.child import in_child
from benchmarks.telemetry import simulated
from exporter.batch_run import Inputs, read_inputs
from exporter.commands.simulate_command import write_sessions
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from exporter.world import DAY_NS, EnabledAnalysis

MEASURED: Final = 2_000
SESSIONS_A_USER: Final = 250
NOISE: Final = 0.02
"""Relative: far below the spread between sessions, enough that no two rows are equal."""
SPREAD_NS: Final = 29 * DAY_NS


def enabled_analyses() -> tuple[EnabledAnalysis, ...]:
    """All analyses with their default settings."""
    return tuple(EnabledAnalysis(analysis, analysis.settings()) for analysis in load_analyses())


def measured_sessions(bench: Bench) -> str:
    """The file of measured sessions, made by the first benchmark that needs it."""
    out = str(bench.folder / "measured.joblib")
    if not Path(out).exists():
        in_child(measure_sessions, out, bench.now_ns)
    return out


def measure_sessions(out: str, now_ns: int) -> int:
    """Simulate and measure sessions, and write them to a file; returns the number of their events."""
    lines = Path(out).with_suffix(".jsonl")
    write_sessions(simulated(MEASURED, now_ns, seed=7), lines)
    source = LocalSource([lines], must_exist=True, is_final=True)
    inputs = read_inputs(source, load_rule_set(), WorkingHours(), now_ns, lambda _share: None)
    joblib.dump(inputs, out)
    return inputs.events


def grow(measured: Path | str, count: int, now_ns: int, seed: int = 0) -> History:
    """``count`` finished sessions of the last 29 days, resampled from the measured ones."""
    inputs: Inputs = joblib.load(measured)
    rng = np.random.default_rng(seed)
    sessions, values, rows, ages, numbers = [], [], [], [], []
    for number, chosen in enumerate(rng.integers(len(inputs.measured), size=count)):
        one = inputs.measured[chosen]
        factors = np.exp(rng.normal(0.0, NOISE, len(FEATURE_NAMES)))
        ended_ns = now_ns - int(rng.uniform() * SPREAD_NS)
        info = replace(
            one.info,
            session_id=f"{seed:x}{number:07x}",
            started_ns=one.info.started_ns + ended_ns - one.info.ended_ns,
            ended_ns=ended_ns,
            user_id=f"{one.info.user_id}-{number % max(1, count // SESSIONS_A_USER // 8)}",
        )
        sessions.append((info, one.findings, _resampled(one.trace, rng)))
        values.append(one.values * factors)
        for age, row in inputs.checkpoints[one.info.session_id].items():
            rows.append(row * factors)
            ages.append(age)
            numbers.append(number)
    infos, findings, traces = zip(*sessions, strict=True)
    known = SessionRows(infos, np.array(values), findings, traces)
    return History(known, np.array(rows), np.array(ages), np.array(numbers))


def _resampled(trace: Trace, rng: np.random.Generator) -> Trace:
    """The same steps with noise in their sizes; nothing is shared with the original, as between real sessions."""
    kept = trace.bounded()
    sizes = kept.sizes * np.exp(rng.normal(0.0, NOISE, kept.sizes.shape)).astype(np.float32)
    return Trace((*kept.symbols,), sizes, kept.ranks.copy(), kept.length)


def part(rows: SessionRows, first: int, last: int) -> SessionRows:
    """Some of the sessions."""
    return SessionRows(
        rows.infos[first:last], rows.values[first:last], rows.findings[first:last], rows.traces[first:last]
    )
