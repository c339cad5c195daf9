"""Claude Code's hook events: their names, and the native events they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from exporter import hook_line

HOOK_EVENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    **hook_line.HOOK_EVENTS,
    **{
        name: {"event": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()}
        for name in (
            "PostCompact", "UserPromptExpansion", "PostToolBatch", "TaskCreated", "TaskCompleted", "Setup",
            "InstructionsLoaded", "MessageDisplay", "TeammateIdle", "ConfigChange", "CwdChanged", "DirectoryAdded",
            "FileChanged", "WorktreeCreate", "WorktreeRemove", "Elicitation", "ElicitationResult",
        )
    },
}  # fmt: skip
"""The fields that follow from a hook event's name. The later ones keep their name: a compaction, for one, counts
when it begins and not again when it ends."""

_BY_LETTERS: Final = {name.lower(): fields for name, fields in HOOK_EVENTS.items()}


def hook_fields(name: str) -> Mapping[str, Any]:
    """The fields of a hook event by its name, also when a logger wrote it as ``pre_tool_use`` or ``pre-tool-use``."""
    fields = HOOK_EVENTS.get(name) or _BY_LETTERS.get(name.replace("_", "").replace("-", "").lower())
    return fields or {"event": name}
