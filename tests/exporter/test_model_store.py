"""Models come back only when they are whole, ours and fit what is in use; whatever else is there is passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import joblib
import numpy as np
import pytest

from exporter.library_versions import LIBRARIES, library_versions
from exporter.model_store import ModelMetadata, ModelStore, ModelStoreError

TRAINED = 1_775_044_800.25  # 2026-04-01 12:00:00.25 UTC


def metadata(trained_at: float = TRAINED, **changed) -> ModelMetadata:
    return ModelMetadata(
        **{
            "trained_at": trained_at,
            "sessions": 120,
            "feature_schema": "f1",
            "settings_hash": "h1",
            "settings": {"trees": 100, "shares": (0.5, 0.9)},
            **changed,
        }
    )


@pytest.fixture
def store(tmp_path) -> ModelStore:
    return ModelStore(tmp_path)


def folder_of(store: ModelStore) -> Path:
    return store._directory / "risk"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def load(store: ModelStore, **changed):
    return store.load_latest("risk", **{"feature_schema": "f1", "settings_hash": "h1", **changed})


def change_metadata(store: ModelStore, version: str, **changed) -> None:
    path = folder_of(store) / f"{version}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


class Planted:
    """Unpickling this leaves a trace; a store that is careful never does."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def test_a_saved_model_comes_back_with_what_it_was_fitted_on(store):
    version = store.save("risk", {"weights": np.arange(5.0)}, metadata())
    loaded = load(ModelStore(store._directory.parent))
    assert version.startswith("20260401T120000250000Z-")
    assert loaded.version == version
    assert loaded.model["weights"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert (loaded.metadata.trained_at, loaded.metadata.sessions) == (TRAINED, 120)
    assert loaded.metadata.settings == {"trees": 100, "shares": [0.5, 0.9]}
    assert loaded.metadata.libraries == library_versions()
    assert set(LIBRARIES) == {"python", "numpy", "scikit-learn", "sigyn", "analytics"}


def test_files_are_named_by_version_and_nothing_temporary_stays(store):
    version = store.save("risk", 1, metadata())
    assert names_in(folder_of(store)) == [f"{version}.joblib", f"{version}.json"]


def test_no_model_is_no_problem(store):
    assert load(store) is None
    assert store.problems == []


def test_the_newest_model_wins_whatever_was_saved_last(store):
    store.save("risk", "new", metadata(TRAINED + 0.001))
    store.save("risk", "old", metadata(TRAINED))
    assert load(store).model == "new"


def test_analyses_do_not_see_each_others_models(store):
    store.save("fingerprint", "other", metadata())
    assert load(store) is None


def test_only_the_newest_versions_are_kept(tmp_path):
    store = ModelStore(tmp_path, versions_kept=2)
    versions = [store.save("risk", number, metadata(TRAINED + number)) for number in range(4)]
    assert names_in(folder_of(store)) == sorted(
        version + suffix for version in versions[2:] for suffix in (".joblib", ".json")
    )


def test_a_model_saved_with_an_older_time_is_not_removed_at_once(tmp_path):
    store = ModelStore(tmp_path, versions_kept=1)
    store.save("risk", "new", metadata(TRAINED + 5))
    version = store.save("risk", "clock was set back", metadata(TRAINED))
    assert (folder_of(store) / f"{version}.joblib").exists()


def test_what_an_interrupted_save_left_is_removed_by_the_next(store):
    store.save("risk", 1, metadata())
    leftovers = [folder_of(store) / name for name in ("tmpabc.tmp", "20260101T000000000000Z-00000000.joblib")]
    for path in leftovers:
        path.write_bytes(b"half")
    (folder_of(store) / "notes.txt").write_text("a person's")
    store.save("risk", 2, metadata(TRAINED + 1))
    assert not any(path.exists() for path in leftovers)
    assert (folder_of(store) / "notes.txt").exists()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_failed_save_leaves_the_older_version_in_use(store, monkeypatch, fails_at):
    store.save("risk", "old", metadata())
    calls = iter(range(1, 10))

    def full(_descriptor: int) -> None:
        if next(calls) >= fails_at:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        # Once for the model file, once for its folder, then for the metadata file.
        patched.setattr(os, "fsync", full)
        with pytest.raises(ModelStoreError, match=r"risk cannot be written \(No space left on device\): check disk"):
            store.save("risk", "new", metadata(TRAINED + 1))
    assert not [name for name in names_in(folder_of(store)) if name.endswith(".tmp")]
    assert load(store).model == "old"


def test_a_model_that_cannot_be_pickled_leaves_nothing_behind(store):
    with pytest.raises(Exception, match="pickle"):
        store.save("risk", lambda: None, metadata())
    assert names_in(folder_of(store)) == []


def test_a_file_where_the_folder_should_be_is_told(store):
    store._directory.write_text("in the way")
    with pytest.raises(ModelStoreError, match="risk cannot be written"):
        store.save("risk", 1, metadata())
    assert load(store) is None
    [problem] = store.problems
    assert problem.endswith("risk cannot be read (Not a directory); no model of it is used")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"feature_schema": "f2"}, "was fitted on other features"),
        ({"settings_hash": "h2"}, "was fitted with other settings"),
        ({"expected_digests": {}}, "was not made by this deployment"),
    ],
)
def test_a_model_for_something_else_is_never_unpickled(store, tmp_path, asked, reason):
    version = store.save("risk", Planted(tmp_path / "trace"), metadata())
    assert load(store, **asked) is None
    assert store.problems == [f"{folder_of(store) / version}.joblib {reason}; it is not used"]
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"libraries": {**library_versions(), "numpy": "1.0"}}, "was fitted with numpy 1.0, not "),
        (
            {"libraries": {**library_versions(), "analytics": "0123456789ab"}},
            "was fitted with analytics 0123456789ab, not ",
        ),
        ({"libraries": {**library_versions(), "python": "2.7"}}, "was fitted with python 2.7, not "),
        ({"libraries": {**library_versions(), "no-such-library": "1"}}, "no-such-library 1, not None"),
        ({"libraries": {**library_versions(), "": "1"}}, "was fitted with  1, not None"),
        ({"libraries": {}}, "was fitted with analytics None, not "),
        ({"sha256": "0" * 64}, "is damaged or was changed"),
        ({"sha256": ""}, "is damaged or was changed"),
        ({"trained_at": None}, "metadata file that makes no sense"),
        ({"trained_at": float("nan")}, "metadata file that makes no sense"),
        ({"sessions": "120"}, "metadata file that makes no sense"),
        ({"sessions": -1}, "metadata file that makes no sense"),
        ({"libraries": ["numpy"]}, "metadata file that makes no sense"),
    ],
)
def test_metadata_that_does_not_fit_keeps_the_model_from_being_unpickled(store, tmp_path, changed, reason):
    version = store.save("risk", Planted(tmp_path / "trace"), metadata())
    change_metadata(store, version, **changed)
    assert load(store) is None
    [problem] = store.problems
    assert reason in problem
    assert "\n" not in problem
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "makes no sense"),
        (b"\xff\x00", "makes no sense"),
        (b"[" * 100_000, "makes no sense"),
        (b"[]", "makes no sense"),
        (b"{}", "makes no sense"),
        (b'{"trained_at": 1e999}', "makes no sense"),
        (b" " * (1 << 20) + b" {}", "too long"),
        (None, "has no metadata file"),
    ],
)
def test_a_hostile_or_missing_metadata_file_is_passed_over(store, tmp_path, content, reason):
    version = store.save("risk", Planted(tmp_path / "trace"), metadata())
    path = folder_of(store) / f"{version}.json"
    path.unlink() if content is None else path.write_bytes(content)
    assert load(store) is None
    [problem] = store.problems
    assert reason in problem
    assert not (tmp_path / "trace").exists()


def test_a_metadata_folder_is_passed_over(store):
    version = store.save("risk", 1, metadata())
    (folder_of(store) / f"{version}.json").unlink()
    (folder_of(store) / f"{version}.json").mkdir()
    assert load(store) is None
    assert "cannot be read (Is a directory)" in store.problems[0]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "is damaged or was changed"),
        (lambda path: path.write_bytes(b""), "is damaged or was changed"),
        (lambda path: joblib.dump(Planted(path.with_suffix(".trace")), path), "is damaged or was changed"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_damaged_or_exchanged_model_is_passed_over_for_an_older_one(store, harm, reason):
    store.save("risk", "old", metadata(TRAINED - 60))
    version = store.save("risk", "new", metadata())
    harm(folder_of(store) / f"{version}.joblib")
    assert load(store).model == "old"
    [problem] = store.problems
    assert reason in problem
    assert not (folder_of(store) / f"{version}.trace").exists()


class Unloadable:
    """Was fine when it was saved; its class has changed since."""

    def __reduce__(self):
        return (int, ("not a number",))


def test_a_model_whose_unpickling_fails_is_passed_over(store):
    store.save("risk", Unloadable(), metadata())
    assert load(store) is None
    assert "cannot be unpickled (ValueError)" in store.problems[0]


def test_only_versions_with_the_remembered_digest_are_loaded(store):
    first = store.save("risk", "ours", metadata())
    digests = {first: store.digest_of("risk", first)}
    second = store.save("risk", "smuggled in", metadata(TRAINED + 1))
    assert load(store, expected_digests=digests).model == "ours"
    assert load(store, expected_digests={**digests, second: digests[first]}).model == "ours"
    assert load(store, expected_digests={**digests, second: store.digest_of("risk", second)}).model == "smuggled in"


def test_the_digest_of_an_unknown_version_is_an_error(store):
    with pytest.raises(ModelStoreError, match=r"model v1 of risk has no metadata file: train again"):
        store.digest_of("risk", "v1")


def test_a_problem_is_told_once(store):
    store.save("risk", 1, metadata())
    for _ in range(3):
        assert load(store, settings_hash="h2") is None
    assert len(store.problems) == 1


@pytest.mark.parametrize("name", ["..", "a/b", "", "risk\n"])
def test_names_that_lead_elsewhere_are_refused(store, name):
    with pytest.raises(ValueError, match="no name of an analysis"):
        store.save(name, 1, metadata())


def test_at_least_one_version_is_kept(tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        ModelStore(tmp_path, versions_kept=0)
