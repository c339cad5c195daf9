"""What ``sigyn forget`` cannot erase, because others keep it, and the requests that erase it there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterator
from typing import Final

from exporter.announcements import SERVICE_NAME
from exporter.config import Config
from exporter.forgetting import Person
from exporter.logs import one_line

USER_FIELDS: Final = ("user_id", "user_account_uuid", "user_account_id", "installation_id")
"""Structured metadata that decoders take a user's id from."""
MOST_NAMED: Final = 50
"""Sessions whose series are named one by one, as many as have series of their own by default."""


def out_of_reach(config: Config, person: Person, sessions: Collection[str]) -> Iterator[str]:
    """Lines for people, with the requests that erase the rest; nothing is sent."""
    yield "Not reached from here:"
    yield from _in_loki(config, person)
    yield from _in_prometheus(person, sessions)
    if config.sources.local_paths:
        yield f"- Local telemetry: lines of this user in {one_line(', '.join(config.sources.local_paths))}."
    yield "- Lines that `sigyn hook` keeps on other machines, and agents' own transcripts."
    yield "- Backups and snapshots of the state folder or database, of Loki, of Prometheus; sent notifications."
    yield "Telemetry that still arrives, or that Loki is asked for again, is stored anew: erase it there first."


def _in_loki(config: Config, person: Person) -> Iterator[str]:
    read = config.sources.loki.url
    if not read and not config.announcements.loki_url:
        return
    yield "- Loki, where retention_enabled and a deletion_mode of filter-and-delete let it:"
    if read:
        named = " or ".join(f"{field}={_quoted(person.name)}" for field in USER_FIELDS)
        for selector in config.sources.loki.selectors:
            yield _delete_lines(read, f"{selector} | {named}")
            yield _delete_lines(read, f"{selector} {_in_json(person.name)}")  # as hooks write it
    for name in sorted(person.names):
        url = config.announcements.loki_url or read or ""
        yield _delete_lines(url, f'{{service_name="{SERVICE_NAME}"}} {_in_json(name)}')


def _in_prometheus(person: Person, sessions: Collection[str]) -> Iterator[str]:
    yield "- Prometheus, where it was started with --web.enable-admin-api; then clean_tombstones likewise:"
    for name in sorted(person.names):
        yield _delete_series(f"{{user_id={_quoted(name)}}}")
    if sessions:
        named = "|".join(re.escape(one_line(session)) for session in sorted(sessions)[:MOST_NAMED])
        yield _delete_series(f"{{session_id=~{_quoted(named)}}}")


def _in_json(name: str) -> str:
    """A line filter for a user's name in our JSON lines."""
    value = re.escape(json.dumps(name, ensure_ascii=False))
    pattern = '"(user_id|likely_user)":' + value
    return f"|~ {_quoted(pattern)}"


def _quoted(text: str) -> str:
    """A string of LogQL or PromQL."""
    return json.dumps(text, ensure_ascii=False)


def _delete_lines(url: str, query: str) -> str:
    return _request(f"{url}/loki/api/v1/delete", f"query={query}", "start=0")


def _delete_series(matcher: str) -> str:
    return _request("http://PROMETHEUS:9090/api/v1/admin/tsdb/delete_series", f"match[]={matcher}")


def _request(url: str, *values: str) -> str:
    """A request as a shell takes it."""
    given = " ".join(f"--data-urlencode {shlex.quote(one_line(value, 10_000))}" for value in values)
    return f"    curl -X POST -G {shlex.quote(url)} {given}"
