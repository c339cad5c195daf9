"""Answers given before any route runs: JSON below the API's prefix, else one line of text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope


def refusal(scope: Scope, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not passed on."""
    if scope["path"].startswith("/api/"):
        return JSONResponse({"detail": text}, status, headers)
    return PlainTextResponse(f"{text}\n", status, headers)
