"""What the page of all sessions shows: a page of rows, counts, and how the exporter is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from analytics.verdicts import INITIALIZING, LEVELS, SCORED, SessionVerdict
from exporter.publisher import Publication
from exporter.snapshot import ModelState, Snapshot
from exporter.web.session_filter import SessionFilter

PAGE_SIZE: Final = 50
MAX_CHOICES: Final = 100
"""Agents and users offered in the filters, most sessions first."""

STATES: Final = (*(level for level, _ in LEVELS), INITIALIZING, "insufficient")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """How many events a decoder has read so far."""

    name: str
    events: int


@dataclass(frozen=True, slots=True)
class OverviewQuery:
    """What was asked for in the address of the page.

    Attributes:
        state: a level of risk or a status without a score; "" for all.
        user: "" for all.
        agent: "" for all.
        page: from 1.
    """

    state: str = ""
    user: str = ""
    agent: str = ""
    page: int = 1

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> OverviewQuery:
        """The query parameters; a page that is no number is the first."""
        page = parameters.get("page", "1")
        number = int(page) if page.isdecimal() and len(page) < 10 else 1
        return cls(parameters.get("level", ""), parameters.get("user", ""), parameters.get("agent", ""), max(number, 1))

    @property
    def filter(self) -> SessionFilter:
        """The conditions."""
        is_status = self.state in (INITIALIZING, "insufficient")
        level, status = (None, self.state) if is_status else (self.state or None, None)
        return SessionFilter(level, status, self.user or None, self.agent or None)

    def address(self, **changes: str | int) -> str:
        """The query string of the same page with some changes; what is empty is left out."""
        fields = {"level": self.state, "user": self.user, "agent": self.agent, "page": self.page, **changes}
        kept = {name: value for name, value in fields.items() if value and not (name == "page" and value == 1)}
        return "?" + urlencode(kept, errors="replace") if kept else "?"


@dataclass(frozen=True)
class Overview:
    """The page of all sessions.

    Attributes:
        rows: the sessions on this page.
        matching: sessions on all pages.
        counts: sessions by state, whatever the filter.
        needed: most sessions still needed before anything is scored, 0 when scores are given.
    """

    publication: Publication
    query: OverviewQuery
    rows: Sequence[SessionVerdict]
    matching: int
    counts: Mapping[str, int]
    agents: Sequence[str]
    users: Sequence[str]
    sources: Sequence[SourceLine]
    needed: int

    @property
    def snapshot(self) -> Snapshot | None:
        """What is published."""
        return self.publication.snapshot

    @property
    def total(self) -> int:
        """All sessions within the lookback."""
        return sum(self.counts.values())

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(-(-self.matching // PAGE_SIZE), 1)

    @property
    def first(self) -> int:
        """Number of the first row shown, from 1."""
        return (self.query.page - 1) * PAGE_SIZE + 1

    @property
    def models(self) -> tuple[ModelState, ...]:
        """Fitted models in use."""
        return () if self.snapshot is None else self.snapshot.models


def overview(publication: Publication, query: OverviewQuery) -> Overview:
    """The page that was asked for; beyond the last page the last one."""
    snapshot = publication.snapshot or Snapshot(taken_at=0.0)
    found = query.filter.select(snapshot.sessions)
    pages = max(-(-len(found) // PAGE_SIZE), 1)
    shown = OverviewQuery(query.state, query.user, query.agent, min(query.page, pages))
    start = (shown.page - 1) * PAGE_SIZE
    return Overview(
        publication=publication,
        query=shown,
        rows=found[start : start + PAGE_SIZE],
        matching=len(found),
        counts=_counts(snapshot.sessions),
        agents=_most_common((verdict.agent for verdict in snapshot.sessions), query.agent),
        users=_most_common((verdict.user_id for verdict in snapshot.sessions), query.user),
        sources=_sources(snapshot),
        needed=max((verdict.needed or 0 for verdict in snapshot.sessions if verdict.status == INITIALIZING), default=0),
    )


def _counts(verdicts: Iterable[SessionVerdict]) -> dict[str, int]:
    counts = Counter(
        verdict.level if verdict.status == SCORED and verdict.level else verdict.status for verdict in verdicts
    )
    return {state: counts.get(state, 0) for state in STATES}


def _most_common(values: Iterable[str | None], chosen: str) -> list[str]:
    """The most common values in order of the alphabet, the chosen one always among them."""
    counts = Counter(value for value in values if value)
    offered = {value for value, _ in counts.most_common(MAX_CHOICES)} | ({chosen} if chosen else set())
    return sorted(offered, key=str.casefold)


def _sources(snapshot: Snapshot) -> list[SourceLine]:
    totals: Counter[str] = Counter()
    for (source, _event), count in snapshot.counters.get("sigyn_events_read_total", {}).items():
        totals[source] += int(count)
    return [SourceLine(name, events) for name, events in totals.most_common()]
