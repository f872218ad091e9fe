"""What is wrong with a CSV file, said exactly. The file is read again for it: reading itself stays fast."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.sources.csv_text import DELIMITERS, CsvText, encoding_hint, kept

_BLOCK = 65_536


@contextmanager
def explained(text: CsvText) -> Iterator[None]:
    """Turn what reading the file raises into :class:`SourceError` with a problem that says where."""
    try:
        yield
    except SourceError:
        raise
    except UnicodeError:
        raise SourceError(_read_again(text, decoding_problem)) from None
    except csv.Error:
        raise SourceError(_read_again(text, syntax_problem)) from None
    except text.file.errors as error:
        raise SourceError(text.file.unreadable(error)) from None


def decoding_problem(text: CsvText) -> Problem:
    """Find the first byte that is not text in the file's encoding: its offset (from 0) and its line."""
    with text.file.opened() as stream:
        offset, byte = _bad_byte(stream, text.encoding)
    with text.file.opened() as stream:
        line = _line_at(stream, offset, text.encoding)
    with text.file.opened() as stream:
        head = stream.read(4096)
    message = f"byte 0x{byte:02X} at offset {offset} cannot be decoded as {text.encoding}"
    hint = encoding_hint(head) or _other_encoding(head, text.encoding)
    return Problem(Code.SOURCE_ENCODING, message, hint=hint, file=text.file.shown, line=line)


def syntax_problem(text: CsvText) -> Problem:
    """Find the record that breaks the rules of quoting (RFC 4180 section 2), and the quote to blame."""
    record: list[str] = []
    start, is_header = 1, True
    with text.lines() as lines:
        reader = text.reader(kept(lines, record))
        try:
            for row in reader:
                is_header = is_header and not row
                start = reader.line_num + 1
                record.clear()
        except csv.Error as error:
            if is_header and (other := other_delimiter(text, record[-1])):
                return delimiter_problem(text, start, other)
            is_large = str(error).startswith("field larger")
            return _quoting_problem(text, start, record, is_large=is_large)
    message, hint = "the file was changed while it was read", "Run again when it is complete."
    return Problem(Code.SOURCE_CHANGED, message, hint=hint, file=text.file.shown)


def other_delimiter(text: CsvText, header: str, *, found: int = 1) -> str | None:
    """Find the delimiter that a header line is really split by.

    Args:
        text: The file, with the delimiter that is not right.
        header: The header line.
        found: How many columns that delimiter has found.

    Returns:
        The delimiter that makes the key a column, or else, where there is one column only, the one that makes
        most columns; ``None`` when there is none.
    """
    columns = {other: _split(text, header, other) for other in DELIMITERS if other != text.delimiter}
    for other, names in columns.items():
        if text.key in names:
            return other
    best = max(columns, key=lambda other: len(columns[other]))
    return best if found == 1 < len(columns[best]) else None


def delimiter_problem(text: CsvText, line: int, other: str) -> Problem:
    """Make the problem of a file whose header another delimiter splits."""
    mine = DELIMITERS.get(text.delimiter, f"'{text.delimiter}'")
    message = f"the header is split by {DELIMITERS[other]}, not by {mine}"
    hint = f"Set delimiter: {DELIMITERS[other]}."
    return Problem(Code.SOURCE_DELIMITER, message, hint=hint, file=text.file.shown, line=line)


def _read_again(text: CsvText, problem: Callable[[CsvText], Problem]) -> Problem:
    try:
        return problem(text)
    except SourceError as error:
        return error.problems[0]
    except text.file.errors as error:
        return text.file.unreadable(error)


def _bad_byte(stream: BinaryIO, encoding: str) -> tuple[int, int]:
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0
    while True:
        block = stream.read(_BLOCK)
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # What the decoder has kept of the block before stands in front of this one.
            before = len(error.object) - len(block)
            return read - before + error.start, error.object[error.start]
        except UnicodeError:
            # UTF-16 and UTF-32 say so of a file without a byte order mark.
            return 0, (block or b"\0")[0]
        if not block:
            raise EOFError
        read += len(block)


def _line_at(stream: BinaryIO, offset: int, encoding: str) -> int:
    characters = codecs.getincrementaldecoder(encoding)("ignore")
    decoder = io.IncrementalNewlineDecoder(characters, translate=True)
    line = 1
    while offset and (block := stream.read(min(offset, _BLOCK))):
        line += decoder.decode(block).count("\n")
        offset -= len(block)
    return line + decoder.decode(b"", final=True).count("\n")


def _other_encoding(head: bytes, encoding: str) -> str:
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}:
        return "If it comes from Excel or Windows, set encoding: cp1252."
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "Ask who exports it for the encoding, or for UTF-8."
    return "It looks like UTF-8: set encoding: utf-8."


def _split(text: CsvText, header: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(text.reader([header], delimiter), [])]
    except csv.Error:
        return []


@dataclass(slots=True)
class _Scan:
    """Where a walk through a record has come to.

    Attributes:
        state: ``begin`` of a cell, within a ``plain`` or a ``quoted`` one, or right after a quote that may
            have ``closed`` it.
        cell: Number of the cell, from 1.
        size: Characters of the cell.
        opened: Line of the quote that opened the cell.
        line: Line of the character.
    """

    state: Literal["begin", "plain", "quoted", "closed"] = "begin"
    cell: int = 1
    size: int = 0
    opened: int = 0
    line: int = 0


def _quoting_problem(text: CsvText, start: int, record: Sequence[str], *, is_large: bool) -> Problem:
    scan = _walk(text, start, record)
    code, line, cell, quote = Code.SOURCE_SYNTAX, scan.opened, scan.cell, text.quotechar
    hint = f"Close the quote in line {line}, or look for a cell that begins with {quote} and should not."
    if is_large and not _swallows(text, record, scan):
        code, line = Code.CELL_TOO_LARGE, scan.opened if scan.state == "quoted" else scan.line
        message = f"cell {cell} is longer than {csv.field_size_limit():,} characters"
        hint = (
            "No attribute takes so much text: take the column out of the export, or look what is in the cell."
        )
    elif is_large:
        message = (
            f"the quote that opens cell {cell} is not closed within {csv.field_size_limit():,} characters"
        )
    elif scan.state == "quoted":
        message = f"the quote that opens cell {cell} is never closed"
    elif scan.line > line:
        message = (
            f"the quote that opens cell {cell} meets its end in the middle of a cell in line {scan.line}"
        )
    else:
        message = f"cell {cell} goes on after its closing quote"
        hint = f"Within a quoted cell, a quote is written twice: {quote * 2}."
    return Problem(code, message, hint=hint, file=text.file.shown, line=line)


def _walk(text: CsvText, start: int, record: Sequence[str]) -> _Scan:
    """Walk through a record as the reader does, up to what it cannot go past, or to the end."""
    scan, limit = _Scan(), csv.field_size_limit()
    for scan.line, characters in enumerate(record, start):
        for character in characters:
            if not _step(scan, character, text) or scan.size > limit:
                return scan
    return scan


def _step(scan: _Scan, character: str, text: CsvText) -> bool:
    """Take one character in; returns whether the reader takes it."""
    if scan.state == "quoted":
        scan.state = "closed" if character == text.quotechar else "quoted"
        scan.size += scan.state == "quoted"
    elif character == text.delimiter:
        scan.state, scan.cell, scan.size = "begin", scan.cell + 1, 0
    elif character == text.quotechar and scan.state == "begin":
        scan.state, scan.opened = "quoted", scan.line
    elif character == text.quotechar and scan.state == "closed":
        scan.state, scan.size = "quoted", scan.size + 1
    elif scan.state == "closed":
        return character in "\r\n"
    else:
        scan.state, scan.size = "plain", scan.size + 1
    return True


def _swallows(text: CsvText, record: Sequence[str], scan: _Scan) -> bool:
    """Whether a cell that is too large holds whole records, since its quote was never closed."""
    lines = [line for line in record[1:] if line.strip()]
    if scan.state != "quoted" or not lines:
        return False
    usual = max(record[0].count(text.delimiter), 1)
    return sum(line.count(text.delimiter) >= usual for line in lines) * 2 > len(lines)
