"""The exporter: two jobs on a schedule, the web server in front, and what happens when something goes wrong.

One job runs the cycle, one trains; each runs alone and coalesced. The main thread serves. A cycle that fails or does
not end leaves the last results standing until they are older than the staleness, then they are withdrawn, and
metrics, log and ``/-/ready`` say so. A cycle that could read some of its sources publishes what it has.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry, disable_created_metrics

from exporter.assembly import build_training_settings, build_world, close_sources, open_state
from exporter.checked_config import checked_config
from exporter.collector import SnapshotCollector
from exporter.commands.clock import utc_now
from exporter.config import Config, ConfigError
from exporter.config_web import WebSettings
from exporter.course import Course
from exporter.freshness import Freshness
from exporter.garbage_collection import made_for_good
from exporter.heap import give_back_free
from exporter.herald import Herald
from exporter.instrumentation import Instrumentation
from exporter.logs import configure_logging, one_line
from exporter.marks import read_marks
from exporter.model_store import ModelStore
from exporter.novelties.settling import is_settled_since
from exporter.pipeline import CycleReport, restore, run_cycle, take_snapshot
from exporter.publisher import Publisher
from exporter.recent_sessions import gauge_specs
from exporter.reload_outcome import ReloadOutcome
from exporter.reloading import apply_configuration, keys_after_restart
from exporter.rule_file import RuleFileError
from exporter.state import HumanVerdict, StateError
from exporter.training import Shelf, finished_sessions, is_due, load_models, read_history, train
from exporter.watch import ClockSteps, Watch
from exporter.web.session_detail import HumanVerdictInput
from exporter.world import World

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 2.5
"""How long running work may come to an end after a request to stop; then the process ends under it."""

UPKEEP_SECONDS: Final = 60
"""From one renewal of the lease on the state to the next, which runs out after several of these; free memory is given
back as often."""


class Exporter:
    """The running process: world, schedule, publication and instruments.

    Attributes:
        world: what the cycle works with.
        publisher: what scrape and pages read.
        registry: everything on ``/metrics``.
        check_reload: raises ``ConfigError`` for a part of a new configuration that the web server could not follow.
    """

    def __init__(self, config: Config, config_file: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Open the state, load what is known, publish it."""
        self.config = self.started_with = config
        self.config_file = config_file
        self.clock = clock
        # One more series for each counter that nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client does not annotate it
        self.publisher = Publisher()
        self.freshness = Freshness(self.publisher, clock)
        self.registry = CollectorRegistry()
        self.instruments = Instrumentation(self.registry, version("sigyn"))
        self.world: World = build_world(config, open_state(config), self._count_request, utc_now())
        self.herald = Herald(self.world, clock, self._count_request, self.instruments.announcements)
        self.shelf = Shelf(ModelStore(config.state.directory), self.world.state)
        specs = gauge_specs(one.analysis for one in self.world.analyses)
        gauges = {spec.name: (spec.help, spec.labels) for spec in specs}
        collector = SnapshotCollector(
            self.publisher,
            tracked_sessions=config.metrics.tracked_sessions,
            max_tool_names=config.metrics.max_tool_names,
            gauges=gauges,
            rules=self.world.rules.rules,
        )
        self.registry.register(collector)
        self._tell_settings(config)
        self.scheduler = BackgroundScheduler(timezone="UTC")
        self.watch = Watch(ClockSteps(clock), self.scheduler, self.freshness.set_back, self._look_at_age)
        self.stopping = threading.Event()
        self.busy = threading.Lock()
        self.learning = threading.Lock()
        self.course = Course()
        self.wants_training = False
        self.check_reload: Callable[[WebSettings], None] = lambda _web: None
        self._restore()

    def _restore(self) -> None:
        now_ns = int(self.clock() * 1e9)
        self.world.models = load_models(self.shelf, self.world.analyses)
        # Some but not all: a model file was damaged or no longer fits, and is not to stay missing until the next week.
        self.wants_training = 0 < len(self.world.models.fitted) < len(self.world.analyses)
        with made_for_good():
            restore(self.world, now_ns)
        if self.world.verdicts:
            self.publisher.publish(take_snapshot(self.world, now_ns), restored=True)

    def _tell_settings(self, config: Config) -> None:
        self.instruments.cycle_interval.set(config.cycle.interval.total_seconds())
        self.instruments.training_interval.set(config.training.every.total_seconds())
        self.instruments.shard.clear()
        self.instruments.shard.labels(str(config.shard.number), str(config.shard.count)).set(1)

    def _count_request(self, operation: str, outcome: str) -> None:
        self.instruments.loki_requests.labels(operation, outcome).inc()

    # The two jobs

    def cycle(self) -> CycleReport | None:
        """Run one cycle and publish; returns None when it failed as a whole."""
        with self.busy:
            if self.stopping.is_set():
                return None
            self.course.begin()
            try:
                report = run_cycle(self.world, int(self.clock() * 1e9), self._tell_progress)
            except InterruptedError:
                logger.info("cycle ended early: stopping")
                return None
            except Exception as error:
                # The one broad catch: whatever breaks a cycle must not end the process or its schedule.
                logger.exception("cycle failed")
                self._failed(
                    one_line(str(error) if isinstance(error, StateError) else f"{type(error).__name__}: {error}")
                )
                return None
            finally:
                self.instruments.cycle_duration.observe(self.course.end())
            self._finished(report)
            self.herald.finish_cycle()
            return report

    def _finished(self, report: CycleReport) -> None:
        for source in self.world.sources:
            self.instruments.source_up.labels(source.name).set(source.name not in report.failed)
            self.instruments.source_problems.labels(source.name).set(len(source.problems))
        if not report.failed or len(report.failed) < len(self.world.sources):
            self.freshness.publish(report.snapshot)
        else:
            self.freshness.keep(report.snapshot)
        if report.failed:
            self._failed("; ".join(report.failed.values()))
            return
        now = self.clock()
        self.course.succeed(now)
        self.instruments.last_success.set(now)
        self.instruments.cycles.labels("success").inc()
        logger.info("cycle finished", extra={"events": report.events, "judged": report.judged})

    def _failed(self, problem: str) -> None:
        """Count a failed cycle; withdraw scores that are too old to act on."""
        self.instruments.cycles.labels("failed").inc()
        self.course.fail(problem)
        self.freshness.withdraw_if_older(self.config.cycle.staleness.total_seconds(), problem)

    def _look_at_age(self) -> None:
        """Withdraw scores that are too old to act on while no cycle comes to an end."""
        staleness = self.config.cycle.staleness.total_seconds()
        self.freshness.withdraw_if_older(staleness, self.course.present_problem)

    def _tell_progress(self, source: str, share: float) -> None:
        if self.stopping.is_set():
            raise InterruptedError("stopping")
        self.course.ask(source, share)

    @property
    def last_problem(self) -> str:
        """What went wrong last, or why there are no scores yet; one line."""
        return self.course.last_problem

    def training(self) -> bool:
        """Train if it is due; returns whether models were fitted. A failure keeps the models in use."""
        with self.learning:
            now = self.clock()
            if self.stopping.is_set() or not self._is_training_due(int(now * 1e9)):
                return False
            self.wants_training = False
            why = "; re-tooled agents are normal again" if self._is_settled(int(now * 1e9)) else ""
            try:
                history = read_history(self.world.state, int(now * 1e9), build_training_settings(self.config))
                models = train(history, self.world.analyses, self.shelf, self.world.models, now)
            except Exception:
                # As for the cycle: what breaks a training must not end the process or its schedule.
                logger.exception("training failed; the models in use stay")
                self.instruments.trainings.labels("failed").inc()
                return False
            was_fitted = models.states != self.world.models.states
            self.world.models = models
            self.instruments.trainings.labels("success" if was_fitted else "not_enough_data").inc()
            if was_fitted:
                self.herald.tell("trained", f"models trained on {len(history)} sessions{why}")
            return was_fitted

    def _is_training_due(self, now_ns: int) -> bool:
        settings, idle_timeout_ns = build_training_settings(self.config), self.world.settings.idle_timeout_ns
        # A copy: a cycle may be changing them in its own thread.
        finished = finished_sessions(list(self.world.verdicts.values()), now_ns, idle_timeout_ns, settings)
        return (
            self.wants_training
            or is_due(self.world.models, finished, now_ns, settings, self.config.training.minimum_sessions)
            or self._is_settled(now_ns)
        )

    def _is_settled(self, now_ns: int) -> bool:
        return is_settled_since(self.world.models, self.world, now_ns)

    def _cycle_job(self) -> None:
        if self.cycle() is not None and not self.stopping.is_set():
            self._add_training_job()

    def _training_job(self) -> None:
        if self.training():
            # Sessions that waited for the first models are scored at once.
            self.cycle()

    def _upkeep_job(self) -> None:
        give_back_free()
        # A cycle or a training may not write for longer than the state is kept for a silent process.
        try:
            self.world.state.renew()
        except StateError as error:
            logger.warning("cannot renew the lease on the state: %s", one_line(str(error)))

    def train_now(self) -> None:
        """Train at the next opportunity, due or not."""
        self.wants_training = True
        self._add_training_job()

    def _add_training_job(self) -> None:
        # One that waits beside one that runs: what is asked for during a training comes right after it.
        self.scheduler.add_job(self._training_job, id="training", replace_existing=True, max_instances=2)

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
        self.world.marks = read_marks(self.world.state)
        self.herald.tell_word(session_id, given.verdict)
        return True

    def reload(self) -> ReloadOutcome:
        """Load the configuration file again; on any error the old one stays in force."""
        if self.config_file is None:
            why = "there is no configuration file to load again: start `sigyn serve --config FILE` to have one"
            return ReloadOutcome(errors=(why,))
        settings_before = [one.settings for one in self.world.analyses]
        try:
            new = checked_config(self.config_file, os.environ)
            self.check_reload(new.web)
            with self.busy:
                apply_configuration(self.world, self.config, new, self._count_request, utc_now())
        except (ConfigError, RuleFileError) as error:
            self.instruments.config_last_reload_successful.set(0)
            logger.warning("configuration not reloaded, the old one stays: %s", "; ".join(error.errors))
            return ReloadOutcome(errors=tuple(error.errors))
        # Models that were fitted with other settings are replaced at the next opportunity.
        self.wants_training |= [one.settings for one in self.world.analyses] != settings_before
        self._adopt(new)
        outcome = ReloadOutcome(after_restart=keys_after_restart(self.started_with, new))
        for key in outcome.after_restart:
            logger.warning("%s takes effect after a restart", key)
        return outcome

    def _adopt(self, new: Config) -> None:
        """Take over what a new configuration says about schedule and log, and say that it is in force."""
        if new.log != self.config.log:
            configure_logging(new.log.level, new.log.format)
        self.config = new
        interval = new.cycle.interval.total_seconds()
        self._tell_settings(new)
        if self.scheduler.running:
            self.scheduler.reschedule_job("cycle", trigger="interval", seconds=interval)
            with self.busy:
                self.herald.open(new)
        self.instruments.config_last_reload_successful.set(1)
        self.instruments.config_last_reload_success.set(self.clock())
        self.herald.tell("config_reloaded", "configuration loaded")
        logger.info("configuration loaded")

    # Life

    def start(self) -> None:
        """Begin the schedule; the first cycle runs at once."""
        self.herald.open(self.config)
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
        self.scheduler.add_job(self._upkeep_job, "interval", id="upkeep", seconds=UPKEEP_SECONDS, coalesce=True)
        self.scheduler.start()
        self.watch.start()

    def close(self) -> None:
        """Let go of sources, announcements and state."""
        self.herald.close()
        close_sources(self.world.sources)
        self.world.state.close()

    def stop(self) -> None:
        """End the schedule, give running work a moment to come to an end, close sources and state."""
        self.stopping.set()
        self.watch.stop()
        if self.scheduler.running:
            # Once it is paused and asked for its jobs, no thread of it is half-way: stopped there, it would not find a
            # job that it is about to take off its list, and say so as an error.
            self.scheduler.pause()
            self.scheduler.get_jobs()
            self.scheduler.shutdown(wait=False)
        deadline = time.monotonic() + GRACE_SECONDS
        with ExitStack() as held:
            for lock, work in ((self.busy, "cycle"), (self.learning, "training")):
                if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    _end_under(work)
                held.callback(lock.release)
            self.close()


def _end_under(work: str) -> NoReturn:
    """End the process at once. Every batch is one transaction and every model file whole or absent: nothing is lost."""
    logger.warning("a %s is still running; ending without waiting for it", work)
    logging.shutdown()
    os._exit(0)
