"""What a tool's response says of how the tool fared; of the response itself only the size is ever kept."""

from __future__ import annotations

from typing import Any

from exporter.decoders.decoder import NativeRecord
from exporter.decoders.values import as_object, json_chars


def response_fields(response: Any) -> NativeRecord:
    """Size of a tool's response in characters of its JSON, and the outcome where it signals that the tool failed.

    A shell command that a person stopped is reported like one that ended well, with ``interrupted`` set.
    """
    fields: NativeRecord = {}
    size = json_chars(response)
    if response is not None and size is not None:
        fields["tool_output_chars"] = size
    fields.update(failure_fields(response))
    return fields


def failure_fields(response: Any) -> NativeRecord:
    """``success`` and ``failure_kind`` where a response signals a failure; nothing otherwise."""
    signals = as_object(response)
    if signals.get("interrupted") is True:
        return {"success": False, "failure_kind": "interrupted"}
    if signals.get("success") is False or signals.get("is_error") is True or signals.get("isError") is True:
        return {"success": False}
    return {}
