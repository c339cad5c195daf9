"""The rules and the configuration before Prometheus's own checker, and their unit tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.prometheus.rule_files import ROOT, UNIT_TESTS

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool on PATH (Debian package prometheus)"
)
pytestmark = [pytest.mark.live, needs_promtool]


def promtool(*arguments: str | Path) -> str:
    ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_the_configuration_and_all_rules_are_valid():
    assert "FAILED" not in promtool("check", "config", ROOT / "prometheus/prometheus.yml")


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_rules_fire_when_they_should_and_only_then(file: Path):
    assert "SUCCESS" in promtool("test", "rules", file)


def test_a_wrong_expectation_is_noticed(tmp_path: Path):
    """The unit tests are worth something: what is silent must not pass for firing."""
    content = yaml.safe_load((ROOT / "prometheus/tests/sessions.yml").read_text())
    content["rule_files"] = [str(ROOT / "prometheus/rules/sessions.yml")]
    content["tests"][0]["alert_rule_test"][2]["exp_alerts"][0]["exp_annotations"]["risk"] = "71%"
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(content))
    ran = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "wrong.yml"], capture_output=True, timeout=60, check=False
    )
    assert ran.returncode != 0
