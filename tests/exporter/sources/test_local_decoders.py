"""The local source with the project's own decoders: each format of local file becomes events."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from exporter.sources.local import LocalSource

REAL_SESSIONS = Path(__file__).resolve().parents[4] / "shared" / "data" / "real-sessions"

NATIVE = {"timestamp": "2026-05-01T10:00:00Z", "session_id": "native", "event": "tool_result", "success": True}
HOOK = {
    "ts": "2026-05-01T10:00:01Z",
    "session_id": "hook",
    "hook_event_name": "PostToolUse",
    "tool_name": "Bash",
    "tool_use_id": "t-1",
    "tool_input": {"command": "make test"},
    "tool_response": {"stdout": "ok"},
}
TRANSCRIPT = (
    {"type": "summary", "summary": "what it was about", "leafUuid": "u-0"},
    {
        "type": "user",
        "uuid": "u-1",
        "parentUuid": None,
        "sessionId": "transcript",
        "timestamp": "2026-05-01T10:00:02.000Z",
        "cwd": "/srv/app",
        "version": "2.1.0",
        "userType": "external",
        "isSidechain": False,
        "message": {"role": "user", "content": "please test"},
    },
)


def _write(file: Path, *records: object) -> None:
    file.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))


def test_files_of_each_format_become_events_of_their_sessions(tmp_path):
    _write(tmp_path / "a.jsonl", NATIVE)
    _write(tmp_path / "b.jsonl", *TRANSCRIPT)
    (tmp_path / "c.json").write_bytes(orjson.dumps([HOOK]))
    (batch,) = LocalSource([tmp_path], must_exist=True, is_final=True).read({}, 0)
    found = dict(zip(batch.table.frame["session_id"], batch.table.frame["event"], strict=True))
    assert found == {"native": "tool_result", "transcript": "user_prompt", "hook": "tool_result"}


@pytest.mark.skipif(not REAL_SESSIONS.is_dir(), reason="needs the recorded sessions in ../shared/data/real-sessions")
def test_recorded_sessions_are_read_whole_and_once():
    source = LocalSource([REAL_SESSIONS], must_exist=True, is_final=True)
    batches = list(source.read({}, 0))
    assert sum(len(batch.table) for batch in batches) == 106_309, "as many as its README counts"
    assert not any(batch.dropped for batch in batches)
    assert len({name for batch in batches for name in batch.table.categories("session_id")}) == 535
