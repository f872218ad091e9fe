"""Cuts a CSV file into blocks of whole records, which are read each by itself, in any process.

A block is looked at for where its last record ends, and not read as rows: what is in quotes may hold line
breaks (RFC 4180 section 2), so quotes are counted. A quote that opens stands behind a delimiter, a line break
or the quote before it; where one stands elsewhere, as in an unquoted cell ``5" pipe``, counting proves
nothing, and that block is read to find its end.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO
from zlib import crc32

from scimport.sources.csv_text import CsvText

SIZE = 262_144
"""Bytes of a block, about; some more where a record is longer."""

LONGEST = 8 * 2**20
"""Bytes after which a record must have ended: a quote that nobody closes is told by who reads the block."""

LANDMARK = 63
"""Bits of a line's checksum that are 0 in one line of 64: blocks end there.

So a file with a line more or less is cut as before, but for the block that the line is in.
"""

_LOOKED_AT = 512
"""Ends of records among which a landmark is looked for."""

# In these, a byte below 128 is never a part of another character.
_PLAIN = frozenset(codecs.lookup(name).name for name in ("utf-8", "ascii", "latin-1")) | {
    f"cp{number}" for number in range(1250, 1259)
}


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole records of a file.

    Attributes:
        data: Their bytes.
        line: Lines of the file before them.
        countable: Whether a line break is part of a cell exactly behind an odd number of quotes.
    """

    data: bytes = field(repr=False)
    line: int
    countable: bool


def can_be_cut(text: CsvText) -> bool:
    """Whether line breaks and quotes can be found among the bytes, and nothing stands around the rows."""
    signs = text.delimiter + text.quotechar
    encoding = codecs.lookup(text.encoding).name.removesuffix("-sig")
    bare = not text.skip_head and not text.foot and text.trailer is None
    return bare and encoding in _PLAIN and signs.isascii()


def blocks(stream: BinaryIO, delimiter: str, quotechar: str, size: int = 0) -> Iterator[Block]:
    """Cut what is left of a stream into blocks of whole records.

    Args:
        stream: At the beginning of a record.
        delimiter: Between cells, ASCII.
        quotechar: Around cells, ASCII.
        size: Bytes to read at a time; :data:`SIZE` if it is not said.
    """
    size = size or SIZE
    signs = _Signs(delimiter.encode(), quotechar.encode())
    line, rest = 0, b""
    more = size
    while data := stream.read(more):
        rest += data
        parts = rest.split(signs.quote)
        countable = _is_countable(parts, signs)
        end = _last_end(parts, rest) if countable else _read_end(rest, signs)
        if not end and len(rest) > LONGEST:
            end, countable = len(rest), False
        # Twice as much each time that a record goes on, so that no byte is looked at again and again.
        more = size if end else 2 * more
        if end:
            yield Block(rest[:end], line, countable)
            line += _lines(rest[:end])
            rest = rest[end:]
    if rest:
        yield Block(rest, line, _is_countable(rest.split(signs.quote), signs))


@dataclass(frozen=True, slots=True)
class _Signs:
    delimiter: bytes
    quote: bytes


def _last_end(parts: Sequence[bytes], data: bytes) -> int:
    """Where the last record ends that is whole for certain, best with a landmark; 0 when none is."""
    last = 0
    for end in islice(_ends(parts, len(data)), _LOOKED_AT):
        last = last or end
        if not crc32(data[data.rfind(b"\n", 0, end - 1) + 1 : end]) & LANDMARK:
            return end
    return last


def _ends(parts: Sequence[bytes], end: int) -> Iterator[int]:
    """Where records end, the last one first."""
    # Of the parts between quotes every other one is outside of cells, beginning with the first.
    for n in range(len(parts) - 1, -1, -1):
        begin = end - len(parts[n])
        found = len(parts[n]) if n % 2 == 0 else -1
        while (found := parts[n].rfind(b"\n", 0, max(found, 0))) >= 0:
            yield begin + found + 1
        end = begin - 1


def _is_countable(parts: Sequence[bytes], signs: _Signs) -> bool:
    """Whether every quote that opens stands where only one that opens can stand."""
    before_cells = (signs.delimiter, b"\n", b"\r")
    # Between two quotes what is outside is all of `""` within a cell, or ends where a cell begins.
    return all(not part or part.endswith(before_cells) for part in parts[:-1:2])


def _read_end(data: bytes, signs: _Signs) -> int:
    """Where the last whole record ends, by reading them."""
    # One character a byte: what matters here is the same in all encodings that can be cut.
    lines = list(io.StringIO(data.decode("latin-1"), newline=""))
    reader = csv.reader(
        lines, delimiter=signs.delimiter.decode(), quotechar=signs.quote.decode(), strict=True
    )
    whole = 0
    try:
        for _ in reader:
            # The last line may go on in what is not read yet.
            whole = reader.line_num if reader.line_num < len(lines) else whole
    except csv.Error:
        if reader.line_num < len(lines):
            whole = len(lines) - 1  # who reads the block says what is wrong
    return sum(map(len, lines[:whole]))


def _lines(data: bytes) -> int:
    breaks = data.count(b"\n")
    return breaks + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else breaks
