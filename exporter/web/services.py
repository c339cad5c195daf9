"""What the rest of the process lends to the web room: objects and functions, nothing global."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from analytics.rules import Rule
from exporter.publisher import Publisher
from exporter.reload_outcome import ReloadOutcome
from exporter.web.access import Access
from exporter.web.session_detail import HumanVerdictInput, SessionDetail


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the pages need to know about their surroundings.

    Attributes:
        external_url: URL under which people reach the pages; its origin is trusted for forms, and pages link below
            its path where it has one.
        grafana_url: Grafana's base URL, None for no link.
        version: of this distribution, shown at the foot of the pages.
        sources: names of the configured sources.
        form_secret: key of the form tokens, new in each process unless given.
    """

    external_url: str | None = None
    grafana_url: str | None = None
    version: str = ""
    sources: tuple[str, ...] = ()
    form_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


@dataclass(frozen=True, slots=True)
class WebServices:
    """Everything the routes call.

    Attributes:
        publisher: what is published now.
        registry: what ``/metrics`` exposes.
        session_detail: one session in full, None for an unknown id. May read the state.
        put_verdict: keeps a person's verdict; False for an unknown id.
        reload: loads the configuration again.
        readiness: None when ready, else the reason in one line.
        now: Unix seconds.
        describe_rule: a rule by id, None for one that is no longer in force.
        access: who may do what now; everybody everything unless given. Called several times a request.
        monotonic: seconds that never go back, for rates.
    """

    publisher: Publisher
    registry: CollectorRegistry
    session_detail: Callable[[str], SessionDetail | None]
    put_verdict: Callable[[str, HumanVerdictInput], bool]
    reload: Callable[[], ReloadOutcome]
    readiness: Callable[[], str | None]
    now: Callable[[], float]
    settings: WebSettings = field(default_factory=WebSettings)
    describe_rule: Callable[[str], Rule | None] = field(default=lambda _rule: None)
    access: Callable[[], Access] = field(default=Access)
    monotonic: Callable[[], float] = time.monotonic
