"""Fitted models on disk: one joblib file a version, and beside it a JSON file that says what it was fitted on.

::

    <directory>/models/<analysis>/20260401T120000000000Z-3f9a1c20.joblib
    <directory>/models/<analysis>/20260401T120000000000Z-3f9a1c20.json

A version's name is the UTC time of its training, to the microsecond, and the first digits of the model file's
SHA-256. The model file is complete before its metadata is there, so that a model without metadata does not count.

A joblib file is a pickle: loading one runs what is in it. Only a file whose digest, feature schema, settings,
library versions and code are as expected is ever unpickled; what does not match is to be fitted again.

Errors: ``ModelStoreError``, when a model cannot be saved.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import joblib
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exporter.library_versions import LIBRARIES, installed_version, library_versions
from exporter.logs import one_line

_MAX_METADATA: Final = 1 << 20
_VERSION: Final = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
_TEMPORARY: Final = ".tmp"
_MODEL: Final = ".joblib"
_METADATA: Final = ".json"


class ModelStoreError(Exception):
    """A model cannot be saved; the older versions stand."""


class ModelMetadata(BaseModel):
    """What a model was fitted on.

    Attributes:
        trained_at: when, Unix seconds.
        sessions: on how many.
        feature_schema: the features it reads.
        settings: of its analysis, for the reader.
        settings_hash: what two equal settings share.
        libraries: versions it was fitted with; ``LIBRARIES`` at least.
        sha256: of the model file, hexadecimal; ``save`` fills it in.
    """

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    trained_at: float
    sessions: int = Field(ge=0)
    feature_schema: str
    settings_hash: str
    settings: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=library_versions)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that may be used, with its metadata and version."""

    model: Any
    metadata: ModelMetadata
    version: str


class _UnusableError(Exception):
    """Why a version is passed over."""


class ModelStore:
    """The models below a state folder, for one process at a time.

    Attributes:
        problems: one line for each version that was passed over or could not be removed, each line once.
    """

    def __init__(self, directory: Path, versions_kept: int = 3) -> None:
        if versions_kept < 1:
            raise ValueError(f"versions_kept must be at least 1, not {versions_kept}")
        self._directory = directory / "models"
        self._versions_kept = versions_kept
        self.problems: list[str] = []

    def save(self, analysis: str, model: object, metadata: ModelMetadata) -> str:
        """Write a model and then its metadata, remove the oldest versions, and return the new version.

        Raises ``ModelStoreError`` when the disk does not let it.
        """
        folder = self._folder(analysis)
        trained = datetime.fromtimestamp(metadata.trained_at, UTC).strftime("%Y%m%dT%H%M%S%fZ")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest = _write(
                folder,
                lambda file: joblib.dump(model, file),
                lambda digest: f"{trained}-{digest[:8]}{_MODEL}",
            )
            version = f"{trained}-{digest[:8]}"
            text = metadata.model_copy(update={"sha256": digest}).model_dump_json(indent=2)
            _write(folder, lambda file: file.write(text.encode()), lambda _: version + _METADATA)
        except OSError as error:
            raise ModelStoreError(
                f"{folder} cannot be written ({error.strerror or error}): check disk space and permissions"
            ) from error
        self._tidy(folder, version)
        return version

    def digest_of(self, analysis: str, version: str) -> str:
        """SHA-256 of a saved version's model file, to be remembered elsewhere for ``expected_digests``."""
        try:
            return _read_metadata(self._folder(analysis) / (version + _METADATA)).sha256
        except _UnusableError as error:
            raise ModelStoreError(f"model {version} of {analysis} {error}: train again") from error

    def load_latest(
        self,
        analysis: str,
        feature_schema: str,
        settings_hash: str,
        expected_digests: Mapping[str, str] | None = None,
    ) -> Loaded | None:
        """The newest version that fits what is in use, None when there is none.

        Args:
            analysis: whose model.
            feature_schema: must be the model's.
            settings_hash: must be the model's.
            expected_digests: SHA-256 by version, as remembered when they were saved; versions that are not among
                them, or not with this digest, are refused.
        """
        folder = self._folder(analysis)
        for version in _versions(self._names(folder)):
            try:
                metadata = _read_metadata(folder / (version + _METADATA))
                _require_match(metadata, feature_schema, settings_hash)
                if expected_digests is not None:
                    _require_own(metadata, expected_digests.get(version))
                return Loaded(_load(folder / (version + _MODEL), metadata.sha256), metadata, version)
            except _UnusableError as error:
                self._note(f"{folder / version}{_MODEL} {error}; it is not used")
        return None

    def files(self) -> tuple[Path, ...]:
        """Every file of every analysis and version."""
        return tuple(path for path in sorted(self._directory.rglob("*")) if path.is_file())

    def _folder(self, analysis: str) -> Path:
        if not analysis.isidentifier():
            raise ValueError(f"{analysis!r} is no name of an analysis")
        return self._directory / analysis

    def _names(self, folder: Path) -> list[str]:
        """The files of an analysis, in no order."""
        try:
            return [path.name for path in folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._note(f"{folder} cannot be read ({error.strerror}); no model of it is used")
            return []

    def _tidy(self, folder: Path, saved: str) -> None:
        """Remove what an interrupted save left and the oldest versions, never the one just saved."""
        names = self._names(folder)
        kept = {saved, *_versions(name for name in names if name.endswith(_METADATA))[: self._versions_kept]}
        # Metadata first: a removal that is interrupted must not leave metadata without its model.
        for name in sorted(names, key=lambda name: not name.endswith(_METADATA)):
            if name.endswith(_TEMPORARY) or not kept.issuperset(_versions([name])):
                self._remove(folder / name)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._note(f"{path} cannot be removed ({error.strerror}); remove it by hand")

    def _note(self, problem: str) -> None:
        line = one_line(problem)
        if line not in self.problems:
            self.problems.append(line)


def _versions(names: Iterable[str]) -> list[str]:
    """The versions that files belong to, newest first; files of another kind belong to none."""
    stems = {name.removesuffix(_MODEL).removesuffix(_METADATA) for name in names}
    return sorted(filter(_VERSION.fullmatch, stems), reverse=True)


def _write(folder: Path, fill: Callable[[IO[bytes]], Any], name: Callable[[str], str]) -> str:
    """Make a file whole or not at all, under a name made from its SHA-256, which is returned."""
    descriptor, temporary = tempfile.mkstemp(suffix=_TEMPORARY, dir=folder)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        Path(temporary).replace(folder / name(digest))
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(folder)
    return digest


def _sync(folder: Path) -> None:
    """Make the names of the folder's files outlast a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_metadata(path: Path) -> ModelMetadata:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_METADATA + 1)
    except FileNotFoundError:
        raise _UnusableError("has no metadata file") from None
    except OSError as error:
        raise _UnusableError(f"has a metadata file that cannot be read ({error.strerror})") from error
    if len(text) > _MAX_METADATA:
        raise _UnusableError("has a metadata file that is too long")
    try:
        return ModelMetadata.model_validate_json(text)
    except ValidationError as error:
        raise _UnusableError("has a metadata file that makes no sense") from error


def _require_match(metadata: ModelMetadata, feature_schema: str, settings_hash: str) -> None:
    if metadata.feature_schema != feature_schema:
        raise _UnusableError("was fitted on other features")
    if metadata.settings_hash != settings_hash:
        raise _UnusableError("was fitted with other settings")
    for name in sorted({*LIBRARIES, *metadata.libraries}):
        fitted, installed = metadata.libraries.get(name), installed_version(name)
        if fitted is None or fitted != installed:
            raise _UnusableError(f"was fitted with {name} {fitted}, not {installed}")


def _require_own(metadata: ModelMetadata, expected: str | None) -> None:
    if metadata.sha256 != expected:
        raise _UnusableError("was not made by this deployment")


def _load(path: Path, sha256: str) -> Any:
    """The model of a file, read once, so that what is checked is what is unpickled."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _UnusableError("is missing") from None
    except OSError as error:
        raise _UnusableError(f"cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _UnusableError("is damaged or was changed (its SHA-256 is not that of its metadata)")
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:  # unpickling can raise anything; whatever it is, the answer is to fit again
        raise _UnusableError(f"cannot be unpickled ({type(error).__name__})") from error
