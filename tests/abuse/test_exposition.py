"""Hostile names on /metrics: values of labels and nothing else."""

import re
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from exporter.label_values import MAX_CHARACTERS, label_value
from tests.abuse.hostile import READ

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
KNOWN = re.compile(r"(sigyn|python|process)_[a-z0-9_]+")


def samples(families):
    return [sample for family in families for sample in family.samples]


@pytest.mark.parametrize(("headers", "parser"), [({}, parse), (OPENMETRICS, parse_openmetrics)], ids=["text", "open"])
def test_the_exposition_parses_and_no_name_made_a_family_or_sample_of_its_own(client, headers, parser):
    text = client.get("/metrics", headers=headers).content.decode("utf-8")
    found = samples(parser(text))
    assert all(KNOWN.fullmatch(sample.name) for sample in found)
    identities = [(sample.name, *sorted(sample.labels.items())) for sample in found]
    assert len(identities) == len(set(identities))
    (critical,) = [s.value for s in found if s.name == "sigyn_sessions" and s.labels["level"] == "critical"]
    assert critical < 1e6


def test_every_hostile_session_has_its_one_series_under_its_own_name(client):
    found = samples(parse(client.get("/metrics").text))
    ids = [sample.labels["session_id"] for sample in found if sample.name == "sigyn_session_risk_score"]
    for name, text in READ.items():
        assert ids.count(label_value(text)) == 1, name
    assert max(map(len, ids)) <= MAX_CHARACTERS


def test_every_line_is_a_comment_or_one_sample(client):
    for line in client.get("/metrics").text.split("\n"):
        assert re.fullmatch(r"|# (HELP|TYPE) \S+ .*|[a-z0-9_]+(\{.*\})? \S+", line, re.DOTALL), line


@pytest.mark.live
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH (Debian package prometheus)")
def test_promtool_reads_it_without_an_error(client):
    text = "".join(f"{line}\n" for line in client.get("/metrics").text.split("\n") if "python_gc" not in line and line)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()
