"""The exporter: two jobs on a schedule, the web server in front, and what happens when something goes wrong.

One job runs the cycle, one trains; each runs alone and coalesced. The main thread serves. A cycle that fails leaves
the last results standing until they are older than the staleness, then they are withdrawn, and metrics, log and
``/-/ready`` say so.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry, disable_created_metrics

from exporter.assembly import build_training_settings, build_world, close_sources, open_state
from exporter.collector import SnapshotCollector
from exporter.commands.clock import utc_now
from exporter.config import Config, ConfigError, load_config
from exporter.config_values import parse_listen
from exporter.details import session_detail
from exporter.instrumentation import Instrumentation
from exporter.logs import configure_logging
from exporter.model_store import ModelStore
from exporter.pipeline import CycleReport, restore, run_cycle, take_snapshot
from exporter.publisher import Publisher
from exporter.recent_sessions import DRIFT, FEATURE_MEDIAN
from exporter.reloading import apply_configuration
from exporter.rule_file import RuleFileError
from exporter.state import HumanVerdict
from exporter.training import Shelf, finished_sessions, is_due, load_models, read_history, train
from exporter.web.app import create_app
from exporter.web.services import WebServices, WebSettings
from exporter.web.session_detail import HumanVerdictInput
from exporter.world import World

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 3.0
"""How long a running cycle may finish its batch after a request to stop; then the process ends under it."""


class Exporter:
    """The running process: world, schedule, publication and instruments.

    Attributes:
        world: what the cycle works with.
        publisher: what scrape and pages read.
        registry: everything on ``/metrics``.
    """

    def __init__(self, config: Config, config_file: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Open the state, load what is known, publish it."""
        self.config = config
        self.config_file = config_file
        self.clock = clock
        # One more series for each counter that nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client does not annotate it
        self.publisher = Publisher()
        self.registry = CollectorRegistry()
        self.instruments = Instrumentation(self.registry, version("sigyn"))
        self.world: World = build_world(config, open_state(config), self._count_request, utc_now())
        self.shelf = Shelf(ModelStore(config.state.directory), self.world.state)
        specs = [FEATURE_MEDIAN, DRIFT, *(spec for one in self.world.analyses for spec in one.analysis.metrics)]
        gauges = {spec.name: (spec.help, spec.labels) for spec in specs}
        collector = SnapshotCollector(
            self.publisher,
            tracked_sessions=config.metrics.tracked_sessions,
            max_tool_names=config.metrics.max_tool_names,
            gauges=gauges,
        )
        self.registry.register(collector)
        self.instruments.cycle_interval.set(config.cycle.interval.total_seconds())
        self.scheduler = BackgroundScheduler(timezone="UTC")
        self.stopping = threading.Event()
        self.busy = threading.Lock()
        self.last_success: float | None = None
        self.last_problem = "the first cycle has not finished yet"
        self.wants_training = False
        self._restore()

    def _restore(self) -> None:
        now_ns = int(self.clock() * 1e9)
        self.world.models = load_models(self.shelf, self.world.analyses)
        restore(self.world, now_ns)
        if self.world.verdicts:
            self.publisher.publish(take_snapshot(self.world, now_ns), restored=True)

    def _count_request(self, operation: str, outcome: str) -> None:
        self.instruments.loki_requests.labels(operation, outcome).inc()

    # The two jobs

    def cycle(self) -> CycleReport | None:
        """Run one cycle and publish; returns None when it failed as a whole."""
        with self.busy:
            begun = time.monotonic()
            try:
                report = run_cycle(self.world, int(self.clock() * 1e9), self._tell_progress)
            except InterruptedError:
                logger.info("cycle ended early: stopping")
                return None
            except Exception as error:
                # The one broad catch: whatever breaks a cycle must not end the process or its schedule.
                logger.exception("cycle failed")
                self._failed(f"{type(error).__name__}: {error}")
                return None
            finally:
                self.instruments.cycle_duration.observe(time.monotonic() - begun)
            self._finished(report)
            return report

    def _finished(self, report: CycleReport) -> None:
        for source in self.world.sources:
            self.instruments.source_up.labels(source.name).set(source.name not in report.failed)
        if report.failed:
            self._failed("; ".join(report.failed.values()))
            if self.publisher.withdrawn is None and self.last_success is not None:
                self.publisher.publish(report.snapshot)
            return
        self.publisher.publish(report.snapshot)
        self.last_success = self.clock()
        self.instruments.last_success.set(self.last_success)
        self.instruments.cycles.labels("success").inc()
        logger.info("cycle finished", extra={"events": report.events, "judged": report.judged})

    def _failed(self, problem: str) -> None:
        """Count a failed cycle; withdraw scores that are too old to act on."""
        self.instruments.cycles.labels("failed").inc()
        self.last_problem = problem
        snapshot = self.publisher.snapshot
        since = self.last_success or (snapshot.taken_at if snapshot else None)
        staleness = self.config.cycle.staleness.total_seconds()
        if since is not None and self.clock() - since > staleness and self.publisher.withdrawn is None:
            self.publisher.withdraw(f"no successful cycle for {staleness:.0f} s: {problem}")
            logger.error("scores withdrawn: no successful cycle for %.0f s: %s", staleness, problem)

    def _tell_progress(self, source: str, share: float) -> None:
        if self.stopping.is_set():
            raise InterruptedError("stopping")
        if self.last_success is None:
            self.last_problem = f"reading {source}: {share:.0%} of the first read done"

    def training(self) -> bool:
        """Train if it is due; returns whether models were fitted. A failure keeps the models in use."""
        settings = build_training_settings(self.config)
        now = self.clock()
        now_ns = int(now * 1e9)
        finished = finished_sessions(
            self.world.verdicts.values(), now_ns, self.world.settings.idle_timeout_ns, settings
        )
        minimum = self.config.training.minimum_sessions
        if not self.wants_training and not is_due(self.world.models, finished, now_ns, settings, minimum):
            return False
        self.wants_training = False
        try:
            history = read_history(self.world.state, now_ns, settings)
            models = train(history, self.world.analyses, self.shelf, self.world.models, now)
        except Exception:
            logger.exception("training failed; the models in use stay")
            self.instruments.trainings.labels("failed").inc()
            return False
        was_fitted = models.states != self.world.models.states
        self.world.models = models
        self.instruments.trainings.labels("success" if was_fitted else "not_enough_data").inc()
        return was_fitted

    def _cycle_job(self) -> None:
        if self.cycle() is not None and not self.stopping.is_set():
            self.scheduler.add_job(self._training_job, id="training", replace_existing=True, max_instances=1)

    def _training_job(self) -> None:
        if self.training():
            # Sessions that waited for the first models are scored at once.
            self.cycle()

    def train_now(self) -> None:
        """Train at the next opportunity, due or not."""
        self.wants_training = True
        self.scheduler.add_job(self._training_job, id="training", replace_existing=True, max_instances=1)

    # What the pages call

    def readiness(self) -> str | None:
        """None when there is something to show, else the reason."""
        if self.publisher.withdrawn is not None:
            return self.publisher.withdrawn
        return None if self.publisher.snapshot is not None else self.last_problem

    def put_verdict(self, session_id: str, given: HumanVerdictInput) -> bool:
        """Keep a person's verdict; False for an unknown session."""
        if self.world.state.session(session_id) is None:
            return False
        verdict = HumanVerdict(verdict=given.verdict, note=given.note, at=self.clock(), by=given.by or None)
        with self.world.state.begin() as transaction:
            transaction.put_human_verdict(session_id, verdict)
        return True

    def reload(self) -> list[str]:
        """Load the configuration file again; on any error the old one stays in force."""
        try:
            new = load_config(self.config_file, os.environ)
            with self.busy:
                unchanged = apply_configuration(self.world, self.config, new, self._count_request, utc_now())
        except (ConfigError, RuleFileError) as error:
            self.instruments.config_last_reload_successful.set(0)
            logger.warning("configuration not reloaded: %s", "; ".join(error.errors))
            return list(error.errors)
        self.config = new
        configure_logging(new.log.level, new.log.format)
        interval = new.cycle.interval.total_seconds()
        self.instruments.cycle_interval.set(interval)
        if self.scheduler.running:
            self.scheduler.reschedule_job("cycle", trigger="interval", seconds=interval)
        self.instruments.config_last_reload_successful.set(1)
        self.instruments.config_last_reload_success.set(self.clock())
        for key in unchanged:
            logger.warning("%s takes effect after a restart", key)
        return []

    def services(self) -> WebServices:
        """What the web room needs of this process."""
        web = self.config.web
        rules = {rule.id: rule for rule in self.world.rules.rules}
        return WebServices(
            publisher=self.publisher,
            registry=self.registry,
            session_detail=lambda session_id: session_detail(self.world, session_id),
            put_verdict=self.put_verdict,
            reload=self.reload,
            readiness=self.readiness,
            now=self.clock,
            settings=WebSettings(
                external_url=web.external_url,
                grafana_url=web.grafana_url,
                version=version("sigyn"),
                sources=tuple(source.name for source in self.world.sources),
            ),
            describe_rule=rules.get,
        )

    # Life

    def start(self) -> None:
        """Begin the schedule; the first cycle runs at once."""
        self.scheduler.add_job(
            self._cycle_job,
            "interval",
            id="cycle",
            seconds=self.config.cycle.interval.total_seconds(),
            next_run_time=utc_now(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self.scheduler.start()

    def close(self) -> None:
        """Let go of sources and state."""
        close_sources(self.world.sources)
        self.world.state.close()

    def stop(self) -> None:
        """End the schedule, let a running cycle finish its batch, close the state."""
        self.stopping.set()
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)
        is_idle = self.busy.acquire(timeout=GRACE_SECONDS)
        if is_idle:
            self.close()
            return
        # Every batch is one transaction: ending here repeats work at the next start and loses none.
        logger.warning("a cycle is still running; ending without waiting for it")
        logging.shutdown()
        os._exit(0)


def serve(config: Config, config_file: Path | None, listen: str | None) -> None:
    """Run the exporter until a signal ends it."""
    exporter = Exporter(config, config_file)
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=exporter.reload).start())
    signal.signal(signal.SIGUSR1, lambda *_: exporter.train_now())
    exporter.start()
    try:
        run_web(exporter, listen)
    finally:
        exporter.stop()


def run_web(exporter: Exporter, listen: str | None) -> None:
    """Serve the pages until SIGTERM or SIGINT."""
    address = parse_listen(listen) if listen else exporter.config.web.listen
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(exporter.services()),
            host=address.host,
            port=address.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    logger.info("listening on http://%s", address)
    server.run()
