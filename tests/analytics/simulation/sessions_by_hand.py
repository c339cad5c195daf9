"""Small sessions written by hand, one for each manner in which real telemetry comes."""

import copy

START = "2026-03-02T09:00:"
SHELL_INPUT = {"command": "make check"}


def _session(base, tools, *, calls=True, requests=True, ids=True, inputs=True):
    """Three prompts with four tool uses each, five seconds apart."""
    records, number = [], 0

    def add(event, **fields):
        nonlocal number
        minute, second = divmod(number * 5, 60)
        stamp = f"2026-03-02T09:{minute:02d}:{second:02d}.250Z"
        records.append({"timestamp": stamp, "event": event, "sequence": number, **base, **fields})
        number += 1

    add("session_start")
    for prompt in range(3):
        add("user_prompt", prompt_length=40 + prompt)
        for use in range(4):
            name, tool_input = tools[use % len(tools)]
            common = {"tool_name": name, "tool_input_chars": 60}
            if ids:
                common["tool_use_id"] = f"use_{prompt}{use}"
            details = {"tool_input": copy.deepcopy(tool_input)} if inputs else {}
            if calls:
                add("tool_call", **common, **details)
                details = {}
            if requests:
                add("api_request", success=True, duration_ms=900, input_tokens=5, output_tokens=50,
                    cache_read_tokens=20_000, cache_creation_tokens=300)  # fmt: skip
            add("tool_result", **common, **details, success=True, duration_ms=40, tool_output_chars=300)
        add("assistant_message", message_chars=120)
    return records


CLAUDE = {
    "session_id": "by-hand", "agent": "claude-code", "agent_version": "2.1.257", "model": "claude-opus-4-5",
    "user_id": "ana", "project": "/home/ana/shop-api",
}  # fmt: skip
CLAUDE_TOOLS = (
    ("Read", {"file_path": "/home/ana/shop-api/app/cart.py"}),
    ("Edit", {"file_path": "/home/ana/shop-api/app/cart.py", "old_string": "a", "new_string": "b"}),
    ("Bash", SHELL_INPUT),
    ("WebFetch", {"url": "https://docs.python.org/3/", "prompt": "Summarise"}),
)
CODEX_TOOLS = (("exec_command", {"cmd": "rg cart"}), ("apply_patch", {"file_path": "a.go", "patch": "+b"}))
REDUCED_TOOLS = (
    ("Read", {"file_path": "./a/b/f_12ab34cd.go", "args_hash": "11112222"}),
    ("Bash", {"command": "git status", "args_hash": "33334444"}),
)

BY_HAND = {
    "claude": _session(CLAUDE, CLAUDE_TOOLS),
    "claude without details": _session(CLAUDE, CLAUDE_TOOLS, inputs=False),
    "codex": _session({**CLAUDE, "agent": "codex", "model": "gpt-5.5"}, CODEX_TOOLS),
    "reduced": _session({**CLAUDE, "project": "p-1"}, REDUCED_TOOLS),
    "results only": _session(CLAUDE, CLAUDE_TOOLS, calls=False),
    "unknown agent": _session(
        {"session_id": "by-hand", "agent": "travel-desk"}, (("find_flight", {"city": "Oslo"}),),
        requests=False, ids=False,
    ),
}  # fmt: skip
TAKEOVERS = ("wrong_user",)
