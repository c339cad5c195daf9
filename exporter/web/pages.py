"""The pages: all sessions, one session, and the form that judges it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from exporter.web.form_token import form_token, is_form_token
from exporter.web.id_in_path import ID
from exporter.web.operations import READ
from exporter.web.origin import same_origin_guard
from exporter.web.overview_view import OverviewQuery, overview
from exporter.web.rendering import Renderer
from exporter.web.services import WebServices
from exporter.web.session_detail import HUMAN_JUDGEMENTS
from exporter.web.session_view import session_view
from exporter.web.static_files import StaticFile
from exporter.web.verdict_form import FORM_TOKEN, read_form, verdict_of

_STATIC_AGE: Final = "public, max-age=86400"
_UNKNOWN_SESSION: Final = "No session with this id is within the lookback. It may have dropped out since."
_OLD_FORM: Final = "The exporter was restarted since the page was loaded. Go back, reload the page and send it again."
_NO_VERDICT: Final = "Choose one of the three verdicts; the note may have 2000 characters at most."


def pages_router(services: WebServices, renderer: Renderer) -> APIRouter:
    """``/`` and the files pages load."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=READ)
    def sessions(request: Request) -> Response:
        view = overview(services.publisher.publication, OverviewQuery.of(request.query_params))
        return renderer.page("sessions.html", view=view, not_ready=services.readiness())

    @router.api_route("/static/{name}", methods=READ)
    def static(name: str) -> Response:
        file = StaticFile.find(name)
        if file is None:
            raise HTTPException(404, "no such file")
        return Response(file.content, media_type=file.media_type, headers={"Cache-Control": _STATIC_AGE})

    return router


def session_router(services: WebServices, renderer: Renderer) -> APIRouter:
    """``/sessions/{id}`` and its form."""
    router = APIRouter(include_in_schema=False)
    settings = services.settings
    own_site = Depends(same_origin_guard(settings.external_url))

    @router.api_route(f"/sessions/{ID}", methods=READ)
    def session(session_id: str) -> Response:
        detail = services.session_detail(session_id)
        if detail is None:
            return renderer.page("error.html", 404, title="No such session", text=_UNKNOWN_SESSION)
        return renderer.page(
            "session.html",
            view=session_view(detail, services.describe_rule),
            token=form_token(settings.form_secret, session_id),
            judgements=HUMAN_JUDGEMENTS,
        )

    @router.post(f"/sessions/{ID}/verdict", dependencies=[own_site])
    async def judge(session_id: str, request: Request) -> Response:
        fields = read_form(await request.body())
        return await run_in_threadpool(_judge, session_id, fields)

    def _judge(session_id: str, fields: dict[str, str]) -> Response:
        if not is_form_token(settings.form_secret, session_id, fields.get(FORM_TOKEN, "")):
            return renderer.page("error.html", 403, title="This form is out of date", text=_OLD_FORM)
        verdict = verdict_of(fields)
        if verdict is None:
            return renderer.page("error.html", 422, title="This is no verdict", text=_NO_VERDICT)
        if not services.put_verdict(session_id, verdict):
            return renderer.page("error.html", 404, title="No such session", text=_UNKNOWN_SESSION)
        # A path only: the Host header is the client's word and has no part in where we send people.
        return Response(status_code=303, headers={"Location": renderer.session_path(session_id) + "#verdict"})

    return router
