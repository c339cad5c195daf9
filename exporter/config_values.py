"""The values a configuration holds: how each is written, read and shown again.

Every reader raises ``ValueError`` with one line that says what is wrong and what to write, and never repeats the
value: it may have come from the environment, where secrets live.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, SecretStr

from exporter.shards import MOST_SHARDS, Shard

LONGEST: Final = timedelta(days=3650)
"""No duration may be longer: sums with the present time stay far from the ends of the calendar."""

_UNITS: Final = (
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
"""Units of a duration, longest first, in milliseconds; a year is 365 days, as in Prometheus."""

_DURATION: Final = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit}(?![a-z]))?" for unit, _ in _UNITS))
_SECONDS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_HOURS: Final = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})")
_MATCHER: Final = re.compile(r"""\s*[A-Za-z_][A-Za-z0-9_]*\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`)\s*(,|\Z)""")
_STATE_URL: Final = re.compile(r"(?:sqlite|postgresql)(?:\+[a-z0-9_]+)?://")
_NOT_A_DURATION: Final = "is not a duration (write 30s, 5m, 1h, 30d, 1h30m or plain seconds)"


def parse_duration(value: object) -> timedelta:
    """A length of time written like Prometheus (``1h30m``), as plain seconds, or a ``timedelta`` already."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str):
        seconds = _written_seconds(value.strip())
    else:
        raise ValueError(_NOT_A_DURATION)  # noqa: TRY004 - pydantic collects ValueError, not TypeError
    if not 0 <= seconds <= LONGEST.total_seconds():  # also refuses NaN
        raise ValueError("must lie between 0 and 3650d (write a duration such as 30s, 5m or 30d)")
    return timedelta(seconds=seconds)


def _written_seconds(text: str) -> float:
    if _SECONDS.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(_NOT_A_DURATION)
    return sum(int(n or 0) * unit for n, (_, unit) in zip(match.groups(), _UNITS, strict=True)) / 1000


def format_duration(value: timedelta) -> str:
    """The shortest way to write a duration in days and smaller units: ``1h30m``; finer than 1 ms, plain seconds."""
    milliseconds, rest = divmod(value, timedelta(milliseconds=1))
    if rest:
        return f"{value.total_seconds():f}"
    parts = []
    for unit, length in _UNITS[2:]:
        count, milliseconds = divmod(milliseconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than 0 (write a duration such as 30s, 5m or 30d)")
    return value


@dataclass(frozen=True, slots=True)
class DailyHours:
    """A part of every day, as hours since midnight: 8.5 is half past eight; ``begin`` < ``end`` <= 24."""

    begin: float
    end: float

    def __str__(self) -> str:
        minutes = (round(self.begin * 60), round(self.end * 60))
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in minutes)


def parse_daily_hours(value: object) -> DailyHours:
    """Hours written ``08:00-19:00``; ``24:00`` is the end of the day."""
    if isinstance(value, DailyHours):
        return value
    match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be hours of the day (write "08:00-19:00")')
    numbers = [int(number) for number in match.groups()]
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if numbers[1] > 59 or numbers[3] > 59 or end > 1440:
        raise ValueError('must be hours of the day, 00:00 to 24:00 (write "08:00-19:00")')
    if begin >= end:
        raise ValueError('must end after they begin, on the same day (write "08:00-19:00")')
    return DailyHours(begin / 60, end / 60)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the web server listens. ``host`` has no brackets; port 0 is any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(value: object) -> ListenAddress:
    """An address written ``HOST:PORT`` or ``[IPv6]:PORT``."""
    if isinstance(value, ListenAddress):
        return value
    match = _LISTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be HOST:PORT (write 127.0.0.1:9847, or 0.0.0.0:9847 for all interfaces)")
    return ListenAddress(match[1] or match[2], int(match[3]))


def parse_shard(value: object) -> Shard:
    """A shard written ``2/3``, or a ``Shard`` already."""
    if isinstance(value, Shard):
        return value
    try:
        return Shard.parse(value.strip() if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            f"must be I/N, the I-th of N exporters, counted from 1 and N at most {MOST_SHARDS} "
            "(write 2/3 for the second of three)"
        ) from None


def check_http_url(value: str) -> str:
    """An http or https URL without credentials, query or fragment; the trailing slash is taken off."""
    if not value.isprintable() or " " in value:
        raise ValueError("holds a space or control character (write a URL such as http://localhost:3100)")
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # raised for a bad port or bracket
        is_usable = False
    if not is_usable:
        raise ValueError("must be an http or https URL (write one such as http://localhost:3100)")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password (take them out; those of Loki have keys of their own)")
    if parts.query or parts.fragment:
        raise ValueError("must not hold a query or fragment (end it before ? or #)")
    return value.rstrip("/")


def check_selector(value: str) -> str:
    """A Loki stream selector: braces, matchers, nothing after them, and one matcher that Loki accepts as narrow."""
    text = value.strip()
    body, position, narrows = text[1:-1].strip(), 0, False
    is_selector = text[:1] == "{" and text[-1:] == "}" and not body.endswith(",")
    while is_selector and position < len(body):
        match = _MATCHER.match(body, position)
        if match is None:
            is_selector = False
        else:
            narrows |= match[1] in ("=", "=~") and match[2][1:-1] not in ("", ".*")
            position = match.end()
    if not is_selector:
        raise ValueError('must be a stream selector without a pipeline (write {service_name="claude-code"})')
    if not narrows:
        raise ValueError("needs one matcher with = or =~ that cannot be empty, or Loki refuses it (name a label)")
    return text


def check_state_url(value: SecretStr | None) -> SecretStr | None:
    """A SQLAlchemy URL of SQLite or PostgreSQL."""
    if value is not None and not _STATE_URL.match(value.get_secret_value()):
        raise ValueError("must be a SQLAlchemy URL (write one such as postgresql+psycopg://user@host/database)")
    return value


def check_secret(value: SecretStr | None) -> SecretStr | None:
    """A secret without line breaks or control characters, which an HTTP header would refuse by printing it."""
    if value is not None and not value.get_secret_value().isprintable():
        raise ValueError("holds a line break or control character (remove it where the secret is set)")
    return value


def check_time_zone(value: str) -> str:
    """A name of the IANA time zone database."""
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):  # a folder, a path outside the database, an unknown name
        raise ValueError("is not a known time zone (write an IANA name such as Europe/Berlin or UTC)") from None
    return value


def _refuse_boolean(value: Any) -> Any:
    """Python counts True as 1; a configuration must not."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueError, not TypeError
    return value


def _empty_is_unset(value: Any) -> Any:
    """``${VAR:-}`` leaves an optional key unset."""
    return None if value == "" else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _optional(check: Any) -> AfterValidator:
    return AfterValidator(lambda value: None if value is None else check(value))


Duration = Annotated[timedelta, PlainValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Count = Annotated[int, BeforeValidator(_refuse_boolean)]
Ratio = Annotated[float, BeforeValidator(_refuse_boolean), Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
OptionalText = Annotated[Text | None, BeforeValidator(_empty_is_unset)]
HttpUrl = Annotated[OptionalText, _optional(check_http_url)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset), AfterValidator(check_secret)]
StateUrl = Annotated[Secret, AfterValidator(check_state_url)]
Selector = Annotated[Text, AfterValidator(check_selector)]
TimeZone = Annotated[Text, AfterValidator(check_time_zone)]
Hours = Annotated[DailyHours, PlainValidator(parse_daily_hours), PlainSerializer(str, return_type=str)]
Listen = Annotated[ListenAddress, PlainValidator(parse_listen), PlainSerializer(str, return_type=str)]
OneShard = Annotated[Shard, PlainValidator(parse_shard), PlainSerializer(str, return_type=str)]
Lowercase = BeforeValidator(_lower)
EmptyIsUnset = BeforeValidator(_empty_is_unset)
