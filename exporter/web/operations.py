"""What Prometheus and operators call: the exposition, health, readiness and reload. All answers are text."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder

from exporter.web.authentication import MAY_READ
from exporter.web.origin import same_origin_guard
from exporter.web.services import WebServices

READ: Final = ["GET", "HEAD"]


def operations_router(services: WebServices) -> APIRouter:
    """``/metrics``, ``/-/healthy``, ``/-/ready`` and ``/-/reload``."""
    router = APIRouter(include_in_schema=False)
    own_site = Depends(same_origin_guard(services.settings.external_url))

    @router.api_route("/metrics", methods=READ)
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(services.registry), media_type=content_type)

    @router.api_route("/-/healthy", methods=READ)
    def healthy() -> Response:
        return PlainTextResponse("Sigyn is healthy.\n")

    @router.api_route("/-/ready", methods=READ)
    def ready(request: Request) -> Response:
        reason = services.readiness()
        if reason is None:
            return PlainTextResponse("Sigyn is ready.\n")
        if not request.scope[MAY_READ]:
            return PlainTextResponse("Sigyn is not ready (sign in to see the reason).\n", 503)
        return PlainTextResponse(f"Sigyn is not ready: {reason}\n", 503)

    @router.post("/-/reload", dependencies=[own_site])
    def reload() -> Response:
        outcome = services.reload()
        if outcome.errors:
            refused = "The configuration was not loaded, the old one stays in force:"
            return PlainTextResponse("".join(f"{line}\n" for line in (refused, *outcome.errors)), 500)
        waiting = [f"{key} takes effect after a restart." for key in outcome.after_restart]
        return PlainTextResponse("".join(f"{line}\n" for line in ("The configuration is loaded.", *waiting)))

    return router
