"""Session ids in addresses: any text, slashes and line ends included, which Starlette's own ``path`` does not match."""

from __future__ import annotations

from typing import Final

from starlette.convertors import Convertor, register_url_convertor

ID: Final = "{session_id:session_id}"
"""Stands for a session id in the path of a route, once ``register_session_id`` has run."""


class _SessionIdConvertor(Convertor[str]):
    """The whole of what stands there, as it is."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def register_session_id() -> None:
    """Make ``session_id`` known to Starlette, whose converters are one table for the process; may run repeatedly."""
    register_url_convertor("session_id", _SessionIdConvertor())
