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
from typing import BinaryIO

from scimport.sources.csv_text import CsvText

SIZE = 262_144
"""Bytes of a block, about; some more where a record is longer."""

LONGEST = 8 * 2**20
"""Bytes after which a record must have ended: a quote that nobody closes is told by who reads the block."""

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
    """

    data: bytes = field(repr=False)
    line: int


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
        end = _last_end(rest, signs) or (len(rest) if len(rest) > LONGEST else 0)
        # Twice as much each time that a record goes on, so that no byte is looked at again and again.
        more = size if end else 2 * more
        if end:
            yield Block(rest[:end], line)
            line += _lines(rest[:end])
            rest = rest[end:]
    if rest:
        yield Block(rest, line)


@dataclass(frozen=True, slots=True)
class _Signs:
    delimiter: bytes
    quote: bytes


def _last_end(data: bytes, signs: _Signs) -> int:
    """Where the last record ends that is whole for certain; 0 when none is."""
    # Of the parts between quotes every other one is outside of cells, beginning with the first.
    parts = data.split(signs.quote)
    if b"\n" not in data or not _is_countable(parts, signs):
        return _read_end(data, signs)
    end = len(data)
    for n in range(len(parts) - 1, -1, -1):
        if n % 2 == 0 and (found := parts[n].rfind(b"\n")) >= 0:
            return end - len(parts[n]) + found + 1
        end -= len(parts[n]) + 1
    return 0


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
