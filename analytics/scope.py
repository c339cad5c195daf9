"""Whether a path lies outside the folder a session works in."""

from __future__ import annotations

import posixpath
import re
from typing import Final

_FOREIGN: Final = re.compile(r"^(/etc|/usr|/bin|/sbin|/lib|/boot|/dev|/proc|/sys|/root|/var|/opt|/tmp|~)(/|$)")
_WINDOWS: Final = re.compile(r"^[A-Za-z]:[\\/]")


def is_outside(path: str, project: str | None) -> bool | None:
    """True when ``path`` leaves ``project``, False when it stays, None when nobody can tell.

    A relative path is inside unless it climbs out. An absolute path is compared with the project where that is a
    path itself; with a mere name for a project, only system folders, the home folder and /tmp count as outside.
    """
    if not path:
        return None
    path = path.replace("\\", "/")
    windows = bool(_WINDOWS.match(path))
    if not (path.startswith(("/", "~")) or windows):
        return posixpath.normpath(path).startswith("..")
    if project and (project.startswith(("/", "~")) or _WINDOWS.match(project)):
        root = posixpath.normpath(project.replace("\\", "/"))
        inside = posixpath.normpath(path)
        if windows:
            root, inside = root.lower(), inside.lower()
        return not (inside == root or inside.startswith(root.rstrip("/") + "/"))
    return True if _FOREIGN.match(path) else None
