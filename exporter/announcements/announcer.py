"""The news of a cycle: which lines to queue, and what has been told once they are.

Lines carry the time at which the exporter knew, never an earlier one, which Loki might refuse. So at a first start,
over weeks of telemetry, no old finding is told as if it had just happened: a finding older than ``RECENT_NS`` has no
line of its own, its session's line names it. Old sessions are told too, because tables read these lines, but a few in
each cycle (``Announcer.backlog``), the riskiest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from types import MappingProxyType
from typing import Final

from analytics.rules import Rule
from analytics.verdicts import SessionVerdict
from exporter.announcements.changes import NEVER, is_news, new_findings, told_of
from exporter.announcements.lines import finding_line, page_url, session_line
from exporter.state import Announced, Announcement, Transaction

RECENT_NS: Final = 24 * 3_600_000_000_000
"""Sessions and findings older than this are history; longer than an outage that still wants to be told afterwards."""

_NOTHING_SAID: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass
class News:
    """Lines to queue, and what they tell about sessions, by session id."""

    lines: list[Announcement] = field(default_factory=list)
    told: dict[str, Announced] = field(default_factory=dict)

    def store(self, transaction: Transaction) -> None:
        """Queue the lines and remember what they tell, together with what else the transaction stores."""
        transaction.queue_announcements(self.lines)
        transaction.put_announced(self.told)


class Announcer:
    """Finds what is news.

    Args:
        told: what was told about each session last.
        rules: for the findings' titles, by id.
        external_url: under which the pages are reached.
        said: people's verdicts, by session id.
    """

    def __init__(
        self,
        told: Mapping[str, Announced],
        rules: Mapping[str, Rule],
        external_url: str | None,
        said: Mapping[str, str] = _NOTHING_SAID,
    ) -> None:
        self._told = dict(told)
        self._said = dict(said)
        self._rules = rules
        self._external_url = external_url

    def news_of(self, verdicts: Iterable[SessionVerdict], now_ns: int) -> News:
        """What is new about sessions that have just been judged; those that ended long ago wait in the backlog."""
        news, since_ns = News(), now_ns - RECENT_NS
        for verdict in verdicts:
            if verdict.ended_ns < since_ns:
                continue
            told = self._told.get(verdict.session_id, NEVER)
            url = page_url(self._external_url, verdict.session_id)
            findings, has_score = new_findings(told, verdict, since_ns), is_news(told, verdict)
            for finding in findings:
                news.lines.append(finding_line(finding, verdict, self._rules.get(finding.rule), url, now_ns))
            if has_score:
                news.lines.append(self._session_line(verdict, now_ns))
            if has_score or findings:
                news.told[verdict.session_id] = told_of(told, verdict, with_score=has_score)
        return news

    def backlog(self, verdicts: Iterable[SessionVerdict], most: int, now_ns: int) -> News:
        """The riskiest sessions whose score is worth a line and has none yet."""
        waiting = (one for one in verdicts if is_news(self._told.get(one.session_id, NEVER), one))
        news = News()
        for verdict in nsmallest(most, waiting, key=_riskiest_first):
            news.lines.append(self._session_line(verdict, now_ns))
            news.told[verdict.session_id] = told_of(NEVER, verdict, with_score=True)
        return news

    def news_of_word(self, verdict: SessionVerdict, said: str, now_ns: int) -> News:
        """A person's verdict on a scored session, unless it was theirs before."""
        if self._said.get(verdict.session_id) == said:
            return News()
        self._said[verdict.session_id] = said
        if verdict.risk is None:
            return News()
        told = told_of(self._told.get(verdict.session_id, NEVER), verdict, with_score=True)
        return News([self._session_line(verdict, now_ns)], {verdict.session_id: told})

    def remember(self, news: News) -> None:
        """Take news as told, once they are stored."""
        self._told |= news.told

    def forget_all_but(self, session_ids: Iterable[str]) -> None:
        """Forget sessions that are no longer known."""
        known = set(session_ids)
        self._told = {session_id: told for session_id, told in self._told.items() if session_id in known}
        self._said = {session_id: said for session_id, said in self._said.items() if session_id in known}

    def _session_line(self, verdict: SessionVerdict, now_ns: int) -> Announcement:
        url = page_url(self._external_url, verdict.session_id)
        return session_line(verdict, url, now_ns, self._said.get(verdict.session_id))


def _riskiest_first(verdict: SessionVerdict) -> tuple[float, int]:
    return (-(verdict.risk or 0.0), -verdict.ended_ns)
