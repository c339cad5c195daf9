"""How a known thing becomes a row of ``tables.familiar`` and comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from analytics.familiarity import Acquaintance, Arrival, Key
from exporter.state.errors import DamagedValue
from exporter.state.json_text import to_json


def key_of(key: Key) -> str:
    """The row's key: a digest, because names are too long for an index."""
    kind, name = key
    return hashlib.sha256(to_json([kind, *name]).encode()).hexdigest()


def to_values(one: Acquaintance) -> dict[str, Any]:
    """The values of the columns."""
    return {
        "digest": key_of(one.key),
        "kind": one.kind,
        "name": list(one.name),
        "first_ns": int(one.first_ns),
        "last_ns": int(one.last_ns),
        "sessions": int(one.sessions),
        "user": one.user,
        "is_shared": bool(one.is_shared),
        "arrival": None if one.arrival is None else asdict(one.arrival),
    }


def from_values(row: Sequence[Any]) -> Acquaintance:
    """The thing of a row with the columns from ``kind`` on, in their order. Raises ``DamagedValue``."""
    kind, name, first_ns, last_ns, sessions, user, is_shared, arrival = row
    try:
        came = None if arrival is None else Arrival(**arrival)
        return Acquaintance(kind, tuple(name), first_ns, last_ns, sessions, user, is_shared, came)
    except TypeError as error:
        raise DamagedValue("what is known of a name cannot be read back") from error
