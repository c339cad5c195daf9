"""``sigyn explain``: why a session has the score it has."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics.reason_words import number
from analytics.verdicts import MALICIOUS_EXAMPLE, FingerprintView, SessionVerdict
from exporter.commands.terminal import output_console, why
from exporter.logs import one_line
from exporter.rule_file import load_rule_set
from exporter.state import State
from exporter.verdict_json import verdict_to_dict

_PARTS: Final = {"anomaly": "anomaly", MALICIOUS_EXAMPLE: "like a session that was called malicious"}
"""Parts of the risk that are no findings."""


class UnknownSessionError(Exception):
    """The state has no such session."""


def run_explain(session_id: str, directory: Path) -> None:
    """Print a session's score, what it is made of, its reasons and findings."""
    with State.open_read_only(directory) as state:
        stored = state.session(session_id)
    if stored is None or stored.verdict is None:
        raise UnknownSessionError(
            f"session {one_line(session_id)!r} is not in {directory}; "
            f"score it first with `sigyn score --input … --state {directory}`"
        )
    print_verdict(output_console(), stored.verdict)


def print_verdict(console: Console, verdict: SessionVerdict) -> None:
    """Everything about one session in words and numbers."""
    full = verdict_to_dict(verdict)
    console.print(Text(f"session {one_line(verdict.session_id)}", "bold"))
    who = " · ".join(
        f"{name} {one_line(str(full[name]))}" for name in ("agent", "user_id", "project") if full.get(name)
    )
    console.print(f"{who}\n{full['started_at']} to {full['ended_at']}, {verdict.events} events")
    if verdict.risk is None:
        console.print(f"\nnot scored ({verdict.status}): {why(verdict)}")
    else:
        _print_score(console, verdict)
    for note in verdict.notes:
        console.print(Text(f"\n{one_line(note)}"))
    _print_findings(console, verdict)


def _print_score(console: Console, verdict: SessionVerdict) -> None:
    frozen = "final" if verdict.is_final else "live"
    if verdict.live_risk is not None:
        frozen = f"held at its highest, now {verdict.live_risk:.2f}"
    console.print(
        f"\nrisk {verdict.risk:.2f} ({verdict.level}, {frozen}), confidence {verdict.confidence or 0:.2f}, made of:"
    )
    for name, share in sorted(verdict.parts.items(), key=lambda item: -item[1]):
        console.print(f"  {share:.2f}  {_PARTS.get(name) or 'finding ' + name}")
    each = ", ".join(f"{name} {score:.2f}" for name, score in verdict.detectors.items())
    console.print(f"anomaly {verdict.anomaly:.2f} from {each}")
    if verdict.reasons:
        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        for column in ("SHARE", "REASON", "VALUE", "EXPECTED"):
            table.add_column(column, justify="left" if column == "REASON" else "right")
        for reason in verdict.reasons:
            expected = f"{number(reason.expected_low)} to {number(reason.expected_high)}"
            table.add_row(f"{reason.contribution:.2f}", reason.text, number(reason.value), expected)
        console.print("\nreasons:")
        console.print(table)
    if verdict.fingerprint:
        distance = verdict.fingerprint.distance
        told = "no own history yet" if distance is None else f"{distance:.1f} deviations from its own history"
        console.print(f"\nfingerprint {verdict.fingerprint.id}, cluster {verdict.fingerprint.cluster}, {told}")
        _print_resemblance(console, verdict.fingerprint)


def _print_resemblance(console: Console, fingerprint: FingerprintView) -> None:
    """What sessions of its cluster and category do, and whose habits it shows."""
    told = [(f"cluster {fingerprint.cluster}", fingerprint.description)]
    told.append((f"category {fingerprint.category}", fingerprint.category_description))
    for name, description in told:
        if description:
            console.print(Text(f"  {name}: {one_line(description)}"))
    if fingerprint.likely_user is not None:
        chance = f"probability {fingerprint.user_probability or 0.0:.2f}"
        console.print(Text(f"  habits of {one_line(fingerprint.likely_user)}, {chance}"))
    if fingerprint.wrong_user is not None:
        console.print(f"  not its own user's habits: {fingerprint.wrong_user:.2f}")


def _print_findings(console: Console, verdict: SessionVerdict) -> None:
    if not verdict.findings:
        return
    described = {rule.id: rule for rule in load_rule_set([], ()).rules}
    console.print("\nfindings:")
    for finding in verdict.findings:
        rule = described.get(finding.rule)
        said = f": {rule.description} [{rule.reference}]" if rule else ""
        console.print(Text(f"  {finding.severity} {finding.rule} x{finding.count}{said}"))
