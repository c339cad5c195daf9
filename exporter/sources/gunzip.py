"""Gzip data, uncompressed block by block in bounded memory, also while it is still being written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

_GZIP_FORMAT: Final = 31
"""zlib's ``wbits`` for a gzip header and trailer round the largest window."""


class Gunzip:
    """Uncompresses a stream of one or more gzip members, one after the other.

    Attributes:
        is_complete: the stream stands at the end of a member, so what came out so far is all there is for now.
    """

    def __init__(self, block_bytes: int) -> None:
        self.is_complete = True
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._block_bytes = block_bytes

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Uncompressed blocks of at most ``block_bytes``; raises ``zlib.error`` where the data is damaged."""
        while data:
            if self.is_complete:
                data = data.lstrip(b"\0")  # tapes and some file systems pad the last member
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP_FORMAT)
            block = self._member.decompress(data, self._block_bytes)
            self.is_complete = self._member.eof
            data = self._member.unused_data if self.is_complete else self._member.unconsumed_tail
            if block:
                yield block
