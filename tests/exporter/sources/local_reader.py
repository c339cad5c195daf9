"""Reads a local source in tests: event lines with numbers to tell them by, and decoders that need no real format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson

from analytics.intake import Intake, build_event_table
from exporter.decoders.decoder import Decoder
from exporter.sources.local import LocalSource
from exporter.sources.record_batch import Decoding


def _never(_record):
    raise AssertionError("the fake decoder is used whole")


NATIVE = Decoder("native", lambda record: "event" in record.fields, _never)
FOREIGN = Decoder("foreign", lambda record: "kind" in record.fields, _never)


def _recognise(record):
    return next((decoder for decoder in (NATIVE, FOREIGN) if decoder.recognises(record)), None)


def _decode(records, decoder) -> Intake:
    name = decoder.name if decoder else "each by itself"
    rows = [
        {**line(record.fields["number"]), "sequence": record.fields["number"]}
        for record in records
        if "number" in record.fields
    ]
    return build_event_table(rows, name)


FAKE = Decoding(_recognise, _decode)


def line(number: int) -> dict[str, object]:
    return {"timestamp": 1_780_000_000 + number, "session_id": "s", "event": "tool_call", "sequence": number}


def lines(*numbers: int) -> bytes:
    return b"".join(orjson.dumps(line(number)) + b"\n" for number in numbers)


def append(file: Path, content: bytes) -> None:
    with file.open("ab") as stream:
        stream.write(content)


class Reader:
    """Reads a source on and on, as the cycle does, and keeps what came."""

    def __init__(self, *paths: Path, **settings: object) -> None:
        self.paths, self.settings = paths, settings
        self.source = LocalSource(paths, decoding=FAKE, **settings)
        self.position: dict[str, object] = {}
        self.dropped: Counter[str] = Counter()
        self.sources: list[str] = []
        self.progress: list[float] = []

    def restart(self) -> None:
        """A new process: nothing is left but the stored position, as JSON."""
        self.source = LocalSource(self.paths, decoding=FAKE, **self.settings)
        self.position = orjson.loads(orjson.dumps(self.position))

    def read(self) -> list[int]:
        numbers: list[int] = []
        for batch in self.source.read(self.position, 0):
            numbers += batch.table.values("sequence").tolist()
            self.sources += batch.table.frame["source"].tolist()
            self.position = batch.position
            self.dropped += batch.dropped
            self.progress.append(batch.progress)
        return numbers
