"""Where a hook's line goes: a file, Loki, and the spool, with many hooks at once and Loki in any mood."""

from __future__ import annotations

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import orjson
import pytest

from exporter.hook import ERROR_LOG, World, run
from exporter.hook_delivery import (
    CLAIM_SECONDS,
    MAX_SHIPPED,
    LokiPush,
    LokiRefusalError,
    Spool,
    append_line,
    push_or_spool,
)

NOW_NS = 1_780_000_000_123_000_000


def payload(name: str, **fields: object) -> dict[str, object]:
    return {"session_id": "s-1", "hook_event_name": name, "cwd": "/srv/app", **fields}


def hook(home: Path, given: bytes | dict[str, object], *arguments: str, now_ns: int = NOW_NS, **environ: str) -> None:
    """Run the hook in this process, on a payload in a file."""
    source = home / "stdin"
    source.write_bytes(given if isinstance(given, bytes) else orjson.dumps(given))
    descriptor = os.open(source, os.O_RDONLY)
    try:
        run(
            arguments,
            World(environ, home, descriptor, now_ns, left=lambda timeout: timeout, arm=lambda _timeout: None),
        )
    finally:
        os.close(descriptor)


def lines(file: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


class FakeLoki(HTTPServer):
    """Takes pushes and answers with a status, or never."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeLokiHandler)
        self.status = 204
        self.pushes: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def event_ids(self) -> list[str]:
        values = [value for push in self.pushes for stream in push["streams"] for value in stream["values"]]
        return [json.loads(value[1])["event_id"] for value in values]


class FakeLokiHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.headers.append(dict(self.headers))
            self.server.paths.append(self.path)
            if self.server.status < 300:
                self.server.pushes.append(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        """Says nothing."""


@pytest.fixture
def loki():
    with FakeLoki() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_push_has_lokis_form_tenant_and_login(tmp_path, loki):
    url = loki.url.replace("http://", "http://mia:pa%40ss@")
    hook(tmp_path, payload("Stop"), "--push", url, "--tenant", "team-a")
    (push,) = loki.pushes
    (stream,) = push["streams"]
    assert stream["stream"] == {"service_name": "claude-code-hooks"}
    ((moment, line, metadata),) = stream["values"]
    assert (moment, metadata) == (str(NOW_NS), {"session_id": "s-1"})
    assert json.loads(line)["event"] == "assistant_message"
    assert loki.paths == ["/loki/api/v1/push"]
    assert loki.headers[0]["X-Scope-OrgID"] == "team-a"
    assert loki.headers[0]["Authorization"] == "Basic bWlhOnBhQHNz"
    assert not list((tmp_path / ".local/state/sigyn/telemetry/hooks.jsonl.spool").iterdir())


def test_a_pushed_and_appended_line_is_one_event(tmp_path, loki):
    hook(tmp_path, payload("Stop"), "--push", loki.url, "--out", str(tmp_path / "out.jsonl"))
    assert loki.event_ids == [line["event_id"] for line in lines(tmp_path / "out.jsonl")]


def test_lines_that_loki_did_not_take_are_shipped_by_the_next_hook(tmp_path, loki):
    loki.status = 503
    for second in range(3):
        hook(tmp_path, payload("Stop", tool_name=f"n{second}"), "--push", loki.url, now_ns=NOW_NS + second)
    spool = tmp_path / ".local/state/sigyn/telemetry/hooks.jsonl.spool"
    waiting = [file.name.rpartition("-")[2] for file in sorted(spool.iterdir())]
    assert len(waiting) == 3
    loki.status = 204
    hook(tmp_path, payload("Stop"), "--push", loki.url, now_ns=NOW_NS + 9)
    late, fresh = loki.pushes[0]["streams"]
    assert late["stream"] == {
        "service_name": "claude-code-hooks",
        "delivery": "late",
        "host": socket.gethostname(),
    }
    assert [json.loads(value[1])["event_id"] for value in late["values"]] == waiting
    assert len(fresh["values"]) == 1
    assert not list(spool.iterdir())


def test_a_line_that_never_reached_loki_is_free_for_the_next_hook(tmp_path, loki):
    unreachable = LokiPush("http://127.0.0.1:1", None, timeout=20)
    with pytest.raises(OSError, match="refused"):
        push_or_spool(unreachable, Spool(tmp_path, NOW_NS), "first", entry("first"))
    push_or_spool(LokiPush(loki.url, None, timeout=20), Spool(tmp_path, NOW_NS), "second", entry("second"))
    assert loki.event_ids == ["first", "second"]


def test_a_line_that_loki_will_never_take_is_given_up_and_reported(tmp_path, loki):
    loki.status = 400
    hook(tmp_path, payload("Stop"), "--push", loki.url.replace("//", "//mia:password@"))
    folder = tmp_path / ".local/state/sigyn/telemetry"
    assert not list((folder / "hooks.jsonl.spool").iterdir())
    report = (folder / ERROR_LOG).read_text()
    assert f"{loki.url}: Loki answered 400" in report
    assert "password" not in report


def entry(name: str) -> list[object]:
    return [str(NOW_NS), json.dumps({"event_id": name}), {"session_id": "s"}]


def test_hooks_that_run_at_once_ship_each_spooled_line_once(tmp_path, loki):
    spooled = [f"spooled{number}" for number in range(60)]
    spool = Spool(tmp_path / "spool", NOW_NS)
    spool.release([spool.add_claimed(name, entry(name)) for name in spooled])
    own = [f"own{number}" for number in range(12)]
    push = LokiPush(loki.url, None, timeout=20)
    threads = [
        threading.Thread(target=push_or_spool, args=(push, Spool(tmp_path / "spool", NOW_NS), name, entry(name)))
        for name in own
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(loki.event_ids) == sorted(spooled + own)
    assert not list((tmp_path / "spool").iterdir())


def test_a_hook_ships_a_bounded_number_of_lines_oldest_first(tmp_path, loki):
    for number in range(MAX_SHIPPED + 5):
        spool = Spool(tmp_path, NOW_NS + number)
        spool.release([spool.add_claimed(f"n{number}", entry(f"n{number}"))])
    push_or_spool(LokiPush(loki.url, None, 20), Spool(tmp_path, NOW_NS + 10**6), "own", entry("own"))
    assert loki.event_ids == [f"n{number}" for number in range(MAX_SHIPPED)] + ["own"]
    assert len(list(tmp_path.iterdir())) == 5


def test_a_claim_left_by_a_process_that_was_ended_is_taken_over_later(tmp_path):
    Spool(tmp_path, NOW_NS).add_claimed("left", entry("left"))
    assert Spool(tmp_path, NOW_NS + CLAIM_SECONDS * 10**9).claim() == {}
    later = Spool(tmp_path, NOW_NS + CLAIM_SECONDS * 10**9 + 1)
    assert list(later.claim().values()) == [entry("left")]
    assert later.claim() == {}


def test_a_torn_spooled_line_is_removed(tmp_path):
    (tmp_path / "00000000000000000001-a").write_bytes(b'["1", "{')
    assert Spool(tmp_path, NOW_NS).claim() == {}
    assert not list(tmp_path.iterdir())


def test_a_full_spool_takes_no_more_but_lines_are_still_pushed(tmp_path, loki, monkeypatch):
    monkeypatch.setattr("exporter.hook_delivery.MAX_SPOOLED", 0)
    with pytest.raises(OSError, match="holds 0 lines"):
        push_or_spool(LokiPush(loki.url, None, 20), Spool(tmp_path, NOW_NS), "own", entry("own"))
    assert loki.event_ids == ["own"]


def test_lokis_refusal_says_whether_a_second_try_can_help():
    assert [status for status in (400, 401, 404, 413, 429, 500) if LokiRefusalError("u", status).is_final] == [400, 413]


def test_a_torn_write_does_not_swallow_the_next_line(tmp_path, monkeypatch):
    out = tmp_path / "out.jsonl"
    write = os.write
    with monkeypatch.context() as context:
        context.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
        with pytest.raises(OSError, match="5 of 10 bytes"):
            append_line(out, b"123456789")
    append_line(out, b"whole")
    assert out.read_bytes().splitlines()[-1] == b"whole"
