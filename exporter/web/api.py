"""The versioned JSON API."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from exporter.verdict_json import finite, rfc3339, utf8, verdict_to_dict
from exporter.web.api_models import ErrorModel, SessionDetailModel, SessionPage, VerdictBody, VerdictKept
from exporter.web.id_in_path import ID
from exporter.web.origin import same_origin_guard
from exporter.web.services import WebServices
from exporter.web.session_detail import FeatureRow, HumanVerdict, HumanVerdictInput, SessionDetail, TimelineEvent
from exporter.web.session_filter import SessionFilter

PREFIX: Final = "/api/v1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

Answers = dict[int | str, dict[str, Any]]
_NOT_FOUND: Final[Answers] = {404: {"model": ErrorModel}}
_REFUSED: Final[Answers] = {
    401: {"model": ErrorModel, "description": "Credentials are needed: a user's or a token."},
    403: {"model": ErrorModel, "description": "These credentials, or another site's page, may not do that."},
    421: {"model": ErrorModel, "description": "The Host header names another host."},
    429: {"model": ErrorModel, "description": "Too many requests; Retry-After says when to come again."},
}
"""Answers that come before any route."""
_BAD_BODY: Final[Answers] = {
    400: {"model": ErrorModel, "description": "The body is not UTF-8 text."},
    408: {"model": ErrorModel, "description": "The body did not arrive in time."},
    413: {"model": ErrorModel, "description": "The body is too large."},
}


def _written_time(value: object) -> object:
    """Only what RFC 3339 allows: a bare number would pass for Unix seconds."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with its offset from UTC")
    return value


class SessionQuery(BaseModel):
    """Query parameters of the list of sessions; ``since`` is RFC 3339 with its offset from UTC."""

    model_config = ConfigDict(extra="forbid")

    level: Literal["low", "medium", "high", "critical"] | None = None
    status: Literal["scored", "initializing", "insufficient"] | None = None
    user: str | None = None
    agent: str | None = None
    since: Annotated[AwareDatetime, BeforeValidator(_written_time)] | None = None
    limit: Annotated[int, Query(ge=1, le=1000)] = 100
    offset: Annotated[int, Query(ge=0)] = 0

    def filter(self) -> SessionFilter:
        """The conditions among the parameters."""
        since_ns = None if self.since is None else round((self.since - _EPOCH).total_seconds() * 1e9)
        return SessionFilter(self.level, self.status, self.user, self.agent, since_ns)


def api_router(services: WebServices) -> APIRouter:
    """The routes below ``/api/v1``."""
    router = APIRouter(prefix=PREFIX, tags=["sessions"], responses=_REFUSED)
    own_site = Depends(same_origin_guard(services.settings.external_url))

    @router.get("/sessions", response_model=SessionPage)
    def list_sessions(query: Annotated[SessionQuery, Query()]) -> dict[str, Any]:
        """Sessions within the lookback, most risky first; those without a score last."""
        return _session_page(services, query)

    @router.get(f"/sessions/{ID}", response_model=SessionDetailModel, responses=_NOT_FOUND)
    def get_session(session_id: str) -> dict[str, Any]:
        """One session with its features and timeline."""
        detail = services.session_detail(session_id)
        if detail is None:
            raise HTTPException(404, "no session with this id is known")
        return detail_to_dict(detail)

    @router.post(f"/sessions/{ID}/verdict", responses={**_NOT_FOUND, **_BAD_BODY}, dependencies=[own_site])
    def post_verdict(session_id: str, body: VerdictBody) -> VerdictKept:
        """Keep a person's verdict; a later one replaces it."""
        if not services.put_verdict(session_id, HumanVerdictInput(body.verdict, body.note, body.by)):
            raise HTTPException(404, "no session with this id is known")
        return VerdictKept(session_id=session_id, verdict=body.verdict)

    return router


def _session_page(services: WebServices, query: SessionQuery) -> dict[str, Any]:
    publication = services.publisher.publication
    snapshot = publication.snapshot
    found = query.filter().select(snapshot.sessions if snapshot else ())
    return {
        "sessions": [verdict_to_dict(verdict) for verdict in found[query.offset : query.offset + query.limit]],
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
        "as_of": None if snapshot is None else _seconds(snapshot.taken_at),
        "withdrawn": publication.withdrawn,
    }


def detail_to_dict(detail: SessionDetail) -> dict[str, Any]:
    """A session in full: the shape of a verdict, then features and timeline."""
    return {
        **verdict_to_dict(detail.verdict),
        "features": [_feature(row) for row in detail.features],
        "timeline": [_event(event) for event in detail.timeline],
        "timeline_left_out": detail.timeline_left_out,
        "human_verdict": None if detail.human_verdict is None else _human(detail.human_verdict),
        "siblings": [utf8(sibling) for sibling in detail.siblings],
    }


def _feature(row: FeatureRow) -> dict[str, Any]:
    numbers = ("value", "expected_low", "expected_high")
    return {**asdict(row), **{name: finite(getattr(row, name)) for name in numbers}}


def _event(event: TimelineEvent) -> dict[str, Any]:
    fields = asdict(event)
    return {
        "time": rfc3339(fields.pop("time_ns")),
        **fields,
        "event": utf8(event.event),
        "tool_name": utf8(event.tool_name),
        "duration_ms": finite(event.duration_ms),
    }


def _human(verdict: HumanVerdict) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict,
        "note": utf8(verdict.note),
        "at": _seconds(verdict.at),
        "by": utf8(verdict.by),
    }


def _seconds(unix_seconds: float) -> str:
    return rfc3339(round(unix_seconds * 1000) * 1_000_000)
