"""``sigyn demo``: the whole pipeline on made-up telemetry or on one's own history, with nothing else set up."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from analytics.simulation import SimulationSettings
from analytics.verdicts import SCORED
from exporter.commands.clock import utc_now
from exporter.commands.simulate_command import make_sessions, write_sessions
from exporter.commands.terminal import output_console, progress_bar, say, sessions_table
from exporter.config import Config
from exporter.config_values import ListenAddress
from exporter.config_web import WebSettings
from exporter.listening import address_of, open_listener
from exporter.service import Exporter
from exporter.serving import run_until_signal
from exporter.sources.source import SourceError
from exporter.web_access import load_web_security

SHOWN = 12
"""Sessions in the printed table."""
ANOMALOUS = 0.03


def run_demo(
    *, inputs: Sequence[str], listen: ListenAddress, sessions: int, seed: int, directory: Path | None, serve: bool
) -> None:
    """Make telemetry unless some is given, train, score, print the riskiest sessions, serve until interrupted."""
    if serve:
        load_web_security(WebSettings(listen=listen), listen)
    folder = directory or Path(tempfile.mkdtemp(prefix="sigyn-demo-"))
    # Before the work: that the address is in use should not be said after it.
    with open_listener(listen) if serve else nullcontext() as listener:
        paths = [str(Path(path).expanduser()) for path in inputs] or [str(_make_telemetry(folder, sessions, seed))]
        exporter = Exporter(demo_config(paths, folder, listen), None)
        try:
            _run_pipeline(exporter)
            _show(exporter)
        except BaseException:
            exporter.stop()
            raise
        if listener is None:
            exporter.stop()
        else:
            _serve(exporter, listener, folder)


def _serve(exporter: Exporter, listener: socket.socket, folder: Path) -> None:
    address = address_of(listener)
    say(f"pages:    http://{address}/")
    say(f"metrics:  http://{address}/metrics")
    say(f"state:    {folder} (Ctrl-C ends the demo)")
    run_until_signal(exporter, listener)


def demo_config(paths: Sequence[str], folder: Path, listen: ListenAddress) -> Config:
    """Defaults, with the demo's telemetry and state; old sessions of one's own history are shown as well."""
    return Config.model_validate(
        {
            "sources": {"local": {"paths": list(paths)}, "loki": {"lookback": "3650d"}},
            "state": {"directory": str(folder / "state"), "retention": "3650d"},
            "training": {"window": "3650d"},
            "web": {"listen": listen},
            "log": {"level": "warning"},
        }
    )


def _make_telemetry(folder: Path, sessions: int, seed: int) -> Path:
    settings = SimulationSettings(
        sessions=sessions,
        end_ns=int(utc_now().timestamp() * 1e9),
        anomalous_ratio=ANOMALOUS,
        recent_anomalies=True,
    )
    out = folder / "telemetry" / "team.jsonl"
    count = write_sessions(make_sessions(settings, seed), out)
    say(f"made {count:,} events of {sessions:,} sessions over {settings.days:g} days in {out}")
    return out


def _run_pipeline(exporter: Exporter) -> None:
    with progress_bar("reading") as bar:
        report = exporter.cycle()
        bar(0.4, "training")
        if report is not None and exporter.training():
            bar(0.8, "scoring")
            report = exporter.cycle()
    if report is None or report.failed:
        raise SourceError(exporter.last_problem)


def _show(exporter: Exporter) -> None:
    snapshot = exporter.publisher.snapshot
    assert snapshot is not None
    scored = [verdict for verdict in snapshot.sessions if verdict.status == SCORED]
    console = output_console()
    console.print(sessions_table(snapshot.sessions, most=SHOWN))
    levels = {level: sum(v.level == level for v in scored) for level in ("critical", "high", "medium", "low")}
    told = ", ".join(f"{count} {level}" for level, count in levels.items())
    console.print(f"\n{len(snapshot.sessions):,} sessions, {len(scored):,} scored: {told}")
