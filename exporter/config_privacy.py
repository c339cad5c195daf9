"""The part of the configuration tree that says what is kept of people's names."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from exporter.config_sources import OptionalFile, Section
from exporter.config_values import Secret

LEAST_KEY: Final = 32
"""Characters of the shortest key: 128 bits where they are hexadecimal digits."""


def check_key(value: SecretStr | None) -> SecretStr | None:
    """A key that nobody finds by trying."""
    if value is not None and len(value.get_secret_value()) < LEAST_KEY:
        raise ValueError(f"must have at least {LEAST_KEY} characters (make one with: openssl rand -hex 32)")
    return value


PseudonymKey = Annotated[Secret, AfterValidator(check_key)]


class PrivacySettings(Section):
    """What is kept of people's names; docs/personal-data.md says what is stored where, and how to erase it."""

    pseudonymise: bool = Field(
        default=False,
        description="Replace user ids, and user names in the paths of projects, by keyed hashes before anything is "
        "stored, scored or shown. Needs `key` or `key_file`.",
    )
    key: PseudonymKey = Field(
        None,
        description="Key of the hashes, at least 32 characters. With another one everybody is somebody new. "
        "Secret: `${NAME}` only.",
    )
    key_file: OptionalFile = Field(None, description="File that holds the key.")
