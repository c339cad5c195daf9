"""A session's trace as bytes and back: a JSON head with the symbols and words, then sizes and ranks as raw numbers."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import orjson

from analytics.traces import CHANNELS, Trace
from exporter.state.errors import DamagedValue

_SIZE: Final = np.dtype("<f4")
_RANK: Final = np.dtype("<i4")
_HEAD_BYTES: Final = 4


def pack_trace(trace: Trace) -> bytes:
    """The bounded trace, compressed; each distinct text is written once."""
    kept = trace.bounded()
    names = sorted(set(kept.symbols))
    number = {name: code for code, name in enumerate(names)}
    words = sorted(set(kept.words))
    place = {joined: code for code, joined in enumerate(words)}
    head = orjson.dumps(
        [names, [number[symbol] for symbol in kept.symbols], words, [place[joined] for joined in kept.words]]
    )
    parts = (
        len(head).to_bytes(_HEAD_BYTES, "little"),
        head,
        kept.sizes.astype(_SIZE).tobytes(),
        kept.ranks.astype(_RANK).tobytes(),
    )
    return zlib.compress(b"".join(parts), 1)


def unpack_trace(packed: bytes) -> Trace:
    """What ``pack_trace`` wrote. Raises ``DamagedValue``."""
    try:
        raw = zlib.decompress(packed)
        begin = _HEAD_BYTES + int.from_bytes(raw[:_HEAD_BYTES], "little")
        names, codes, *said = orjson.loads(raw[_HEAD_BYTES:begin])
        words, places = said or ([], [])  # traces written before words were kept have none
        count = len(codes)
        sizes = np.frombuffer(raw, _SIZE, count * len(CHANNELS), begin).reshape(count, len(CHANNELS))
        ranks = np.frombuffer(raw, _RANK, count, begin + sizes.nbytes)
        return Trace(tuple(names[code] for code in codes), sizes, ranks, count, tuple(words[place] for place in places))
    except (zlib.error, ValueError, TypeError, IndexError) as error:
        raise DamagedValue("a trace cannot be read back") from error
