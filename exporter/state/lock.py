"""The lock that keeps a second process away from a state folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from exporter.state.errors import StateLocked, StateUnwritable

LOCK_NAME: Final = "state.lock"


class FolderLock:
    """An exclusive lock on a folder, held from construction to ``release``.

    The operating system drops it with the process, however that ends, so that no stale lock is ever left; the file
    stays and means nothing by itself.

    Raises:
        StateLocked: someone else holds it.
        StateUnwritable: the lock file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateUnwritable(f"{path} cannot be written ({error.strerror}): check the folder") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StateLocked(
                f"{directory} is in use by another Sigyn process: stop it or use another --state"
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise StateUnwritable(
                f"{path} cannot be locked ({error.strerror}): use a folder on a local disk"
            ) from error

    def release(self) -> None:
        """Give the lock back; once."""
        os.close(self._descriptor)
