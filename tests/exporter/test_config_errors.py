"""Invalid configurations, each beside the exact errors it must give."""

import os
from pathlib import Path

import pytest

from exporter.config import ConfigError, load_config

GOLDEN = Path(__file__).parents[1] / "golden" / "config"
ENVIRONMENT = {"SET": "value", "EMPTY": ""}


def errors_of(path, environ=ENVIRONMENT):
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ)
    assert str(caught.value).splitlines() == caught.value.errors
    return caught.value.errors


def written(tmp_path, content):
    path = tmp_path / "sigyn.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.yml")))
def test_invalid_configuration_gives_exactly_its_errors(name, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    expected = Path(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert errors_of(Path(f"{name}.yml")) == expected


def test_every_expectation_has_its_configuration():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {path.stem for path in GOLDEN.glob("*.yml")}


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "none.yml"
    assert errors_of(path) == [f"{path}: there is no such file (check the name)"]


def test_folder_in_place_of_the_file_is_named(tmp_path):
    assert errors_of(tmp_path) == [f"{tmp_path}: is a folder (name the file in it)"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_file_without_permission_is_named(tmp_path):
    path = written(tmp_path, "")
    path.chmod(0)
    assert errors_of(path) == [f"{path}: cannot be read: permission denied (check the file's permissions)"]


def test_file_name_that_the_system_refuses_is_an_error():
    assert errors_of(Path("a\0b")) == ["a\\x00b: cannot be read: the name is not usable (check the file's permissions)"]


def test_file_that_is_not_utf8_is_refused(tmp_path):
    path = written(tmp_path, b"log:\n  level: \xff\n")
    assert errors_of(path) == [f"{path}: is not UTF-8 text (save it as UTF-8)"]


def test_control_character_names_its_line(tmp_path):
    path = written(tmp_path, "log:\n  level: \x07\n")
    assert errors_of(path) == [f"{path}: line 2: holds a control character (save it as plain UTF-8 text)"]


def test_huge_file_is_refused_without_parsing(tmp_path):
    path = written(tmp_path, "#" * 262_145)
    assert errors_of(path) == [f"{path}: is larger than 262144 bytes (name a configuration file)"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(tmp_path, opening):
    path = written(tmp_path, opening * 50_000)
    (error,) = errors_of(path)
    assert error.endswith("is nested too deeply (no key is that deep)")


def test_key_that_is_not_text_is_an_error_beside_the_others(tmp_path):
    path = written(tmp_path, "cycle:\n  [a]: 1\n  interval: never\n")
    assert errors_of(path) == [
        f"{path}: cycle: line 2 has a key that is not text (write key: value)",
        f"{path}: cycle.interval: is not a duration (write 30s, 5m, 1h, 30d, 1h30m or plain seconds)",
    ]


def test_long_unknown_key_is_cut(tmp_path):
    (error,) = errors_of(written(tmp_path, f"{'k' * 200}: 1\n"))
    assert error.endswith(f": {'k' * 60}…: unknown key (remove it)")


def test_named_pipe_is_refused_without_waiting_for_its_writer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    path = written(tmp_path, "rules: {files: [pipe]}\n")
    assert errors_of(path) == [f"{path}: rules.files[0]: is not a regular file (name a file)"]


def test_names_that_are_too_long_for_the_system_are_errors(tmp_path):
    name = "n" * 3000
    path = written(tmp_path, f"state: {{directory: {name}, url_file: {name}}}\nrules: {{files: [{name}]}}\n")
    assert errors_of(path) == [
        f"{path}: rules.files[0]: cannot be read (check the name and the file's permissions)",
        f"{path}: state.directory: cannot be used (check the name and the permissions of the folders above it)",
        f"{path}: state.url_file: cannot be read (check the name and the file's permissions)",
    ]
