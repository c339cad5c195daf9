"""Everything that one running exporter announces: what the cycle and the process call."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from analytics.rules import Rule
from analytics.verdicts import SessionVerdict
from exporter.announcements.announcer import Announcer, News
from exporter.announcements.delivery import MOST_QUEUED, Count, Delivery
from exporter.announcements.lines import event_line, page_url
from exporter.loki.client import LokiClient
from exporter.state import State, StateError

logger = logging.getLogger(__name__)

MOST_BACKLOG: Final = 500
"""Old sessions told after one cycle."""


class Announcements:
    """The way from verdicts to lines in Loki.

    Args:
        state: remembers what was told and what waits.
        client: of the Loki that is written to; closed with this object.
        count: told kind, outcome and number of lines.
        rules: by id.
        external_url: under which the pages are reached, None where that is not known.
    """

    def __init__(
        self,
        state: State,
        client: LokiClient,
        count: Count,
        rules: Mapping[str, Rule],
        external_url: str | None,
    ) -> None:
        self._state = state
        self._client = client
        said = {session_id: human.verdict for session_id, human in state.human_verdicts().items()}
        self._announcer = Announcer(state.announced(), rules, external_url, said)
        self._delivery = Delivery(state, client, count)
        self._external_url = external_url

    def page(self, session_id: str) -> str | None:
        """The address of a session's page."""
        return page_url(self._external_url, session_id)

    def news_of(self, verdicts: Iterable[SessionVerdict], now_ns: int) -> News:
        """What is new about sessions that have just been judged; to be stored with their verdicts, then remembered."""
        return self._announcer.news_of(verdicts, now_ns)

    def remember(self, news: News) -> None:
        """Take news as told, once they are stored."""
        self._announcer.remember(news)

    def tell(self, event: str, detail: str, now_ns: int) -> None:
        """Queue an event of the exporter itself; one that cannot be stored is given up."""
        self._queue(event, News([event_line(event, detail, now_ns)]))

    def tell_word(self, verdict: SessionVerdict, said: str, now_ns: int) -> None:
        """Queue a person's verdict on a session; one that cannot be stored is given up."""
        self._queue("a person's verdict", self._announcer.news_of_word(verdict, said, now_ns))

    def _queue(self, what: str, news: News) -> None:
        try:
            with self._state.begin() as transaction:
                news.store(transaction)
        except StateError as error:
            logger.warning("cannot announce %s: %s", what, error)
        else:
            self._announcer.remember(news)

    def finish_cycle(self, verdicts: Mapping[str, SessionVerdict], since_ns: int, now_ns: int) -> None:
        """Queue some of the sessions last seen since ``since_ns`` that nobody was told of, and deliver what waits.

        What cannot be stored or delivered now is tried again after the next cycle.
        """
        try:
            self._announcer.forget_all_but(verdicts)
            self._queue_backlog((one for one in verdicts.values() if one.ended_ns >= since_ns), now_ns)
            self._delivery.run()
        except StateError as error:
            logger.warning("cannot announce: %s", error)

    def _queue_backlog(self, verdicts: Iterable[SessionVerdict], now_ns: int) -> None:
        # Half of the outbox is kept for what is happening now.
        room = MOST_QUEUED // 2 - self._state.count_queued()
        news = self._announcer.backlog(verdicts, max(min(room, MOST_BACKLOG), 0), now_ns)
        if news.lines:
            with self._state.begin() as transaction:
                news.store(transaction)
            self._announcer.remember(news)

    def close(self) -> None:
        """Let go of the connections; what waits stays in the state."""
        self._client.close()
