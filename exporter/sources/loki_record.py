"""An entry of Loki as a record that decoders take."""

from __future__ import annotations

from functools import partial

import orjson

from exporter.decoders.decoder import RawRecord
from exporter.loki.entry import LokiEntry, entry_id


def raw_record(entry: LokiEntry) -> RawRecord:
    """An entry as decoders take it: a JSON line by its object, any other line by labels and metadata."""
    if entry.line.startswith("{"):
        try:
            document = orjson.loads(entry.line)
        except orjson.JSONDecodeError:  # a cut or broken line: the decoders count it
            document = None
        if isinstance(document, dict):
            return RawRecord(document, "", entry.time_ns, entry.attributes, partial(entry_id, entry))
    return RawRecord(entry.attributes, entry.line, entry.time_ns, identify=partial(entry_id, entry))
