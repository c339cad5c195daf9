"""An exporter of which a test decides what it exposes, and whether it is there at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def exposition(risks: Mapping[str, float], reasons: Mapping[str, tuple[str, ...]], now: float) -> str:
    """What a healthy exporter exposes whose sessions have these risks; the last cycle succeeded at ``now``."""
    lines = [
        f'sigyn_session_risk_score{{session_id="{session}",agent="claude-code",user_id="ada",project="shop"}} {risk}'
        for session, risk in risks.items()
    ]
    lines += [
        f'sigyn_session_reason_info{{session_id="{session}",rank="{rank}",reason="{reason}"}} 1'
        for session, given in reasons.items()
        for rank, reason in enumerate(given, start=1)
    ]
    risky = sum(risk >= 0.7 for risk in risks.values())
    lines += [
        f'sigyn_sessions{{level="low"}} {len(risks) - risky}',
        f'sigyn_sessions{{level="high"}} {risky}',
        "sigyn_cycle_interval_seconds 60",
        f"sigyn_last_success_timestamp_seconds {now}",
        f'sigyn_model_trained_timestamp_seconds{{analysis="risk"}} {now}',
        "sigyn_config_last_reload_successful 1",
        'sigyn_source_up{source="loki"} 1',
    ]
    return "\n".join(lines) + "\n"


class SwitchableExporter:
    """Serves ``text`` on every path at one address, between ``start`` and ``stop``, as often as they are called."""

    def __init__(self) -> None:
        self.text = ""
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
