"""One CSV file as lines of text, and the reader of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.sources.files import DataFile

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
"""What separates cells in the files of this world, and how ``delimiter:`` says it."""

# Characters that are decoded and looked through at a time.
_BLOCK = 65_536
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class CsvText:
    """A CSV file and how to read it.

    Attributes:
        file: Where its bytes are.
        encoding: A Python codec; a byte order mark is passed over.
        delimiter: Between cells.
        quotechar: Around cells, and doubled within them (RFC 4180 section 2).
        key: Name of the key column; it tells the right delimiter from others.
    """

    file: DataFile
    encoding: str
    delimiter: str
    quotechar: str
    key: str

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        r"""Open the file; gives its lines with their ends (``\n``, ``\r\n`` or ``\r``).

        Raises:
            SourceError: It cannot be opened, or (while iterating) holds a NUL character.
        """
        with self.file.opened() as stream:
            text = io.TextIOWrapper(stream, self.encoding, newline="")
            yield chain.from_iterable(self._blocks(text))

    def reader(self, lines: Iterable[str], delimiter: str | None = None) -> Reader:
        """Make the reader of rows; its ``line_num`` is the line that the last row ended in."""
        return csv.reader(lines, delimiter=delimiter or self.delimiter, quotechar=self.quotechar, strict=True)

    def _blocks(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        count = 0
        while block := text.readlines(_BLOCK):
            if not count:
                block[0] = block[0].removeprefix(_BOM)
            if "\0" in "".join(block):
                line = count + next(number for number, line in enumerate(block, 1) if "\0" in line)
                raise SourceError(self._nul(line))
            yield block
            count += len(block)

    def _nul(self, line: int) -> Problem:
        with self.file.opened() as stream:
            hint = encoding_hint(stream.read(4096)) or "Export it again: a NUL is never part of a text."
        message = "the line holds a NUL character (a zero byte)"
        return Problem(Code.NUL_BYTE, message, hint=hint, file=self.file.shown, line=line)


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row is a line with nothing but white space in it."""
    return not row or (len(row) == 1 and not row[0].strip())


def kept(lines: Iterable[str], record: list[str]) -> Iterator[str]:
    """Pass lines on, and keep each in ``record``."""
    for line in lines:
        record.append(line)
        yield line


def encoding_hint(head: bytes) -> str:
    """Say what a file that is not the text it should be looks like by its first bytes; may be empty."""
    for magic, hint in _MAGIC:
        if head.startswith(magic):
            return hint
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head):
        return f"It looks like UTF-16: set encoding: utf-16-{'le' if odd > even else 'be'}."
    return ""


_EXCEL = "This is an Excel workbook: save it as CSV UTF-8."
_MAGIC = (
    (b"\xff\xfe\0\0", "It begins as UTF-32 does: set encoding: utf-32."),
    (b"\xff\xfe", "It begins as UTF-16 does: set encoding: utf-16."),
    (b"\xfe\xff", "It begins as UTF-16 does: set encoding: utf-16."),
    (b"\x1f\x8b", "It is compressed: its name must end in .gz."),
    (b"BZh", "It is compressed: its name must end in .bz2."),
    (b"\xfd7zXZ", "It is compressed: its name must end in .xz."),
    (b"PK\x03\x04", "It is a zip file or an Excel workbook: name it .zip, or save it as CSV UTF-8."),
    (b"\xd0\xcf\x11\xe0", _EXCEL),
)
