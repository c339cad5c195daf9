"""The web configuration file: TLS, users and headers in the format of Prometheus' exporter-toolkit.

https://prometheus.io/docs/prometheus/latest/configuration/https/ describes the format. What Python's TLS and
uvicorn cannot do is refused, not passed over: a key that had no effect would leave a door open that somebody believes
to be shut. Paths are relative to the folder of the file, as there.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from exporter.config_file import ConfigError, Problem, read_file
from exporter.config_messages import UNKNOWN_KEY, describe
from exporter.config_secrets import file_problem
from exporter.config_sources import Section
from exporter.config_values import Count, Duration, EmptyIsUnset, Text
from exporter.logs import one_line

COSTLIEST: Final = 14
"""bcrypt's cost above which one check takes seconds and would hold up everybody else who signs in."""

_BESIDE: Final = "the folder of the file that names it"
_TLS_FILES: Final = ("cert_file", "key_file", "client_ca_file")
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_UNSUPPORTED: Final = {
    ("tls_server_config", "cert"): "is not supported (write the certificate to a file and name it with cert_file)",
    ("tls_server_config", "key"): "is not supported (write the key to a file and name it with key_file)",
    ("tls_server_config", "client_ca"): "is not supported (write it to a file and name it with client_ca_file)",
    ("tls_server_config", "client_allowed_sans"): "is not supported (name an authority of its own with client_ca_file)",
    ("tls_server_config", "cipher_suites"): "is not supported (remove it: OpenSSL's own choice is used)",
    ("tls_server_config", "curve_preferences"): "is not supported (remove it: OpenSSL's own choice is used)",
    ("tls_server_config", "prefer_server_cipher_suites"): "is not supported (remove it)",
}
"""Keys of the format that have no equivalent here."""


def _check_hash(value: str) -> str:
    match = _BCRYPT.fullmatch(value)
    if match is None:
        raise ValueError("must be a bcrypt hash (make one with: htpasswd -nBC 10 NAME)")
    if not 4 <= int(match[1]) <= COSTLIEST:
        raise ValueError(f"has a cost outside 4 to {COSTLIEST} (make one with: htpasswd -nBC 10 NAME)")
    return value


def _check_user(value: str) -> str:
    if not value or ":" in value or not value.isprintable():
        raise ValueError("is no user name (a name is not empty and holds no colon and no control character)")
    return value


def _check_header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("holds a character that a header cannot (write plain ASCII on one line)")
    return value


def _refuse_http2(value: Any) -> Any:
    if value is True:
        raise ValueError("HTTP/2 is not served (write false or remove the key)")
    return value


Header = Annotated[Annotated[Text, AfterValidator(_check_header)] | None, EmptyIsUnset]
ClientAuthentication = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]


class TlsServer(Section):
    """How connections are secured; paths are relative to the working directory once the file is loaded."""

    cert_file: Path
    key_file: Path
    client_auth_type: ClientAuthentication = "NoClientCert"
    client_ca_file: Annotated[Path | None, EmptyIsUnset] = None
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is named."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path is not None)


class Headers(BaseModel):
    """Headers for every response; an empty one is not set."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    content_security_policy: Header = Field(None, alias="Content-Security-Policy")
    x_frame_options: Annotated[Literal["deny", "sameorigin"] | None, EmptyIsUnset] = Field(
        None, alias="X-Frame-Options"
    )
    x_content_type_options: Annotated[Literal["nosniff"] | None, EmptyIsUnset] = Field(
        None, alias="X-Content-Type-Options"
    )
    x_xss_protection: Header = Field(None, alias="X-XSS-Protection")
    strict_transport_security: Header = Field(None, alias="Strict-Transport-Security")

    def given(self) -> dict[str, str]:
        """The headers that are set, by name."""
        return self.model_dump(by_alias=True, exclude_none=True)


class HttpServer(Section):
    """What HTTP responses carry."""

    http2: Annotated[bool, BeforeValidator(_refuse_http2)] = False
    headers: Headers = Headers()


class RateLimit(Section):
    """A token bucket for each client: one request every ``interval``, ``burst`` at once; interval 0 has no limit."""

    interval: Duration = timedelta(milliseconds=20)
    burst: Count = Field(200, ge=1, le=1_000_000)


class WebConfig(Section):
    """A web configuration file; an empty one secures nothing."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[Annotated[str, AfterValidator(_check_user)], Annotated[str, AfterValidator(_check_hash)]] = (
        Field({}, repr=False)
    )
    rate_limit: RateLimit = RateLimit()

    @property
    def requires_certificate(self) -> bool:
        """Whether nobody connects without a certificate of a known authority."""
        tls = self.tls_server_config
        return tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"


def load_web_config(path: Path) -> WebConfig:
    """The file's content, paths made relative to the working directory.

    Raises:
        ConfigError: with every problem at once, each with its dotted path in this file.
    """
    values, problems = read_file(path)
    try:
        config = WebConfig.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        problems += [Problem(_place(detail["loc"]), _message(detail)) for detail in error.errors(include_url=False)]
        raise _refused(path, problems) from None
    config = _resolved(config, path.parent)
    problems += _contradictions(config)
    if problems:
        raise _refused(path, problems)
    return config


def _place(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where an error is, without pydantic's own marks of a dictionary's key."""
    return tuple(part for part in location if part != "[key]")


def _message(detail: Any) -> str:
    if detail["type"] == UNKNOWN_KEY:
        return _UNSUPPORTED.get(detail["loc"], describe(detail))
    if detail["loc"] == ("tls_server_config", "client_auth_type") and detail["type"] == "literal_error":
        return f"{describe(detail)}: the others accept certificates that nobody has checked"
    return describe(detail)


def _refused(path: Path, problems: list[Problem]) -> ConfigError:
    ordered = sorted(problems, key=lambda problem: [str(part) for part in problem.location])
    return ConfigError(problem.line(one_line(str(path))) for problem in ordered)


def _resolved(config: WebConfig, folder: Path) -> WebConfig:
    tls = config.tls_server_config
    if tls is None:
        return config
    changes = {name: folder / path for name in _TLS_FILES if (path := getattr(tls, name)) is not None}
    return config.model_copy(update={"tls_server_config": tls.model_copy(update=changes)})


def _contradictions(config: WebConfig) -> list[Problem]:
    """What single values cannot show."""
    tls = config.tls_server_config
    if tls is None:
        return []
    problems = [
        Problem(("tls_server_config", name), problem)
        for name in _TLS_FILES
        if (path := getattr(tls, name)) is not None and (problem := file_problem(path, _BESIDE)) is not None
    ]
    authorities = ("tls_server_config", "client_ca_file")
    if tls.client_ca_file is None and tls.client_auth_type != "NoClientCert":
        problems.append(Problem(authorities, "is missing: client_auth_type needs it (add it)"))
    if tls.client_ca_file is not None and tls.client_auth_type == "NoClientCert":
        problems.append(Problem(authorities, "has no effect without client_auth_type (add that)"))
    if tls.min_version > tls.max_version:
        problems.append(Problem(("tls_server_config", "min_version"), "is above max_version (lower it)"))
    return problems
