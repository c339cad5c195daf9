"""``sigyn hook``: one agent hook payload from standard input to a file, to Loki, or both.

The agent waits for its hooks, so three promises hold whatever happens: exit status 0, an end within the time-out,
and nothing on standard output, which the agent would read. Standard library only: loading more would take longer
than the work. Reading order: ``hook_options`` → ``hook_line`` (what is kept) → ``hook_delivery`` (where it goes).
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from exporter.hook_delivery import LokiPush, LokiRefusalError, Spool, append_line, push_or_spool
from exporter.hook_line import Line, Stamp, UnusablePayloadError, encode, native_line, timestamp
from exporter.hook_options import HelpRequest, HookOptions, UsageError, default_file, parse_options

MAX_PAYLOAD_BYTES: Final = 8_388_608
"""A larger payload is refused: parsing it would take the time there is."""
MAX_ERROR_LOG_BYTES: Final = 65_536
ERROR_LOG: Final = "hook-errors.log"

_CLOSING_SECONDS: Final = 0.03
"""What a push leaves of the time-out, to spool the line it could not send."""
_SPEAKING_ERRORS: Final = (OSError, UsageError, UnusablePayloadError, LokiRefusalError)
"""Errors whose message is known to repeat nothing of the payload."""


class World(NamedTuple):
    """What surrounds one run.

    Attributes:
        environ: the environment.
        home: the user's home folder.
        stdin: file descriptor to read the payload from.
        now_ns: nanoseconds since the epoch.
        left: seconds left of a time-out given in seconds.
        arm: ends the process after so many seconds.
    """

    environ: Mapping[str, str]
    home: Path
    stdin: int
    now_ns: int
    left: Callable[[float], float]
    arm: Callable[[float], None]


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the hook and end the process, with status 0 in every case.

    Args:
        arguments: what follows ``sigyn hook``.
    """
    started = time.monotonic() - time.process_time()  # starting the interpreter took its time too
    os.umask(0o077)  # what is made here is for this user only

    def left(timeout: float) -> float:
        return started + timeout - time.monotonic()

    try:
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises for a user without a home
        run(arguments, World(os.environ, home, 0, time.time_ns(), left, lambda timeout: arm_watchdog(left(timeout))))
    finally:
        # Not sys.exit: closing a broken standard output would change the status, and a thread is still asleep.
        os._exit(0)


def arm_watchdog(seconds: float) -> None:
    """End the process with status 0 after so many seconds, whatever it is doing then.

    A thread, because a signal's handler waits while a name is being looked up; and a signal, where there are any,
    because the system may have no thread to give.
    """

    def end(*_: object) -> None:
        os._exit(0)

    def wait() -> None:
        time.sleep(max(0.0, seconds))
        end()

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    with suppress(RuntimeError):  # no thread to be had: the signal remains
        _thread.start_new_thread(wait, ())


def run(arguments: Sequence[str], world: World) -> None:
    """Do the hook's work; whatever goes wrong is reported where the options say, and ends it quietly."""
    folder = default_file(world.environ, world.home).parent
    try:
        options = parse_options(arguments, world.environ, world.home)
        folder = options.folder
        world.arm(options.timeout)
        line = native_line(json.loads(read_payload(world.stdin)), _stamp(options, world.now_ns))
        problems = deliver(line, options, world)
    except HelpRequest as text:
        _write(1, str(text))
        return
    except Exception as error:  # noqa: BLE001 - the promise: an agent is never stopped by its telemetry
        problems = [error]
    for problem in problems:
        message = f"{timestamp(world.now_ns)} {_describe(problem)}\n"
        if "--debug" in arguments:
            _write(2, message)
        else:
            with suppress(OSError):  # nowhere is left to report to
                log_problem(folder / ERROR_LOG, message)


def read_payload(descriptor: int) -> bytes:
    """All of standard input.

    Raises:
        OSError: if it is closed.
        UnusablePayloadError: if it is empty or larger than ``MAX_PAYLOAD_BYTES``.
    """
    blocks: list[bytes] = []
    size = 0
    while block := os.read(descriptor, 1_048_576):
        blocks.append(block)
        size += len(block)
        if size > MAX_PAYLOAD_BYTES:
            raise UnusablePayloadError(f"the hook payload is larger than {MAX_PAYLOAD_BYTES} bytes")
    if not size:
        raise UnusablePayloadError("standard input is empty; the agent passes the hook payload there")
    return b"".join(blocks)


def deliver(line: Line, options: HookOptions, world: World) -> list[Exception]:
    """Append and push a line as the options say; returns what went wrong, for neither stops the other."""
    problems: list[Exception] = []
    encoded = encode(line)
    if options.out:
        try:
            append_line(options.out, encoded)
        except OSError as error:
            problems.append(error)
    if options.loki_url:
        timeout = max(0.01, world.left(options.timeout) - _CLOSING_SECONDS)
        push = LokiPush(options.loki_url, options.tenant, timeout)
        entry = [str(world.now_ns), encoded.decode(), {"session_id": line["session_id"]}]
        try:
            push_or_spool(push, Spool(options.spool, world.now_ns), line["event_id"], entry)
        except (OSError, LokiRefusalError) as error:
            problems.append(error)
    return problems


def log_problem(path: Path, message: str) -> None:
    """Append to the error log, which starts anew when it has grown to ``MAX_ERROR_LOG_BYTES``."""
    if path.exists() and path.stat().st_size > MAX_ERROR_LOG_BYTES:
        path.unlink(missing_ok=True)
    append_line(path, message.rstrip("\n").encode("utf-8", "replace"))


def _stamp(options: HookOptions, now_ns: int) -> Stamp:
    return Stamp(now_ns, uuid.uuid4().hex, (options.user or _login_name()).strip(), options.log_prompts)


def _login_name() -> str:
    """Who is logged in, "" where the system does not know."""
    import getpass  # noqa: PLC0415 - needed only where nobody was named, and every hook pays for what is loaded

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _describe(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return "the hook payload is no JSON"
    name = type(problem).__name__
    return f"{name}: {problem}"[:300] if isinstance(problem, _SPEAKING_ERRORS) else name


def _write(descriptor: int, text: str) -> None:
    with suppress(OSError):  # a reader that has gone misses nothing
        os.write(descriptor, text.encode("utf-8", "replace"))
