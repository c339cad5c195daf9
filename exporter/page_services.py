"""What the running exporter lends to its pages."""

from __future__ import annotations

from importlib.metadata import version

from analytics.rules import Rule
from exporter.details import session_detail
from exporter.service import Exporter
from exporter.web.services import WebServices, WebSettings
from exporter.web_access import WebAccess


def page_services(exporter: Exporter, access: WebAccess | None = None) -> WebServices:
    """The functions and objects behind the routes; they read the world as it is when they are called.

    ``access`` is who may reach them; where none is given, the one that follows the exporter's own configuration.
    """
    followed = access or WebAccess(lambda: exporter.config.web, exporter.config.web.listen)

    def describe_rule(rule_id: str) -> Rule | None:
        return next((rule for rule in exporter.world.rules.rules if rule.id == rule_id), None)

    web = exporter.config.web
    return WebServices(
        publisher=exporter.publisher,
        registry=exporter.registry,
        session_detail=lambda session_id: session_detail(exporter.world, session_id),
        put_verdict=exporter.put_verdict,
        reload=exporter.reload,
        readiness=exporter.readiness,
        now=exporter.clock,
        settings=WebSettings(
            external_url=web.external_url,
            grafana_url=web.grafana_url,
            version=version("sigyn"),
            sources=tuple(source.name for source in exporter.world.sources),
        ),
        describe_rule=describe_rule,
        access=followed.current,
    )
