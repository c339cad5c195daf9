"""The keys of the configuration tree, one by one: what documentation, suggestions and secret handling walk over."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from exporter.config_models import Config

Location = tuple[str | int, ...]
"""Where a value stands: key names, and positions within lists."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the tree. ``section`` is the model of the section it opens, None of a key with a value."""

    location: tuple[str, ...]
    info: FieldInfo
    section: type[BaseModel] | None

    @property
    def path(self) -> str:
        """Its dotted path."""
        return ".".join(self.location)

    @property
    def is_secret(self) -> bool:
        """Whether its value must never be shown or stand in the file."""
        return SecretStr in get_args(self.info.annotation)


def walk(model: type[BaseModel] = Config, prefix: tuple[str, ...] = ()) -> Iterator[Key]:
    """All keys in the order of the tree, each section before what it holds."""
    for name, info in model.model_fields.items():
        annotation = info.annotation
        section = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
        yield Key((*prefix, name), info, section)
        if section is not None:
            yield from walk(section, (*prefix, name))


KEYS: Final = {key.location: key for key in walk()}
SECRETS: Final = tuple(key.location for key in KEYS.values() if key.is_secret)
SECTIONS: Final = frozenset(key.location for key in KEYS.values() if key.section is not None)


def nearest(location: Location) -> str | None:
    """The key probably meant by an unknown one: similar and beside it, else of the same name elsewhere."""
    *parent, name = location
    beside = [key.location[-1] for key in KEYS.values() if key.location[:-1] == tuple(parent)]
    similar = difflib.get_close_matches(str(name)[:60], beside, n=1)
    if similar:
        return ".".join(map(str, (*parent, similar[0])))
    return next((key.path for key in KEYS.values() if key.location[-1] == name), None)
