"""Who may do what at this moment: users, tokens, the rate, and the names the exporter may be asked for under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.web.basic_users import BasicUsers
from exporter.web.bearer_tokens import BearerTokens
from exporter.web.rate_limit import USUAL, Rate


@dataclass(frozen=True, slots=True)
class Access:
    """What the middleware asks before a request reaches a route.

    Attributes:
        users: may do everything.
        tokens: may do what each says.
        hosts: names that the ``Host`` header may have beside addresses; None for any.
        headers: for every response, beside and instead of the usual ones.
        rate: of every client.
    """

    users: BasicUsers = field(default_factory=lambda: BasicUsers({}))
    tokens: BearerTokens = field(default_factory=BearerTokens)
    hosts: frozenset[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: Rate = USUAL

    @property
    def is_open(self) -> bool:
        """Whether nobody has to say who they are."""
        return not self.users.hashes and not len(self.tokens)
