"""The lines: what stands in them and in their structured metadata.

Each line has an ``id`` made from all the rest of it, so that whoever reads lines twice can tell. None of it repeats a
prompt, a command or a path other than the project's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from analytics.familiarity import AGENT_VERSION, TOOL, USER, Sighting
from analytics.findings import Finding
from analytics.rules import Rule
from analytics.verdicts import SessionVerdict
from exporter.state import Announcement
from exporter.verdict_json import rfc3339, utf8, verdict_to_dict

SERVICE_NAME: Final = "sigyn"
"""The streams' label ``service_name``; the default selector of the telemetry leaves it out."""

SESSION: Final = "session"
FINDING: Final = "finding"
EVENT: Final = "event"
KINDS: Final = (SESSION, FINDING, EVENT)
_ID_LENGTH: Final = 16


def session_line(verdict: SessionVerdict, url: str | None, now_ns: int, said: str | None = None) -> Announcement:
    """A scored session: the shape of ``sigyn score --format jsonl``, the address of its page, and a person's verdict.

    ``said`` is the verdict's word alone: who gave it, and their note, stay in the state.
    """
    line = {**verdict_to_dict(verdict), "url": url, "human_verdict": said}
    named = {name: line[name] for name in ("session_id", "level", "status", "agent", "user_id", "project")}
    further = {"risk": f"{verdict.risk:.4f}", "human_verdict": said}
    return _announcement(SESSION, line, {**named, **further}, now_ns)


def finding_line(
    finding: Finding, verdict: SessionVerdict, rule: Rule | None, url: str | None, now_ns: int
) -> Announcement:
    """A rule that matched: ``count`` is how often so far, ``time`` when last; ``rule`` is None once it is gone."""
    line = {
        "session_id": utf8(verdict.session_id),
        "rule": finding.rule,
        "severity": finding.severity,
        "title": rule.title if rule else finding.rule,
        "reference": rule.reference if rule else None,
        "count": finding.count,
        "time": rfc3339(finding.last_ns),
        "agent": utf8(verdict.agent),
        "user_id": utf8(verdict.user_id),
        "project": utf8(verdict.project),
        "url": url,
    }
    named = ("session_id", "rule", "severity", "agent", "user_id", "project")
    return _announcement(FINDING, line, {name: line[name] for name in named}, now_ns)


def event_line(event: str, detail: str, now_ns: int) -> Announcement:
    """Something that the exporter did and that explains what the panels show from then on."""
    line = {"event": event, "detail": detail, "time": rfc3339(now_ns)}
    return _announcement(EVENT, line, {"event": event}, now_ns)


def novelty_line(one: Sighting, detail: str, url: str | None, now_ns: int) -> Announcement:
    """A user, agent, version or tool that nobody had seen before; ``time`` is when it was seen.

    The keys ``event`` (``new_user``, ``new_agent``, ``new_agent_version``, ``new_tool``), ``detail`` and ``time`` are
    those of ``event_line``.
    """
    line = {
        "event": f"new_{one.kind}",
        "detail": utf8(detail),
        "time": rfc3339(one.time_ns),
        "name": one.name[-1],
        "agent": None if one.kind == USER else one.name[0] or None,
        "agent_version": (one.name[1] if one.kind == AGENT_VERSION else one.version) or None,
        "tool_name": one.name[1] if one.kind == TOOL else None,
        "user_id": (one.name[0] if one.kind == USER else one.user) or None,
        "session_id": utf8(one.session_id),
        "url": url,
    }
    named = ("event", "session_id", "agent", "user_id")
    return _announcement(EVENT, line, {name: line[name] for name in named}, now_ns)


def page_url(external_url: str | None, session_id: str) -> str | None:
    """The address of a session's page, None where nobody said under which URL the pages are reached."""
    if external_url is None:
        return None
    return f"{external_url}/sessions/{quote(session_id, safe='', errors='replace')}"


def _announcement(kind: str, line: dict[str, Any], metadata: Mapping[str, Any], now_ns: int) -> Announcement:
    """The line with its id; metadata that is missing or empty is left out."""
    content = orjson.dumps(line)
    identity = hashlib.sha256(kind.encode() + content).hexdigest()[:_ID_LENGTH]
    text = orjson.dumps({**line, "id": identity}).decode()
    return Announcement(kind, now_ns, text, {name: str(value) for name, value in metadata.items() if value})
