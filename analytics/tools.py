"""What kind of tool a name stands for, across agents that name the same thing differently."""

from __future__ import annotations

import re
from typing import Final

CATEGORIES: Final = ("read", "write", "search", "shell", "web", "agent", "plan", "mcp", "other")

_BY_NAME: Final = {
    **dict.fromkeys(
        ("read", "read_file", "read_many_files", "notebookread", "view", "view_image", "open_file", "cat"),
        "read",
    ),
    **dict.fromkeys(
        (
            "write",
            "edit",
            "multiedit",
            "notebookedit",
            "write_file",
            "replace",
            "apply_patch",
            "create",
            "str_replace",
            "str_replace_editor",
            "str_replace_based_edit_tool",
            "create_file",
            "edit_file",
        ),
        "write",
    ),
    **dict.fromkeys(
        (
            "grep",
            "glob",
            "ls",
            "list_directory",
            "search_file_content",
            "rg",
            "search",
            "toolsearch",
            "list_dir",
        ),
        "search",
    ),
    **dict.fromkeys(
        (
            "bash",
            "shell",
            "exec_command",
            "exec",
            "local_shell",
            "write_stdin",
            "run_shell_command",
            "bashoutput",
            "killshell",
            "kill_shell",
            "read_bash",
            "write_bash",
            "stop_bash",
            "powershell",
            "run_terminal_cmd",
        ),
        "shell",
    ),
    **dict.fromkeys(
        ("webfetch", "websearch", "web_fetch", "web_search", "google_web_search", "fetch", "browser"), "web"
    ),
    **dict.fromkeys(
        ("task", "agent", "spawn_agent", "subagent", "taskoutput", "agentoutputtool", "wait", "send_input"),
        "agent",
    ),
    **dict.fromkeys(
        (
            "todowrite",
            "todoread",
            "taskcreate",
            "taskupdate",
            "tasklist",
            "taskget",
            "taskstop",
            "update_plan",
            "exitplanmode",
            "enterplanmode",
            "askuserquestion",
            "skill",
            "slashcommand",
            "report_intent",
            "write_todos",
            "save_memory",
            "update_todo",
            "ask_user",
        ),
        "plan",
    ),
}
_WORDS: Final = (
    ("shell", re.compile(r"(^|_)(bash|shell|exec|terminal|command|run)(_|$)")),
    ("web", re.compile(r"(^|_)(web|webpage|url|http|browse|internet)(_|$)")),
    ("search", re.compile(r"(^|_)(search|find|list|grep|glob|query)(_|$)")),
    ("read", re.compile(r"(^|_)(read|get|lookup|view|fetch|load|show|check)(_|$)")),
    (
        "write",
        re.compile(
            r"(^|_)(write|edit|create|update|delete|remove|send|post|add|set|cancel|book|modify|transfer"
            r"|schedule|share|invite|append|replace|exchange|return|reserve)(_|$)"
        ),
    ),
)


def tool_category(name: str) -> str:
    """The category of a tool name: a known tool, an MCP tool, or a guess from the verb in the name."""
    lowered = name.lower()
    if lowered in _BY_NAME:
        return _BY_NAME[lowered]
    if lowered.startswith("mcp__") or lowered in ("mcp_tool", "mcp"):
        return "mcp"
    for category, words in _WORDS:
        if words.search(lowered):
            return category
    return "other"
