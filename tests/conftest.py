"""What every test gets: a clean environment, and names for what may be absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SIGYN_ variable of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith("SIGYN_") and name != "SIGYN_SLOW":
            monkeypatch.delenv(name)


@pytest.fixture
def shared_data() -> Path:
    """Folder of recorded sessions that is not part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the recorded sessions in ../shared/data, which are not part of the project")
    return SHARED / "data"
