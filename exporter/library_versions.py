"""The versions of what a fitted model depends on: libraries, and our own code that fits and judges."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata as packages
from pathlib import Path
from typing import Final

import analytics

CODE: Final = "analytics"
"""The package whose classes a pickled model consists of; its version is a digest of its code."""
LIBRARIES: Final = ("python", "numpy", "scikit-learn", "sigyn", CODE)
"""What a pickled model depends on."""


def installed_version(library: str) -> str | None:
    """Version of a library, of ``python``, or of our own ``CODE``; None when it is not installed."""
    if library == "python":
        return platform.python_version()
    if library == CODE:
        return _code_digest()
    try:
        return packages.version(library)
    except (packages.PackageNotFoundError, ValueError):  # the latter for a name that none can have
        return None


@cache
def _code_digest() -> str:
    """Digest of the code that fits and judges: a model of other code may lack what this code looks for."""
    folder = Path(analytics.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def library_versions() -> dict[str, str]:
    """The versions of ``LIBRARIES`` in use."""
    return {name: installed_version(name) or "" for name in LIBRARIES}
