"""Every server's own checker accepts the configuration it is given; a checker that is not on PATH is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from exporter.cli import cli
from tests.stack.stack_files import SERVICES, mounted_file, option


def needs(program: str, package: str):
    """Skip where a program is not on PATH, and say what to install."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program} on PATH ({package})")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.mark.live
@needs("loki", "Loki 3.7")
def test_loki_accepts_its_configuration():
    config = mounted_file("loki", option("loki", "config.file"))
    result = run("loki", f"-config.file={config}", "-config.expand-env=true", "-verify-config")
    assert result.returncode == 0, result.stderr


@pytest.mark.live
@needs("promtool", "Debian package prometheus")
def test_prometheus_accepts_its_configuration_and_rules():
    result = run("promtool", "check", "config", str(mounted_file("prometheus", option("prometheus", "config.file"))))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.live
@needs("amtool", "Debian package prometheus-alertmanager")
def test_alertmanager_accepts_what_is_rendered_without_any_variable(tmp_path):
    script = mounted_file("alertmanager-config", SERVICES["alertmanager-config"]["entrypoint"][1])
    rendered = run(sys.executable, str(script), "--output", str(tmp_path))
    assert rendered.returncode == 0, rendered.stderr
    result = run("amtool", "check-config", str(tmp_path / "alertmanager.yml"))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.live
@needs("otelcol-contrib", "OpenTelemetry Collector contrib")
def test_the_collector_accepts_its_configuration():
    config = mounted_file("collector", "/etc/otelcol-contrib/config.yml")
    result = run("otelcol-contrib", "validate", "--config", str(config))
    assert result.returncode == 0, result.stderr


def test_sigyn_accepts_the_exporters_configuration():
    result = CliRunner().invoke(cli, ["check-config", str(mounted_file("sigyn", "/etc/sigyn/config.yml"))])
    assert result.exit_code == 0, result.output
