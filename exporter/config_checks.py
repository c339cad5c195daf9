"""What single values cannot show: keys that contradict each other, and files that are named but not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

from exporter.config_file import Problem
from exporter.config_keys import KEYS, SECRETS, Location
from exporter.config_models import Config
from exporter.config_secrets import file_key, file_problem


@dataclass(frozen=True, slots=True)
class Check:
    """A rule between keys. ``is_broken`` takes their values; the problem is reported at the first key."""

    keys: tuple[str, ...]
    is_broken: Callable[..., bool]
    message: str


def _both(one: object, other: object) -> bool:
    return one is not None and other is not None


def _only_first(first: object, *others: object) -> bool:
    return first is not None and all(other is None for other in others)


LOKI: Final = "sources.loki."
_BOTH_WAYS: Final = "is set beside basic authentication (keep one of both)"
CHECKS: Final = (
    Check(
        (LOKI + "username", LOKI + "password", LOKI + "password_file"),
        _only_first,
        "is set without a password (add password or password_file)",
    ),
    Check(
        (LOKI + "password", LOKI + "username", LOKI + "password_file"),
        _only_first,
        "is set without a user name (add username)",
    ),
    Check((LOKI + "password_file", LOKI + "username"), _only_first, "is set without a user name (add username)"),
    Check(
        (LOKI + "bearer_token", LOKI + "username", LOKI + "bearer_token_file"),
        lambda token, username, file: _both(token, username) and file is None,
        _BOTH_WAYS,
    ),
    Check((LOKI + "bearer_token_file", LOKI + "username"), _both, _BOTH_WAYS),
    Check((LOKI + "tls.cert_file", LOKI + "tls.key_file"), _only_first, "is set without its key (add key_file)"),
    Check(
        (LOKI + "tls.key_file", LOKI + "tls.cert_file"),
        _only_first,
        "is set without its certificate (add cert_file)",
    ),
    Check(
        (LOKI + "selectors", LOKI + "url"),
        lambda selectors, url: url is not None and not selectors,
        "is empty, so that nothing would be read (add a stream selector or remove the key)",
    ),
    Check(
        ("sources.local.paths", LOKI + "url"),
        lambda paths, url: url is None and paths == (),
        "is empty and there is no other source (add a path or set sources.loki.url)",
    ),
    Check(
        (LOKI + "overlap", LOKI + "lookback"),
        lambda overlap, lookback: overlap > lookback,
        "is longer than sources.loki.lookback (shorten it)",
    ),
    Check(
        ("cycle.staleness", "cycle.interval"),
        lambda staleness, interval: staleness < interval,
        "is shorter than cycle.interval, so that scores would vanish between cycles (lengthen it)",
    ),
    Check(
        ("state.keep_events", "state.retention"),
        lambda keep_events, retention: keep_events > retention,
        "is longer than state.retention (shorten it)",
    ),
    Check(
        ("privacy.pseudonymise", "privacy.key", "privacy.key_file"),
        lambda pseudonymise, key, key_file: pseudonymise and key is None and key_file is None,
        "needs a key (add key or key_file)",
    ),
    Check(
        ("training.window", "state.retention"),
        lambda window, retention: window > retention,
        "is longer than state.retention, which removes those sessions (shorten it)",
    ),
    Check(
        ("training.minimum_sessions", "training.maximum_sessions"),
        lambda minimum, maximum: minimum > maximum,
        "is greater than training.maximum_sessions (lower it)",
    ),
)


def check_between_keys(config: Config, wrong: set[Location]) -> list[Problem]:
    """Every rule between keys that is broken, but for those that involve a location known to be wrong in itself."""
    problems = []
    for check in CHECKS:
        locations: list[Location] = [tuple(key.split(".")) for key in check.keys]
        if any(_overlaps(location, other) for location in locations for other in wrong):
            continue
        if check.is_broken(*(_look_up(config, location) for location in locations)):
            problems.append(Problem(locations[0], check.message))
    return problems


def check_files(config: Config) -> list[Problem]:
    """Every file that is named but cannot be read, but for those of secrets, and a state folder that is none."""
    problems = [
        Problem(location, problem)
        for location, path in _named_files(config)
        if (problem := file_problem(path)) is not None
    ]
    problem = _folder_problem(config.state.directory)
    return problems if problem is None else [*problems, Problem(("state", "directory"), problem)]


def _folder_problem(path: Path) -> str | None:
    """Why a path can be no folder of ours; one that is not there yet is made when it is needed."""
    try:
        return "is not a folder (name a folder)" if path.exists() and not path.is_dir() else None
    except OSError:
        return "cannot be used (check the name and the permissions of the folders above it)"


def _look_up(config: Config, location: Location) -> Any:
    return reduce(getattr, map(str, location), config)


def _overlaps(one: Location, other: Location) -> bool:
    """Whether one location lies within the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _named_files(config: Config) -> Iterator[tuple[Location, Path]]:
    of_secrets = {file_key(secret) for secret in SECRETS}
    for location in KEYS:
        path = _look_up(config, location) if location[-1].endswith("_file") else None
        if path is not None and location not in of_secrets:
            yield location, path
    for index, path in enumerate(config.rules.files):
        yield ("rules", "files", index), path
