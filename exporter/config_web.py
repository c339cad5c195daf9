"""The part of the configuration tree that says where pages, API and exposition are served, and to whom."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from exporter.config_sources import OptionalFile, Section
from exporter.config_values import HttpUrl, Listen, ListenAddress, Secret, Text

LEAST_TOKEN: Final = 16
"""Characters of the shortest token: fewer could be guessed."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")


def check_token(value: SecretStr | None) -> SecretStr | None:
    """A token that fits into an ``Authorization`` header and is long enough to be no guess."""
    if value is None:
        return None
    if len(value.get_secret_value()) < LEAST_TOKEN:
        raise ValueError(f"must have at least {LEAST_TOKEN} characters (make one with: openssl rand -hex 32)")
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("must be letters, digits and . _ ~ + / - only (make one with: openssl rand -hex 32)")
    return value


def check_host_name(value: str) -> str:
    """A host name without port, in lower case."""
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name without scheme and port (write sigyn.example)")
    return value.lower()


def is_loopback(address: ListenAddress) -> bool:
    """Whether only this machine reaches the address; a name other than ``localhost`` counts as reachable by others."""
    if address.host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False


Token = Annotated[Secret, AfterValidator(check_token)]
HostName = Annotated[Text, AfterValidator(check_host_name)]


class WebSettings(Section):
    """Pages, API and exposition."""

    listen: Listen = Field(
        ListenAddress("127.0.0.1", 9847),
        description="Address to listen on, `HOST:PORT`; `0.0.0.0:9847` for all interfaces, port 0 for any free port. "
        "An address that other machines reach needs `config_file`, a token or `allow_unauthenticated`.",
    )
    external_url: HttpUrl = Field(None, description="URL under which people reach the pages, for links to them.")
    grafana_url: HttpUrl = Field(None, description="Grafana's base URL, for links to its dashboards.")
    config_file: OptionalFile = Field(
        None,
        description="File with TLS, users and headers in the format of Prometheus' exporter-toolkit "
        "(`web-config.yml`); read again when it changes. docs/web-access.md says what is understood.",
    )
    read_token: Token = Field(
        None, description="Bearer token that may read: exposition, pages, API. Secret: `${NAME}` only."
    )
    read_token_file: OptionalFile = Field(None, description="File that holds the reading token.")
    verdict_token: Token = Field(
        None, description="Bearer token that may read and give verdicts. Secret: `${NAME}` only."
    )
    verdict_token_file: OptionalFile = Field(None, description="File that holds the token for verdicts.")
    allow_unauthenticated: bool = Field(
        default=False,
        description="Serve everybody who reaches `listen`, even where that is not a loopback address. "
        "For a port that something else protects, such as one published on a loopback address only.",
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        (),
        description="Further names that requests may ask for in their `Host` header while nobody has to authenticate. "
        "`localhost`, addresses and the host of `external_url` always may.",
    )
