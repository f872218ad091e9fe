"""What is wrong with a CSV file, said exactly. The file is read again for it: reading itself stays fast."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.sources.csv_text import DELIMITERS, CsvText, kept
from scimport.sources.text import explained as text_explained
from scimport.sources.text import read_again


@contextmanager
def explained(text: CsvText) -> Iterator[None]:
    """Turn what reading the file raises into :class:`SourceError` with a problem that says where."""
    with text_explained(text):
        try:
            yield
        except csv.Error:
            raise SourceError(read_again(text, syntax_problem)) from None


def syntax_problem(text: CsvText) -> Problem:
    """Find the record that breaks the rules of quoting (RFC 4180 section 2), and the quote to blame."""
    record: list[str] = []
    start, is_header = text.skip_head + 1, not text.names
    with text.lines() as lines:
        reader = text.reader(kept(lines, record))
        try:
            for row in reader:
                is_header = is_header and not row
                start = text.skip_head + reader.line_num + 1
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
