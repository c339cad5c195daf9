"""An HTTP server that keeps the JSON bodies posted to it, for a test to wait for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Received:
    """What came so far, in order; ``url`` is where to post."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._bodies: list[Any] = []
        self._arrival = threading.Condition()

    def add(self, body: Any) -> None:
        with self._arrival:
            self._bodies.append(body)
            self._arrival.notify_all()

    def bodies(self) -> list[Any]:
        with self._arrival:
            return list(self._bodies)

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert of every notification so far, in order."""
        return [alert for body in self.bodies() for alert in body["alerts"]]

    def alert(self, name: str, status: str, seconds: float, session: str | None = None) -> dict[str, Any]:
        """The first alert so named, of that session if one is given, waiting for it if need be."""

        def found(bodies: list[Any]) -> dict[str, Any] | None:
            alerts = (alert for body in bodies for alert in body["alerts"])
            return next((one for one in alerts if is_wanted(one)), None)

        def is_wanted(alert: dict[str, Any]) -> bool:
            labels = alert["labels"]
            is_named = (labels["alertname"], alert["status"]) == (name, status)
            return is_named and session in {None, labels.get("session_id")}

        return self.wait_for(found, seconds, f"{name} {status}")

    def wait_for(self, wanted: Callable[[list[Any]], Any], seconds: float, what: str) -> Any:
        """What ``wanted`` makes of the bodies as soon as that is true; fails after so many seconds."""
        with self._arrival:
            found = self._arrival.wait_for(lambda: wanted(self._bodies), timeout=seconds)
            assert found, f"no {what} within {seconds} s; came: {self._bodies}"
            return found


@contextmanager
def receiving() -> Iterator[Received]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            received.add(json.loads(body))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Received(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
