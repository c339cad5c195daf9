"""A job in a process of its own: ``python -m benchmarks.child MODULE:FUNCTION ARGUMENTS`` (JSON in, JSON out).

The job's modules are all the process imports, so its peak memory is that of the work.
"""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Job = Callable[..., Any]

_STATUS: Final = Path("/proc/self/status")


class ChildError(Exception):
    """A job failed; the message names it and how it ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job answered, and the most memory its process held, in bytes."""

    answer: Any
    peak_bytes: int


def in_child(job: Job, *arguments: Any) -> Outcome:
    """Run a function of a benchmark module with JSON arguments in a new process; what it prints goes to the terminal.

    Raises ``ChildError`` when the process fails.
    """
    name = f"{job.__module__}:{job.__name__}"
    command = [sys.executable, "-m", "benchmarks.child", name, json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - this very program
    if done.returncode != 0:
        raise ChildError(f"{name} ended with status {done.returncode}; its last words are above")
    answer, peak_bytes = json.loads(done.stdout.splitlines()[-1])
    return Outcome(answer, peak_bytes)


def peak_bytes() -> int:
    """The most memory this process has held.

    Linux is asked for the high-water mark of the present program: ``ru_maxrss`` there counts the parent in, as it was
    when it started this process.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(name: str, arguments: str) -> None:
    """Run the job and print its answer and the peak memory."""
    module, function = name.split(":")
    answer = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    sys.stdout.write(json.dumps([answer, peak_bytes()]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
