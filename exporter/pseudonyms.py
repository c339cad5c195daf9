"""Pseudonyms: a user's name becomes a short keyed hash before anything is stored, scored, exposed or logged.

A pseudonym is the beginning of HMAC-SHA256 (RFC 2104) of the name, so that whoever lacks the key can neither turn it
back nor try names one by one, and equal names stay equal across restarts. It is applied once rules have seen the
events, because they compare paths with the project they lie in. Another key gives another population: nobody is
known any more, and scores begin anew.

A project is often a path that holds its user's name. In it the name of a home folder is replaced, and every part
that is the user's own name.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from analytics.events import EventTable, categorical, objects
from analytics.sessions import SessionInfo

PREFIX: Final = "user-"
DIGITS: Final = 12
"""Hexadecimal digits of a pseudonym: 48 bits. Among 10,000 names two share one with a chance below 1 in 5 million."""

_HOME: Final = re.compile(r"(?i)^((?:file://)?(?:[a-z]:)?[/\\](?:\w+[/\\]){0,2}(?:home|users)[/\\])([^/\\]+)")
_PARTS: Final = re.compile(r"([/\\]+)")
_MOST_REMEMBERED: Final = 65_536


class Pseudonyms:
    """The pseudonyms that follow from one key.

    Args:
        key: secret; who has it can find out whose a pseudonym is by trying names.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._hashed)

    def user(self, name: str) -> str:
        """The pseudonym of a user, such as ``user-3f9a1c20b7d4``."""
        return self._remembered(name)

    def _hashed(self, name: str) -> str:
        digest = hmac.new(self._key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return PREFIX + digest[:DIGITS]

    def project(self, project: str, user: str | None) -> str:
        """A project without the name of a home folder and without its user's own."""
        home = _HOME.match(project)
        if home:
            project = home[1] + self.user(home[2]) + project[home.end() :]
        if user is None:
            return project
        own = {user.casefold(), user.partition("@")[0].casefold()}
        parts = _PARTS.split(project)
        return "".join(self.user(part) if part.casefold() in own else part for part in parts)

    def table(self, events: EventTable) -> EventTable:
        """Events with pseudonyms in ``user_id`` and ``project``; the other columns as they are."""
        users, projects = events.categories("user_id"), events.categories("project")
        user_codes, project_codes = events.codes("user_id"), events.codes("project")
        width = len(users) + 1
        pairs, numbers = np.unique(project_codes.astype(np.int64) * width + user_codes % width, return_inverse=True)
        lookup = [
            None if pair < 0 else self.project(projects[pair // width], (*users, None)[pair % width])
            for pair in pairs.tolist()
        ]
        return events.with_columns(
            {
                "user_id": categorical(objects([*map(self.user, users), None])[user_codes]),
                "project": categorical(objects(lookup)[numbers]),
            }
        )

    def info(self, session: SessionInfo) -> SessionInfo:
        """The same for a session that has been measured."""
        user, project = session.user_id, session.project
        return replace(
            session,
            user_id=None if user is None else self.user(user),
            project=None if project is None else self.project(project, user),
        )
