"""Prometheus and Alertmanager as processes, configured from the project, only quicker.

Copies of the project's files are changed in these ways and no other: addresses; scrape, evaluation and group intervals
are one second; every ``for`` and ``keep_firing_for`` is three seconds; a route that waits longer than the root waits
twelve seconds.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from alertmanager.render import main
from tests.loki_server import free_port

ROOT = Path(__file__).parents[2]
READY_WITHIN_SECONDS = 20
LONGER_WAIT = "12s"
"""Scrape, evaluation, ``for`` and the shorter wait fit into it, as the stack's fit into the stack's."""
ENVIRONMENT = {"SIGYN_EXTERNAL_URL": "https://sigyn.example", "SIGYN_GRAFANA_URL": "https://grafana.example"}

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_servers = pytest.mark.skipif(
    shutil.which("prometheus") is None or ALERTMANAGER is None,
    reason="needs prometheus and alertmanager on PATH (Debian packages prometheus, prometheus-alertmanager)",
)


@contextmanager
def running_prometheus(folder: Path, exporter: str, alertmanager: str) -> Iterator[str]:
    """The base address of a Prometheus that scrapes ``exporter`` and tells ``alertmanager`` (both HOST:PORT)."""
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] == "sigyn"]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [exporter]
    (folder / "rules").mkdir(parents=True)
    for file in (ROOT / "prometheus/rules").glob("*.yml"):
        (folder / "rules" / file.name).write_text(yaml.safe_dump(_quick(yaml.safe_load(file.read_text()))))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--enable-feature=expand-external-labels", "--log.level=warn",
    ]  # fmt: skip
    with _running(command, f"http://{address}", folder, ENVIRONMENT) as url:
        yield url


@contextmanager
def running_alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """The address, HOST:PORT, of an Alertmanager that tells ``webhook``."""
    assert ALERTMANAGER is not None
    folder.mkdir()
    assert main(["--output", str(folder)], {"SIGYN_ALERT_WEBHOOK_URL": webhook}) == 0
    config = yaml.safe_load((folder / "alertmanager.yml").read_text())
    for route in _all_routes(config["route"]):
        if "group_wait" in route:
            route["group_wait"] = LONGER_WAIT
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        ALERTMANAGER, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=warn",
    ]  # fmt: skip
    with _running(command, f"http://{address}", folder, {}):
        yield address


def values_of(prometheus: str, expression: str) -> dict[str, float]:
    """What Prometheus answers now: values by session id, or by the empty text where a series has none."""
    reply = requests.get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=5).json()
    return {one["metric"].get("session_id", ""): float(one["value"][1]) for one in reply["data"]["result"]}


def report_findings(alertmanager: str, session: str, agent: str, rules: Iterable[str], severity: str) -> None:
    """Tell Alertmanager (HOST:PORT) what Loki's ruler tells of findings in a session."""
    common = {"alertname": "SigynFindingReported", "severity": severity, "session_id": session, "agent": agent}
    alerts = [{"labels": {**common, "rule": rule}, "annotations": {"summary": "Found"}} for rule in rules]
    requests.post(f"http://{alertmanager}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()


def inhibited(alertmanager: str) -> list[dict[str, str]]:
    """Labels of the alerts that Alertmanager (HOST:PORT) knows and keeps back because of others."""
    alerts = requests.get(f"http://{alertmanager}/api/v2/alerts", timeout=5).json()
    return [alert["labels"] for alert in alerts if alert["status"]["inhibitedBy"]]


def _all_routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from _all_routes(child)


def _quick(rules: dict[str, Any]) -> dict[str, Any]:
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            for key in {"for", "keep_firing_for"} & rule.keys():
                rule[key] = "3s"
    return rules


@contextmanager
def _running(command: list[str], url: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            _wait_until_ready(url, process, log)
            yield url
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    never = threading.Event()
    for _ in range(READY_WITHIN_SECONDS * 10):
        try:
            if requests.get(f"{url}/-/ready", timeout=2).ok:
                return
        except requests.ConnectionError:
            assert process.poll() is None, log.read_text()[-2000:]
        never.wait(0.1)
    raise AssertionError(f"{url} is not ready after {READY_WITHIN_SECONDS} s: {log.read_text()[-2000:]}")
