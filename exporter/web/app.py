"""How the web room is put together: middleware, routers, error answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from exporter.web.api import PREFIX, api_router
from exporter.web.authentication import Authentication
from exporter.web.body_limit import BodyLimit
from exporter.web.host_check import HostCheck
from exporter.web.id_in_path import register_session_id
from exporter.web.operations import operations_router
from exporter.web.pages import pages_router, session_router
from exporter.web.rate_limit import RateLimit
from exporter.web.rendering import Renderer
from exporter.web.request_bounds import RequestBounds
from exporter.web.response_headers import SECURITY_HEADERS, ResponseHeaders
from exporter.web.services import WebServices


def create_app(services: WebServices) -> FastAPI:
    """The ASGI application: exposition, operating endpoints, API and pages over what ``services`` lends."""
    register_session_id()
    renderer = Renderer(services)
    app = FastAPI(
        title="Sigyn",
        summary="Risk of AI coding agents' sessions, and why.",
        version=services.settings.version or "0",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # The redirect would name the host that the client claims to have asked.
        redirect_slashes=False,
    )
    _guard(app, services)
    app.include_router(operations_router(services))
    app.include_router(api_router(services))
    app.include_router(pages_router(services, renderer))
    app.include_router(session_router(services, renderer))
    _answer_errors(app, renderer, services)
    return app


def _guard(app: FastAPI, services: WebServices) -> None:
    """What stands before the routes; the last that is added is met first."""
    access, clock = services.access, services.monotonic
    app.add_middleware(BodyLimit)
    app.add_middleware(Authentication, access, clock)
    app.add_middleware(RateLimit, lambda: access().rate, clock)
    app.add_middleware(HostCheck, access)
    app.add_middleware(RequestBounds)
    app.add_middleware(ResponseHeaders, lambda: access().headers)


def _answer_errors(app: FastAPI, renderer: Renderer, services: WebServices) -> None:
    """Errors in the reader's form: JSON below the API's prefix, text for operators, else a page."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        answer = _answer(request, renderer, error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"detail": [_place_and_message(one) for one in error.errors()]}, 422)

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> Response:
        # Answered outside all middleware, so the headers are added here; the server logs the error itself.
        answer = _answer(request, renderer, 500, "an error of the exporter itself (see its log)")
        answer.headers.update({**SECURITY_HEADERS, **services.access().headers})
        return answer


def _answer(request: Request, renderer: Renderer, status: int, text: str) -> Response:
    path = request.url.path
    if path.startswith("/api/"):
        return JSONResponse({"detail": text}, status)
    if path.startswith(("/-/", "/metrics", "/static/")):
        return PlainTextResponse(f"{text}\n", status)
    return renderer.page("error.html", status, title=f"Error {status}", text=text)


def _place_and_message(error: dict[str, Any]) -> dict[str, Any]:
    """Where and what, without repeating what was sent."""
    return {"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]}
