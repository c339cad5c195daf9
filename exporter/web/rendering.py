"""Templates become pages: one environment, everything escaped, the same words for times and numbers everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.web import wording
from exporter.web.services import WebServices
from exporter.web.session_view import gravest_first
from exporter.web.static_files import StaticFile


class Renderer:
    """Renders the templates of this package.

    Args:
        services: where the clock and the settings come from.
    """

    def __init__(self, services: WebServices) -> None:
        self._prefix = urlsplit(services.settings.external_url or "").path.rstrip("/")
        self._environment = _environment(services.now)
        self._environment.globals |= {
            "settings": services.settings,
            "session_path": self.session_path,
            "link": self.link,
            "style": self._versioned("sigyn.css"),
            "icon": self._versioned("icon.svg"),
        }

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """The page as a response."""
        html = self._environment.get_template(template).render(context)
        return Response(html.encode("utf-8", "replace"), status, media_type="text/html")

    def link(self, path: str) -> str:
        """The address of a path of ours, below the external URL's path where there is one."""
        return self._prefix + path

    def session_path(self, session_id: str) -> str:
        """The address of a session's page."""
        return self.link("/sessions/" + quote(session_id, safe="", errors="replace"))

    def _versioned(self, name: str) -> str:
        file = StaticFile.find(name)
        assert file is not None, "the package lacks a static file"
        return self.link(f"/static/{name}?v={file.version}")


def _environment(now: Callable[[], float]) -> Environment:
    environment = Environment(
        loader=PackageLoader("exporter.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "utc": wording.utc,
        "minute": wording.minute,
        "machine_time": wording.machine_time,
        "span": wording.span,
        "number": wording.number,
        "score": wording.score,
        "words": wording.words,
        "detector": wording.detector,
        "inert": wording.inert,
        "middle_cut": wording.middle_cut,
        "gravest_first": gravest_first,
        "ago": lambda time_ns: wording.ago(now() - time_ns / 1e9),
    }
    return environment
