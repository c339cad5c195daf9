"""A small deployment for the web tests: three sessions, one of each status, with planted numbers and texts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry

from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Reason, SessionVerdict
from exporter.collector import SnapshotCollector
from exporter.publisher import Publisher
from exporter.reload_outcome import ReloadOutcome
from exporter.snapshot import ModelState, Snapshot
from exporter.web.access import Access
from exporter.web.app import create_app
from exporter.web.services import WebServices, WebSettings
from exporter.web.session_detail import FeatureRow, HumanVerdictInput, SessionDetail, TimelineEvent

with warnings.catch_warnings():
    # The test client works with httpx; that it would rather have a successor is no matter of ours.
    warnings.simplefilter("ignore", UserWarning)
    from fastapi.testclient import TestClient

NOW = 1_790_000_000.0
START_NS = 1_789_990_000_123_456_789
SECOND = 1_000_000_000


def scored(session_id="team/a b", **changes) -> SessionVerdict:
    """A session at risk 0.83 with one reason and one finding."""
    verdict = SessionVerdict(
        session_id=session_id,
        started_ns=START_NS,
        ended_ns=START_NS + 90 * SECOND,
        events=41,
        agent="claude-code",
        user_id="mara",
        project="shop",
        status="scored",
        risk=0.83,
        level="high",
        confidence=0.9,
        anomaly=0.91,
        parts={"anomaly": 0.6, "secret-file-read": 0.23},
        detectors={"isolation_forest": 0.88, "lof": 0.93, "dbscan": 0.71},
        reasons=(Reason("error_ratio", 0.5, 0.0, 0.25, 0.31, "Share of tool uses that failed: 0.5"),),
        findings=(Finding(session_id, "secret-file-read", "high", 2, START_NS, START_NS + SECOND),),
        fingerprint=FingerprintView("f-1", "c-2", 1.7),
        tool_uses=12,
        is_final=True,
        model_version="m-1",
    )
    return replace(verdict, **changes)


def unscored(session_id, status, needed=None) -> SessionVerdict:
    """A session without a score."""
    end = START_NS + SECOND
    return SessionVerdict(session_id, START_NS, end, 2, "codex", "omar", None, status, needed=needed)


SESSIONS = (scored(), unscored("young", "initializing", needed=18), unscored("short", "insufficient"))
SNAPSHOT = Snapshot(
    taken_at=NOW - 60,
    sessions=SESSIONS,
    counters={"sigyn_events_read_total": {("native", "tool_result"): 1234.0}},
    models=(ModelState("risk", "v1", NOW - 86_400, 77),),
    problems=("loki: http://loki.example does not answer",),
)


@dataclass
class House:
    """The app's surroundings, open to the tests."""

    publisher: Publisher = field(default_factory=Publisher)
    verdicts: list[tuple[str, HumanVerdictInput]] = field(default_factory=list)
    reload_errors: list[str] = field(default_factory=list)
    after_restart: tuple[str, ...] = ()
    reloads: int = 0
    not_ready: str | None = None
    settings: WebSettings = field(default_factory=lambda: WebSettings(version="9.9", form_secret=b"k"))
    extra: dict[str, SessionDetail] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    monotonic: float = 0.0

    def detail(self, session_id):
        if session_id in self.extra:
            return self.extra[session_id]
        sessions = self.publisher.snapshot.sessions if self.publisher.snapshot else ()
        found = [verdict for verdict in sessions if verdict.session_id == session_id]
        return full_detail(found[0]) if found else None

    def put_verdict(self, session_id, verdict):
        if self.detail(session_id) is None:
            return False
        self.verdicts.append((session_id, verdict))
        return True

    def reload(self):
        self.reloads += 1
        return ReloadOutcome(tuple(self.reload_errors), self.after_restart)

    def services(self) -> WebServices:
        registry = CollectorRegistry()
        registry.register(SnapshotCollector(self.publisher))
        return WebServices(
            publisher=self.publisher,
            registry=registry,
            session_detail=self.detail,
            put_verdict=self.put_verdict,
            reload=self.reload,
            readiness=lambda: self.not_ready,
            now=lambda: NOW,
            settings=self.settings,
            access=lambda: self.access,
            monotonic=lambda: self.monotonic,
        )

    def client(self, base_url="http://sigyn.example", **options) -> TestClient:
        return TestClient(create_app(self.services()), base_url=base_url, follow_redirects=False, **options)


def full_detail(verdict: SessionVerdict) -> SessionDetail:
    """Two features and two events beside a verdict."""
    return SessionDetail(
        verdict,
        features=(
            FeatureRow("error_ratio", "Share of failures.", "ratio", 0.5, 0.0, 0.25, "errors", is_unusual=True),
            FeatureRow("cost_usd", "Cost.", "US dollars", None, None, None, "consumption"),
        ),
        timeline=(
            TimelineEvent(START_NS, "user_prompt"),
            TimelineEvent(
                START_NS + SECOND,
                "tool_result",
                "Bash",
                success=False,
                failure_kind="denied",
                duration_ms=1500.0,
                tokens=42,
                rules=("secret-file-read",),
            ),
        ),
        timeline_left_out=7,
    )
