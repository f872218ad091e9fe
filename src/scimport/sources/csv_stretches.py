"""Cuts a block of a CSV file into stretches: some fifteen lines each, the same ones wherever they stand.

Where a stretch ends is decided by the line that it ends with, so that a line more or less in a file moves the
ends near to it and no others (content-defined chunking). A stretch holds whole records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from scimport.sources.csv_blocks import LANDMARK

SHORTEST = 12
"""Lines of a stretch: a change costs reading them all, and each stretch costs a look into the state."""

_ENDS = 3
"""Bits of a line's checksum that are 0 where a stretch may end: one line in four."""


def stretches(data: bytes, quotechar: str) -> Iterator[tuple[int, bytes]]:
    """Cut whole records into stretches.

    Args:
        data: Their bytes: of a block whose quotes can be counted.
        quotechar: Around cells, ASCII.

    Yields:
        How many lines stand before a stretch, and its bytes.
    """
    quote = quotechar.encode()
    lines = data.splitlines(keepends=True)
    begin = 0
    for end in _ends(lines, quote if quote in data else b""):
        yield begin, b"".join(lines[begin:end])
        begin = end


def _ends(lines: Sequence[bytes], quote: bytes) -> Iterator[int]:
    """How many lines stand before the end of each stretch."""
    begin = inside = counted = 0
    sums = [*map(crc32, lines)]
    for n in [n for n, one in enumerate(sums, 1) if not one & _ENDS]:
        # Blocks end with landmarks: so they come to the same wherever a block begins.
        if n - begin < SHORTEST and sums[n - 1] & LANDMARK:
            continue
        if quote:
            # Behind an odd number of quotes a line break is part of a cell.
            inside ^= b"".join(lines[counted:n]).count(quote) & 1
            counted = n
        if not inside:
            yield n
            begin = n
    if begin < len(lines):
        yield len(lines)
