"""Cuts a CSV file into blocks of whole records, so that several processes can read it.

A block is looked at for where its last record ends, and not read as rows: what is in quotes may hold line
breaks (RFC 4180 section 2), so quotes are counted. A quote that opens stands behind a delimiter, a line break
or the quote before it; where one stands elsewhere, as in an unquoted cell ``5" pipe``, counting proves
nothing, and that block is read to find its end.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIZE = 262_144
"""Bytes of a block, about; some more where a record is longer."""

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

    data: bytes
    line: int


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written: a Python codec, and what is between and around its cells."""

    encoding: str
    delimiter: str
    quotechar: str

    @property
    def can_be_cut(self) -> bool:
        """Whether line breaks and quotes can be found among the bytes."""
        signs = self.delimiter + self.quotechar
        return codecs.lookup(self.encoding).name.replace("-sig", "") in _PLAIN and signs.isascii()


def blocks(stream: BinaryIO, dialect: Dialect, size: int = SIZE) -> Iterator[Block]:
    """Cut what is left of a stream into blocks of whole records.

    Args:
        stream: At the beginning of a record.
        dialect: One that can be cut.
        size: Bytes to read at a time.
    """
    line, rest = 0, b""
    while data := stream.read(size):
        rest += data
        end = _last_end(rest, dialect)
        if end:
            yield Block(rest[:end], line)
            line += _lines(rest[:end])
            rest = rest[end:]
    if rest:
        yield Block(rest, line)


def _last_end(data: bytes, dialect: Dialect) -> int:
    """Where the last record ends that is whole for certain; 0 when none is."""
    quote = dialect.quotechar.encode()
    end = data.rfind(b"\n") + 1
    if not end or (data.count(quote) and not _is_countable(data, dialect)):
        return _read_end(data, dialect)
    is_open = bool(data.count(quote, 0, end) % 2)
    while end and is_open:
        before = data.rfind(b"\n", 0, end - 1) + 1
        is_open ^= bool(data.count(quote, before, end) % 2)
        end = before
    return end


def _is_countable(data: bytes, dialect: Dialect) -> bool:
    """Whether every quote that opens stands where only one that opens can stand."""
    quote, delimiter = dialect.quotechar.encode(), dialect.delimiter.encode()
    # What is in quotes becomes one quote, which stands where it was opened.
    mark = re.escape(quote)
    opened = re.sub(rb"(?:%b[^%b]*(?:%b|\Z))+" % (mark, mark, mark), re.escape(quote), data)
    behind = sum(opened.count(sign + quote) for sign in (delimiter, b"\n", b"\r"))
    return opened.count(quote) == behind + opened.startswith(quote)


def _read_end(data: bytes, dialect: Dialect) -> int:
    """Where the last whole record ends, by reading them."""
    # One character a byte: what matters here is the same in all encodings that can be cut.
    lines = list(io.StringIO(data.decode("latin-1"), newline=""))
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quotechar, strict=True)
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
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
