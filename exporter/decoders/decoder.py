"""The contract of a decoder: one telemetry record of an agent becomes records in native form.

A decoder is a plain function, one per file, listed in ``exporter.decoders.DECODERS``. It knows one format and keeps
no state. It yields zero, one or more mappings with the fields of ``analytics.intake`` (native names; numbers and
booleans converted from text where the format sends text). What it cannot use it refuses with ``Undecodable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

NativeRecord = dict[str, Any]
_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class Undecodable(ValueError):  # noqa: N818 - says what a record is
    """A record that cannot be used; ``reason`` is a short fixed word that becomes a metric label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RawRecord(NamedTuple):
    """One telemetry record as a source delivered it.

    Attributes:
        fields: of a JSON line its object; of an OTLP entry in Loki its labels and structured metadata (all text,
            dots already turned into underscores), merged, metadata first.
        line: the log line of an OTLP entry (such as ``claude_code.tool_result``), else "".
        time_ns: when Loki says it happened, nanoseconds since the epoch; None for local files.
        labels: stream labels and structured metadata that came beside a JSON line; {} for local files.
        identify: gives a text unique to the record, for events that bring no id of their own; None where the source
            delivers each record once anyway.
    """

    fields: Mapping[str, Any]
    line: str = ""
    time_ns: int | None = None
    labels: Mapping[str, str] = _NO_LABELS
    identify: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Decoder:
    """A named decoder.

    Attributes:
        name: the value of the ``source`` label and column, such as ``claude_otel``.
        recognises: whether a record looks like this decoder's format; must be cheap and never raise.
        decode: the records in native form; raises ``Undecodable``.
    """

    name: str
    recognises: Callable[[RawRecord], bool]
    decode: Callable[[RawRecord], Iterator[NativeRecord]]
