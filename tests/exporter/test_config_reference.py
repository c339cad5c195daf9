"""The reference page and the example file say what the tree says."""

from pathlib import Path

import pytest
import yaml

from exporter import config_reference
from exporter.config import Config, load_config
from exporter.config_keys import KEYS

ROOT = Path(__file__).parents[2]


def leaves(tree, prefix=()):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*prefix, name))
        else:
            yield (*prefix, name)


def test_committed_files_are_fresh():
    assert config_reference.PAGES.stale() == [], "run python -m exporter.config_reference --write"


def test_example_equals_the_defaults():
    assert load_config(ROOT / "exporter" / "config.example.yml", {}) == Config()


def test_example_holds_every_key_of_the_tree():
    example = yaml.safe_load((ROOT / "exporter" / "config.example.yml").read_text(encoding="utf-8"))
    assert set(leaves(example)) == {key.location for key in KEYS.values() if key.section is None}


def test_reference_has_one_row_for_every_key_and_each_has_a_meaning():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for key in KEYS.values():
        if key.section is None:
            (row,) = [line for line in page.splitlines() if line.startswith(f"| `{key.path}` |")]
            meaning = row.rsplit(" | ", 1)[1].removesuffix(" |")
            assert meaning.endswith(".")


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.path)
def test_every_key_is_described(key):
    text = key.section.__doc__ if key.section else key.info.description
    assert text is not None
    assert text[0].isupper()
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(
    "key", [key for key in KEYS.values() if "Duration" in str(key.info.description)], ids=lambda key: key.path
)
def test_every_duration_says_so_and_has_a_written_default(key):
    default = Config().redacted()
    for name in key.location:
        default = default[name]
    assert default[-1] in "smhd"


def test_check_fails_until_the_files_are_written(tmp_path, capsys):
    assert config_reference.PAGES.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        "docs/configuration.md: is stale (run python -m exporter.config_reference --write)",
        "exporter/config.example.yml: is stale (run python -m exporter.config_reference --write)",
    ]
    assert config_reference.PAGES.main(["--write"], tmp_path) == 0
    assert config_reference.PAGES.main(["--check"], tmp_path) == 0
