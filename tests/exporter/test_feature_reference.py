"""The pages of features, rules and metrics say what the tables in the code say."""

import re

import pytest
from prometheus_client import CollectorRegistry

from analytics.features import FEATURES
from exporter import feature_reference
from exporter.collector import FAMILIES, SnapshotCollector
from exporter.instrumentation import Instrumentation
from exporter.publisher import Publisher
from exporter.reference_pages import ROOT, markdown_table
from exporter.rule_file import load_rule_set
from exporter.rule_reference import linked

RULES = load_rule_set().rules


def rows(page):
    """The cells of every table row of a page, by the name in the first cell."""
    lines = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {}
    for line in lines:
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert cells[0] not in named, f"{page} has two rows for {cells[0]}"
        named[cells[0].strip("`")] = cells[1:]
    return named


def test_committed_pages_are_fresh():
    assert feature_reference.PAGES.stale() == [], "run python -m exporter.feature_reference --write"


def test_check_fails_until_the_pages_are_written(tmp_path, capsys):
    assert feature_reference.PAGES.main(["--check"], tmp_path) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        "docs/features.md",
        "docs/rules.md",
        "docs/metrics.md",
    ]
    assert feature_reference.PAGES.main(["--write"], tmp_path) == 0
    assert feature_reference.PAGES.main(["--check"], tmp_path) == 0


def test_a_page_that_was_edited_by_hand_is_stale(tmp_path):
    feature_reference.PAGES.write(tmp_path)
    page = tmp_path / "docs" / "rules.md"
    page.write_text(page.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    assert [str(path) for path in feature_reference.PAGES.stale(tmp_path)] == ["docs/rules.md"]


def test_every_feature_has_one_row_with_all_that_is_declared_about_it():
    found = rows("docs/features.md")
    assert set(found) == {feature.name for feature in FEATURES}
    for feature in FEATURES:
        meaning, unit, attention, least, needs = found[feature.name]
        assert meaning == feature.help
        assert unit.removesuffix(", logarithm") == feature.unit
        assert unit.endswith(", logarithm") == feature.is_skewed
        assert (feature.risky in attention) or (feature.risky == "both" and attention == "high or low")
        assert float(least) == feature.least
        assert tuple(filter(None, needs.split(", "))) == feature.needs


def test_every_rule_has_one_row_with_all_that_is_declared_about_it():
    found = rows("docs/rules.md")
    assert set(found) == {rule.id for rule in RULES}
    for rule in RULES:
        title, meaning, reference, needs = found[rule.id]
        assert title == rule.title
        assert meaning == " ".join(rule.description.split())
        assert reference == linked(rule.reference)
        assert tuple(filter(None, needs.split(", "))) == rule.needs


def test_rules_stand_under_their_severity_and_steps_apart():
    sections = re.split(r"^## ", (ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    names = re.compile(r"^\| `([^`]+)`", re.MULTILINE)
    section_of = {name: part.splitlines()[0] for part in sections for name in names.findall(part)}
    for rule in RULES:
        assert section_of[rule.id] == (rule.severity.capitalize() if rule.is_reported else "Steps of sequences")


def test_every_registered_metric_has_one_row_with_its_type_and_labels():
    registry = CollectorRegistry()
    Instrumentation(registry, "test")
    registry.register(SnapshotCollector(Publisher()))
    found = rows("docs/metrics.md")
    for family in registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert found[name][0] == family.type
        for sample in family.samples:
            assert set(found[name][1].replace("`", "").split(", ")) - {""} == sample.labels.keys() - {"le"}
    for family in FAMILIES:
        assert found[family.name][1] == ", ".join(f"`{label}`" for label in family.labels)


@pytest.mark.parametrize("name", rows("docs/metrics.md"))
def test_every_metric_is_described_by_a_sentence(name):
    meaning = rows("docs/metrics.md")[name][2]
    assert meaning[0].isupper()
    assert meaning.endswith(".")
    assert "{" not in meaning


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("ATT&CK T1485 Data Destruction", "https://attack.mitre.org/techniques/T1485)"),
        ("ATT&CK T1059.004 Unix Shell", "https://attack.mitre.org/techniques/T1059/004)"),
        ("ATLAS AML.T0034 Cost Harvesting", "https://atlas.mitre.org/techniques/AML.T0034)"),
    ],
)
def test_references_lead_to_the_page_of_the_technique(reference, address):
    assert address in linked(reference)
    assert linked(reference).endswith(reference.split(" ", 2)[2])


def test_a_cell_cannot_break_its_table():
    assert markdown_table(("a",), [["one | two\nthree"]])[-1] == "| one \\| two three |"
