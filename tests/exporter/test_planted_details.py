"""What people and models write is looked at and dropped: planted in every field, it is nowhere after a whole run."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from exporter.announcements import SERVICE_NAME
from tests.exporter.kept_bytes import holders
from tests.exporter.running import Clock, exporter_of, team, write_config, write_lines
from tests.exporter.test_service import client_of
from tests.loki_standin import running_standin

WORDS = ("prompt", "argument", "folder", "file", "host", "query", "output", "error", "message", "attribute", "heredoc")
PLANTED = {word: f"zqx7{word}secret" for word in WORDS}
"""Unique text by the field it stands in."""
COMMAND = (
    "curl -s https://{host}.example/{query}?token={query} -d {argument} /{folder}/{file} && "
    "cat <<'EOT' > ~/{folder}/{file}\n{heredoc} and\n{heredoc}\nEOT\n"
    "git commit -m 'First\n{message}; {message} | {message}\n' # {message}; {message}\n{argument}=x ls"
).format(**PLANTED)
PATH = "/{folder}/{file}.pem".format(**PLANTED)
URL = "https://user:{argument}@{host}.example/{query}".format(**PLANTED)
ERROR = "cat: /{folder}/{file}: {error} went wrong".format(**PLANTED)


def native_session(begun):
    who = {"session_id": "native", "user_id": "ana", "agent": "claude-code", "project": "/srv/shop"}
    given = [
        {"command": COMMAND, "description": PLANTED["message"]},
        {"file_path": PATH, "content": PLANTED["output"], "old_string": PLANTED["argument"]},
        {"url": URL, "prompt": PLANTED["prompt"]},
        {"query": PLANTED["query"]},
        PLANTED["argument"],
    ]
    tools = ("Bash", "Write", "WebFetch", "WebSearch", "mcp__x__y")
    records = [{"event": "user_prompt", "prompt": f"please {PLANTED['prompt']} now", "prompt_length": 30}]
    for number, (tool, one) in enumerate(zip(tools * 3, given * 3, strict=True)):
        use = {"tool_name": tool, "tool_use_id": f"toolu_{number}", "tool_input": one}
        records.append({"event": "tool_call", **use})
        outcome = {"success": False, "error": ERROR} if number % 2 else {"success": True}
        records.append({"event": "tool_result", **use, **outcome, "tool_response": PLANTED["output"]})
    records.append(
        {"event": "api_error", "error": f"{PLANTED['error']} (request 7)", "attributes": PLANTED["attribute"]}
    )
    records.append(
        {"event": "assistant_message", "message": PLANTED["message"], "unknown": {"x": PLANTED["attribute"]}}
    )
    return [{"timestamp": begun + 5.0 * n, **who, **one} for n, one in enumerate(records)]


def hook_session(begun):
    """As Claude Code's own hooks write it, line by line."""
    common = {"session_id": "hooks", "cwd": "/srv/shop", "timestamp": begun, "user_id": "ana"}
    use = {"tool_name": "Bash", "tool_input": {"command": COMMAND}}
    return [
        {**common, "hook_event_name": "UserPromptSubmit", "prompt": PLANTED["prompt"]},
        {**common, "hook_event_name": "PreToolUse", **use},
        {**common, "hook_event_name": "PostToolUse", **use, "tool_response": {"stdout": PLANTED["output"]}},
        {**common, "hook_event_name": "PostToolUseFailure", **use, "error": ERROR},
        {**common, "hook_event_name": "Stop", "last_assistant_message": PLANTED["message"]},
    ]


def transcript_session(begun):
    """As Claude Code's transcripts have it."""
    moment = datetime.fromtimestamp(begun, UTC).isoformat().replace("+00:00", "Z")
    stamp = {"timestamp": moment, "sessionId": "transcript"}
    base = {**stamp, "cwd": "/srv/shop", "version": "2.0.0"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": COMMAND}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": ERROR, "is_error": True}
    said = {"type": "text", "text": PLANTED["message"]}
    return [
        {**base, "type": "user", "uuid": "u1", "message": {"role": "user", "content": PLANTED["prompt"]}},
        {
            **base,
            "type": "assistant",
            "uuid": "u2",
            "message": {"role": "assistant", "id": "m", "content": [said, call]},
        },
        {**base, "type": "user", "uuid": "u3", "message": {"role": "user", "content": [result]}},
    ]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def telemetry(tmp_path, clock):
    folder = tmp_path / "telemetry"
    write_lines(folder / "team.jsonl", team(35, clock.now))
    for make in (native_session, hook_session, transcript_session):
        write_lines(folder / f"{make.__name__}.jsonl", make(clock.now - 1800))
    return folder


def found_in(text):
    return sorted(word for word, planted in PLANTED.items() if planted in text.lower())


@pytest.mark.usefixtures("telemetry")
def test_nothing_planted_is_in_state_log_metrics_pages_or_lines_for_loki(tmp_path, clock, caplog):
    caplog.set_level(logging.DEBUG)
    with running_standin(int(clock.now * 1e9)) as loki:
        sections = {"announcements": {"loki_url": loki.url}}
        with exporter_of(tmp_path, clock, **sections) as exporter, client_of(exporter) as client:
            exporter.herald.open(exporter.config)
            exporter.cycle()
            assert exporter.training()
            exporter.cycle()
            sessions = ("native", "hooks", "transcript")
            assert exporter.world.verdicts.keys() >= set(sessions)
            paths = [f"{prefix}/{name}" for prefix in ("/sessions", "/api/v1/sessions") for name in sessions]
            pages = {path: client.get(path) for path in ("/metrics", "/", "/api/v1/sessions", *paths)}
            assert {page.status_code for page in pages.values()} == {200}
            during = holders(tmp_path / "state", *PLANTED.values())
            assert exporter.world.verdicts["native"].findings  # rules have seen what is not kept
        pushed = json.dumps([(entry.line, entry.metadata) for entry in lines_of(loki)])
    assert "native" in pushed
    assert {path: found for path, page in pages.items() if (found := found_in(page.text))} == {}
    assert found_in(pushed) == []
    assert found_in(caplog.text) == []
    assert during == {}
    assert holders(tmp_path / "state", *PLANTED.values()) == {}


def lines_of(loki):
    return [entry for entry in loki.store().entries if entry.labels.get("service_name") == SERVICE_NAME]


@pytest.mark.parametrize("output_format", ["jsonl", "csv", "table"])
def test_nothing_planted_is_in_scored_lines_or_what_stays_of_them(sigyn, tmp_path, telemetry, output_format):
    given = ("--input", telemetry, "--state", tmp_path / "own", "--config", write_config(tmp_path))
    ended = sigyn("score", *given, "--format", output_format)
    assert ended.status == 0, ended.err
    assert "native" in ended.out
    explained = sigyn("explain", "native", "--state", tmp_path / "own")
    assert explained.status == 0
    assert found_in(ended.out + ended.err + explained.out + explained.err) == []
    assert holders(tmp_path / "own", *PLANTED.values()) == {}


def test_what_is_planted_is_in_the_telemetry(telemetry):
    text = "".join(path.read_text() for path in telemetry.iterdir())
    assert found_in(text) == sorted(PLANTED)
