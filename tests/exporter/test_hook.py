"""``sigyn hook``: what it keeps of a payload, and that nothing ever makes it fail, speak or wait."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.intake import build_event_table
from analytics.lost_values import LOST_VALUES
from exporter.hook import ERROR_LOG, MAX_ERROR_LOG_BYTES, World, log_problem, read_payload, run
from exporter.hook_line import Stamp, UnusablePayloadError, native_line
from exporter.hook_options import USEFUL_EVENTS, UsageError, parse_options

NOW_NS = 1_780_000_000_123_000_000
STAMP = Stamp(NOW_NS, "id-1", "mia")


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


# What a line holds


def test_a_tool_result_becomes_a_native_event_line():
    response = {"stdout": "ok", "stderr": ""}
    line = native_line(
        payload(
            "PostToolUse",
            permission_mode="plan",
            effort={"level": "high"},
            tool_name="Bash",
            tool_use_id="t-1",
            tool_input={"command": "make test", "description": "d"},
            tool_response=response,
            duration_ms=41,
        ),
        STAMP,
    )
    digest = line["tool_input"].pop("args_hash")
    assert len(digest) == 16
    assert line == {
        "timestamp": "2026-05-28T20:26:40.123Z",
        "session_id": "s-1",
        "event": "tool_result",
        "success": True,
        "agent": "claude-code",
        "user_id": "mia",
        "project": "/srv/app",
        "event_id": "id-1",
        "permission_mode": "plan",
        "effort": "high",
        "tool_name": "Bash",
        "tool_use_id": "t-1",
        "tool_input": {"command": "make test"},
        "tool_input_chars": len('{"command":"make test","description":"d"}'),
        "tool_output_chars": len('{"stderr":"","stdout":"ok"}'),
        "duration_ms": 41,
    }


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("SessionStart", {"source": "resume"}, {"event": "session_start", "source": "resume"}),
        ("SessionStart", {"model": "m"}, {"event": "session_start", "model": "m"}),
        ("SessionEnd", {"reason": "logout"}, {"event": "session_end", "reason": "logout"}),
        ("UserPromptSubmit", {"prompt": "hello"}, {"event": "user_prompt", "prompt_length": 5}),
        ("UserPromptExpansion", {"command_name": "sc"}, {"event": "user_prompt_expansion", "workflow": "sc"}),
        ("PreToolUse", {"tool_name": "Read"}, {"event": "tool_call", "tool_name": "Read"}),
        (
            "PostToolUseFailure",
            {"error": "Exit code 2\nlong story", "is_interrupt": True},
            {"event": "tool_result", "success": False, "error": "Exit code 2", "failure_kind": "interrupted"},
        ),
        ("PermissionDenied", {"tool_name": "Bash"}, {"event": "tool_decision", "decision": "reject"}),
        ("PermissionRequest", {}, {"event": "notification", "notification_type": "permission_request"}),
        ("Notification", {"notification_type": "idle"}, {"event": "notification", "notification_type": "idle"}),
        ("Stop", {"last_assistant_message": "done"}, {"event": "assistant_message", "message_chars": 4}),
        ("StopFailure", {"error": "rate_limit"}, {"event": "api_error", "error": "rate_limit"}),
        ("SubagentStart", {"agent_type": "Explore"}, {"event": "subagent_start", "persona": "Explore"}),
        ("SubagentStop", {"agent_id": "a"}, {"event": "subagent_stop", "agent_id": "a"}),
        ("PreCompact", {"trigger": "auto"}, {"event": "compaction", "trigger": "auto"}),
        ("TaskCreated", {}, {"event": "task_created"}),
    ],
)  # fmt: skip
def test_each_hook_event_has_its_native_meaning(name, fields, expected):
    line = native_line(payload(name, **fields), STAMP)
    assert {field: line.get(field) for field in expected} == expected


@pytest.mark.parametrize("name", ["hook_event_type", "hookEventName"])
def test_other_names_of_the_identity_are_understood(name):
    line = native_line({"sessionId": "s", name: "Stop"}, STAMP)
    assert (line["session_id"], line["event"]) == ("s", "assistant_message")


@pytest.mark.parametrize("given", [[], 3, None, {}, {"session_id": "s"}, {"session_id": 4, "hook_event_name": "Stop"}])
def test_what_is_no_hook_payload_is_refused(given):
    with pytest.raises(UnusablePayloadError):
        native_line(given, STAMP)


def test_equal_calls_have_equal_hashes_and_others_do_not():
    def digest(arguments):
        return native_line(payload("PreToolUse", tool_input=arguments), STAMP)["tool_input"]["args_hash"]

    first = digest({"file_path": "a", "content": "x"})
    assert first == digest({"content": "x", "file_path": "a"})
    assert len({first, digest({"file_path": "a", "content": "y"}), digest("a"), digest(None)}) == 4


SECRET = "hunter2-do-not-keep"
CONTENTS = {
    name: f"{SECRET} in {name}"
    for name in ("content", "old_string", "new_string", "prompt", "pattern", "query", "description", "edits")
}


@pytest.mark.parametrize("name", [*USEFUL_EVENTS, "PostToolBatch", "PostCompact", "TaskCreated", "MessageDisplay"])
def test_what_was_written_never_leaves_the_process(tmp_path, name):
    given = payload(
        name,
        tool_name="Edit",
        tool_input={"file_path": "/srv/app/a.py", **CONTENTS, "nested": {"command": SECRET}, "path": [SECRET]},
        tool_response={"originalFile": SECRET, "stdout": SECRET},
        tool_calls=[SECRET],
        last_assistant_message=SECRET,
        error=f"Exit code 1\n{SECRET}",
        error_details=SECRET,
        command_args=SECRET,
        custom_instructions=SECRET,
        compact_summary=SECRET,
        message=SECRET,
        title=SECRET,
        session_title=SECRET,
        task_subject=SECRET,
        task_description=SECRET,
        prompt=SECRET,
        transcript_path=SECRET,
    )
    hook(tmp_path, given, "--out", str(tmp_path / "out.jsonl"), "--push", "http://127.0.0.1:1")
    (tmp_path / "stdin").unlink()
    written = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) >= 3, "the line, the spooled line and the failed push"
    assert not any(SECRET in text for text in written)


@pytest.mark.parametrize(("arguments", "environ"), [(["--log-prompts"], {}), ([], {"SIGYN_HOOK_LOG_PROMPTS": "1"})])
def test_prompt_text_is_kept_only_on_request(tmp_path, arguments, environ):
    out = tmp_path / "out.jsonl"
    given = payload("UserPromptSubmit", prompt="fix it")
    hook(tmp_path, given, "--out", str(out))
    hook(tmp_path, given, "--out", str(out), *arguments, **environ)
    assert [line.get("prompt") for line in lines(out)] == [None, "fix it"]


def test_lines_are_accepted_as_native_events(tmp_path):
    out = tmp_path / "out.jsonl"
    for name in USEFUL_EVENTS:
        hook(tmp_path, payload(name, tool_input={"command": "ls"}, agent_type="x"), "--out", str(out), "--user", "mia")
    intake = build_event_table(lines(out), "native")
    assert not intake.dropped
    assert len(intake.table.deduplicated()) == len(USEFUL_EVENTS)
    assert intake.table.categories("user_id") == ["mia"]


# Where it goes


def test_without_options_the_line_goes_to_the_users_state_folder(tmp_path):
    hook(tmp_path, payload("Stop"))
    assert len(lines(tmp_path / ".local/state/sigyn/telemetry/hooks.jsonl")) == 1
    hook(tmp_path, payload("Stop"), XDG_STATE_HOME=str(tmp_path / "xdg"))
    assert len(lines(tmp_path / "xdg/sigyn/telemetry/hooks.jsonl")) == 1


def test_the_environment_names_file_user_and_loki(tmp_path):
    options = parse_options(
        [],
        {"SIGYN_HOOK_FILE": "/a/b.jsonl", "SIGYN_USER": "mia", "SIGYN_LOKI_URL": "http://l", "SIGYN_LOKI_TENANT": "t"},
        tmp_path,
    )
    assert (options.out, options.user, options.loki_url, options.tenant) == (Path("/a/b.jsonl"), "mia", "http://l", "t")
    assert options.spool == Path("/a/b.jsonl.spool")


def test_a_line_that_is_only_pushed_is_written_to_no_file(tmp_path):
    assert parse_options(["--push", "http://l"], {}, tmp_path).out is None


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["--timeout-ms", "soon"], ["--timeout-ms", "0"], ["--out"], ["x"]]
)
def test_wrong_options_are_named(tmp_path, arguments):
    with pytest.raises(UsageError, match=arguments[0]):
        parse_options(arguments, {}, tmp_path)


# Nothing makes it fail


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_bytes=st.binary(max_size=300))
def test_no_bytes_make_it_fail_or_speak(tmp_path, capfd, given_bytes):
    hook(tmp_path, given_bytes, "--out", str(tmp_path / "out.jsonl"))
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / ERROR_LOG).exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "cwd", "effort", "duration_ms", "tool_name", "tool_input", "tool_response", "prompt", "error", "permission_mode",
    "last_assistant_message", "is_interrupt", "agent_type",
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(USEFUL_EVENTS), fields=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_fields_of_any_kind_give_a_line_every_reader_understands(tmp_path, name, fields):
    out = tmp_path / "out.jsonl"
    out.unlink(missing_ok=True)
    given_bytes = json.dumps(payload(name, **fields)).encode()
    hook(tmp_path, given_bytes, "--out", str(out), "--user", "mia")
    assert build_event_table(lines(out), "native").dropped.keys() <= LOST_VALUES
    assert len(lines(out)) == 1


def test_half_of_a_character_pair_does_not_spoil_the_line(tmp_path):
    hook(tmp_path, b'{"session_id":"a\\ud800","hook_event_name":"Stop"}', "--out", str(tmp_path / "o"))
    assert lines(tmp_path / "o")[0]["session_id"] == "a?"


def test_a_folder_that_cannot_be_made_is_reported_and_nothing_more(tmp_path, capfd):
    (tmp_path / "file").write_text("in the way")
    hook(tmp_path, payload("Stop"), "--out", str(tmp_path / "file" / "out.jsonl"))
    hook(tmp_path, payload("Stop"), "--out", str(tmp_path / "file" / "out.jsonl"), "--debug")
    assert capfd.readouterr().out == ""


def test_problems_go_to_standard_error_only_under_debug(tmp_path, capfd):
    hook(tmp_path, b"{", "--out", str(tmp_path / "o"))
    assert capfd.readouterr() == ("", "")
    hook(tmp_path, b"{", "--out", str(tmp_path / "o"), "--debug")
    assert capfd.readouterr().err.endswith("the hook payload is no JSON\n")
    assert len((tmp_path / ERROR_LOG).read_text().splitlines()) == 1


def test_the_error_log_is_bounded(tmp_path):
    log = tmp_path / ERROR_LOG
    log.write_bytes(b"x" * (MAX_ERROR_LOG_BYTES + 1))
    log_problem(log, "new\n")
    assert log.read_text() == "new\n"


def test_a_payload_too_large_is_refused_before_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.hook.MAX_PAYLOAD_BYTES", 100)
    (tmp_path / "large").write_bytes(b"x" * 101)
    descriptor = os.open(tmp_path / "large", os.O_RDONLY)
    with pytest.raises(UnusablePayloadError, match="larger than 100"):
        read_payload(descriptor)
    os.close(descriptor)


def test_a_push_leaves_time_to_spool_and_the_watchdog_is_armed_first(tmp_path, monkeypatch):
    calls: list[tuple[str, float]] = []
    monkeypatch.setattr(
        "exporter.hook.push_or_spool", lambda push, *_rest: calls.append(("push", round(push.timeout, 3)))
    )
    source = tmp_path / "stdin"
    source.write_bytes(orjson.dumps(payload("Stop")))
    descriptor = os.open(source, os.O_RDONLY)
    world = World(
        {}, tmp_path, descriptor, NOW_NS,
        left=lambda timeout: timeout - 0.05,
        arm=lambda timeout: calls.append(("arm", timeout)),
    )  # fmt: skip
    run(["--push", "http://127.0.0.1:1"], world)
    os.close(descriptor)
    assert calls == [("arm", 0.15), ("push", 0.07)]


# The process


def start(*arguments: str, home: Path, **keywords: object) -> subprocess.Popen[bytes]:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "exporter", "hook", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, **keywords
    )


def finish(process: subprocess.Popen[bytes], given: bytes | None = None) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(given, timeout=30)
    return process.returncode, out, err


def test_the_command_works_quietly_and_for_its_user_only(tmp_path):
    assert finish(start(home=tmp_path), orjson.dumps(payload("Stop"))) == (0, b"", b"")
    file = tmp_path / ".local/state/sigyn/telemetry/hooks.jsonl"
    assert len(lines(file)) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".local").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["--timeout-ms", "x"], ["--out", "/dev/full"], ["--out", "/proc/x/y"]]
)
def test_the_command_ends_well_however_it_is_called(tmp_path, arguments):
    assert finish(start(*arguments, home=tmp_path), orjson.dumps(payload("Stop"))) == (0, b"", b"")
    assert finish(start(*arguments, home=tmp_path), b"{") == (0, b"", b"")


def test_the_command_ends_well_with_every_descriptor_closed(tmp_path):
    command = f'exec "{sys.executable}" -m exporter hook <&- >&- 2>&-'
    ended = subprocess.run(["/bin/sh", "-c", command], env={"HOME": str(tmp_path)}, timeout=30, check=False)
    assert ended.returncode == 0


def test_a_payload_that_never_ends_does_not_hold_the_agent(tmp_path):
    process = start(home=tmp_path)
    process.stdin.write(b"{")
    process.stdin.flush()
    assert process.wait(timeout=10) == 0, "without the watchdog it would wait for ever"
    process.communicate()


def test_a_loki_that_hangs_costs_the_time_out_and_no_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start("--push", url, home=tmp_path)
        began = time.monotonic()
        assert finish(process, orjson.dumps(payload("Stop"))) == (0, b"", b"")
        assert time.monotonic() - began < 3, "fifteen times the promise: the machine may be busy"
    spooled = list((tmp_path / ".local/state/sigyn/telemetry/hooks.jsonl.spool").iterdir())
    assert len(spooled) == 1


WATCHDOG = """
import _thread, signal, sys, time
from exporter import hook
def refuse(*_): raise RuntimeError("no thread to be had")
if sys.argv[1] == "thread": signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
if sys.argv[1] == "signal": _thread.start_new_thread = refuse
hook.arm_watchdog(0.05)
time.sleep(30)
sys.exit(7)
"""


@pytest.mark.parametrize("means", ["both", "thread", "signal"])
def test_the_watchdog_ends_the_process_by_thread_or_by_signal(means):
    ended = subprocess.run([sys.executable, "-c", WATCHDOG, means], timeout=20, check=False)
    assert ended.returncode == 0


def test_many_hooks_at_once_lose_no_line_and_tear_none(tmp_path):
    out = tmp_path / "new" / "out.jsonl"
    given = orjson.dumps(payload("PreToolUse", tool_input={"command": "x" * 8000}))
    for _ in range(5):
        running = [start("--out", str(out), "--timeout-ms", "20000", home=tmp_path) for _ in range(10)]
        for process in running:
            process.stdin.write(given)
            process.stdin.close()
        for process in running:
            assert process.wait(timeout=30) == 0
            process.stdout.close()
            process.stderr.close()
    assert len({line["event_id"] for line in lines(out)}) == 50


def test_the_help_shows_how_to_register_every_useful_event(tmp_path):
    status, out, _ = finish(start("--help", home=tmp_path))
    assert status == 0
    text = out.decode()
    snippet = json.loads(text[text.index("\n{") : text.rindex("\n}") + 2])
    assert tuple(snippet["hooks"]) == USEFUL_EVENTS
    assert "--log-prompts" in text


def test_the_hook_loads_nothing_beyond_the_standard_library():
    script = "import sys; from exporter import hook; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()
    ours = {name for name in loaded if name.partition(".")[0] in ("analytics", "exporter")}
    assert ours == {"analytics", "analytics.long_text", "exporter"} | {
        f"exporter.{name}" for name in ("hook", "hook_line", "hook_delivery", "hook_options")
    }
    assert {name.partition(".")[0] for name in loaded} - ours <= sys.stdlib_module_names | {"__main__"}
