"""How a file is to be read: its kind, dialect, header, and what stands above and below its records."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.inspection.dates import Dates
from scimport.inspection.encoding import find_encoding
from scimport.inspection.words import is_known, is_total
from scimport.model import Problem
from scimport.sources.csv_text import DELIMITERS, is_blank
from scimport.sources.excel import open_sheet, sheet_rows
from scimport.sources.files import DataFile
from scimport.sources.jsonl import flat_records
from scimport.sources.text import TextFile, explained

Row = tuple[int, list[str]]

_FIRST_LINES = 400
_MOST_FOOT = 5
_MOST_NOTES = 5
_HEADER_FULL = 0.6
# What is a value and no name of a column: a number, an e-mail address.
_VALUE = re.compile(r"[\d.,+\-]*\d[\d.,+\-]*|[^@\s]+@[^@\s]+")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class Table:
    """A table in a file.

    Attributes:
        kind: ``csv``, ``excel`` or ``jsonl``.
        columns: Names of the columns.
        rows: Reads the records: the line or row of each, and its cells.
        settings: Keys of the source's file that are not as their defaults.
        evidence: Why each is so, and what else is to be known; without values of people.
    """

    kind: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    settings: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


def find_table(file: DataFile) -> Table:
    """Find out how a file is to be read.

    Raises:
        SourceError: It cannot be read, or holds no table.
    """
    with file.opened() as stream:
        try:
            head = stream.read(8)
        except file.errors as error:
            raise SourceError(file.unreadable(error)) from None
    if head.startswith(_WORKBOOKS):
        return _workbook(file)
    encoding, why = find_encoding(file)
    text = TextFile(file, encoding)
    with explained(text), text.lines() as lines:
        first = list(islice(lines, _FIRST_LINES))
    if not any(line.strip() for line in first):
        raise SourceError(Problem(Code.SOURCE_EMPTY, "there is nothing in the file", file=file.shown))
    settings = {} if encoding == "utf-8" else {"encoding": encoding}
    table = _json_lines(text, first) or _delimited(text, first)
    return replace(
        table,
        settings={**settings, **table.settings},
        evidence=(f"encoding {encoding}: {why}", *table.evidence),
    )


# JSON lines


def _json_lines(text: TextFile, first: Sequence[str]) -> Table | None:
    line = next(line for line in first if line.strip())
    try:
        if not isinstance(json.loads(line), dict):
            return None
    except (ValueError, RecursionError):
        return None
    columns: dict[str, None] = {}
    with explained(text), text.lines() as lines:
        for _, record in flat_records(text, lines):
            columns.update(dict.fromkeys(record))
    names = tuple(columns)
    if not names:
        message, hint = "no object of the file has anything in it", "Look whether the export is complete."
        raise SourceError(Problem(Code.SOURCE_EMPTY, message, hint=hint, file=text.file.shown))

    def rows() -> Iterator[Row]:
        with explained(text), text.lines() as lines:
            for number, record in flat_records(text, lines):
                yield number, [_plain(record.get(name)) for name in names]

    return Table("jsonl", names, rows, {}, ("its first line is one JSON object",))


def _plain(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


# delimited text


def _delimited(text: TextFile, first: Sequence[str]) -> Table:
    quotechar = _quotechar(first)
    delimiter, width, share = _delimiter(first, quotechar)
    settings: dict[str, Any] = {}
    if delimiter != ",":
        settings["delimiter"] = "tab" if delimiter == "\t" else delimiter
    if quotechar != '"':
        settings["quotechar"] = quotechar
    words = f"delimiter {DELIMITERS[delimiter]}: {share:.0%} of the first lines have {width} cells with it"

    def rows_of(one: TextFile) -> Iterator[Row]:
        yield from _read(one, delimiter, quotechar)

    header = _header(_first_rows(text.file, first, delimiter, quotechar), width)
    columns, more, evidence = _named(header, width)
    settings |= more
    below = replace(text, skip_head=header.line if header.cells else header.above)
    foot, notes = _foot(rows_of(below), width, delimiter)
    settings |= foot
    records = replace(below, foot=max(foot.get("skip_foot", 0), int("trailer" in foot)))

    def rows() -> Iterator[Row]:
        return (row for row in rows_of(records) if len(row[1]) == width)

    if width == 1:
        words = "no delimiter: no sign splits the lines alike"
    return Table("csv", columns, rows, settings, (words, *evidence, *notes))


def _read(text: TextFile, delimiter: str, quotechar: str) -> Iterator[Row]:
    with explained(text), text.lines() as lines:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=quotechar)
        try:
            yield from _numbered(reader, text.skip_head)
        except csv.Error as error:
            line = text.skip_head + reader.line_num
            message = f"the line cannot be read as CSV: {error}"
            raise SourceError(Problem(Code.SOURCE_SYNTAX, message, file=text.file.shown, line=line)) from None


def _first_rows(file: DataFile, first: Sequence[str], delimiter: str, quotechar: str) -> list[Row]:
    rows: list[Row] = []
    with suppress(csv.Error):  # reading all of the file will meet it again
        rows.extend(_numbered(csv.reader(first, delimiter=delimiter, quotechar=quotechar)))
    if not rows:
        raise SourceError(Problem(Code.SOURCE_EMPTY, "there is no record in the file", file=file.shown))
    return rows


def _numbered(reader: Any, above: int = 0) -> Iterator[Row]:
    """The rows that are not blank, with the lines that they begin in."""
    line = above + 1
    for row in reader:
        if not is_blank(row):
            yield line, row
        line = above + reader.line_num + 1


def _quotechar(first: Sequence[str]) -> str:
    counts = {
        sign: sum(
            len(re.findall(rf"(?:^|[,;\t|]){sign}[^{sign}\n]*{sign}(?=[,;\t|\r\n]|$)", line))
            for line in first
        )
        for sign in "\"'"
    }
    return "'" if counts["'"] > max(counts['"'], len(first) // 2) else '"'


def _delimiter(first: Sequence[str], quotechar: str) -> tuple[str, int, float]:
    """The sign that splits most lines alike: with the usual number of cells, and the share of such lines."""
    best, found = 0.0, (",", 1, 1.0)
    for sign in DELIMITERS:
        try:
            rows = [
                row for row in csv.reader(first, delimiter=sign, quotechar=quotechar) if not is_blank(row)
            ]
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda one: (one[1] * math.log(one[0] + 1), one[0]))
        share = count / len(rows)
        if share**2 * math.log(width + 1) > best:
            best, found = share**2 * math.log(width + 1), (sign, width, share)
    return found


# the header, and what is above it


@dataclass(frozen=True)
class _Header:
    """The header: its last line (or that of the first record), its names if there are any, lines above it."""

    line: int
    cells: tuple[str, ...]
    above: int


def _header(rows: Sequence[Row], width: int) -> _Header:
    for number, (line, row) in enumerate(rows):
        cells = [cell.strip() for cell in row]
        if len(cells) == width and sum(map(bool, cells)) >= _HEADER_FULL * width:
            if _is_header(cells):
                last = rows[number + 1][0] - 1 if number + 1 < len(rows) else line
                span = max(line, min(last, line + sum(cell.count("\n") for cell in row)))
                return _Header(span, tuple(cells), line - 1 if number else 0)
            return _Header(line, (), line - 1 if number else 0)
    return _Header(rows[0][0], tuple(cell.strip() for cell in rows[0][1]), 0)


def _is_header(cells: Sequence[str]) -> bool:
    if sum(map(is_known, cells)) * 3 >= len(cells):
        return True
    values = sum(
        bool(re.fullmatch(r"[\d.,+\-]*\d[\d.,+\-]*|[^@\s]+@[^@\s]+", cell)) or Dates().add(cell, 1)
        for cell in cells
    )
    return values == 0 and len(set(cells)) == len(cells)


def _named(header: _Header, width: int) -> tuple[tuple[str, ...], dict[str, Any], list[str]]:
    """Names for the columns, the settings that make them so, and what is to be said about it."""
    words = (
        [f"header: in line {header.line}"]
        if header.cells
        else ["header: the first record looks like a person"]
    )
    if header.above:
        words.append(f"{header.above} lines stand above the table")
    if header.cells and all(header.cells) and len(set(header.cells)) == width:
        return header.cells, {"skip_head": header.above} if header.above else {}, words
    names: list[str] = []
    for number, name in enumerate(header.cells or [""] * width, 1):
        free = name or f"Column {number}"
        names.append(free if free not in names else f"{free} {number}")
    if header.cells:
        words.append("some columns have no name, or the same as others: names: gives them names")
    skipped = header.line if header.cells else header.above
    return tuple(names), {**({"skip_head": skipped} if skipped else {}), "names": names}, words


# what is below the last record


def _foot(rows: Iterator[Row], width: int, delimiter: str) -> tuple[dict[str, Any], list[str]]:
    last: deque[Row] = deque(maxlen=_MOST_FOOT)
    odd: list[tuple[int, int]] = []
    count = odd_count = 0
    for line, row in rows:
        count += 1
        last.append((line, row))
        if len(row) != width:
            odd_count += 1
            if len(odd) < 50:
                odd.append((line, len(row)))
    foot: list[Row] = []
    while last and _is_foot(last[-1][1], width) and len(foot) < count - 1:
        foot.append(last.pop())
    lines = {line for line, _ in foot}
    notes = [
        f"line {line} has {cells} cells, not {width}: the source will stop there"
        for line, cells in odd
        if line not in lines
    ][:_MOST_NOTES]
    records = count - len(foot)
    settings: dict[str, Any] = {}
    for _, row in foot:
        if (pattern := _trailer(delimiter.join(row).strip(), records)) is not None:
            settings["trailer"] = {"pattern": pattern}
    if foot:
        notes.append(f"{len(foot)} lines stand below the last record")
        if len(foot) > 1 or not settings:
            settings = {"skip_foot": len(foot), **settings}
    return settings, notes


def _is_foot(row: Sequence[str], width: int) -> bool:
    full = [cell for cell in row if cell.strip()]
    if not full or width < 2:
        return False
    few = len(full) <= max(2, width // 3)
    return few and (len(row) != width or any(map(is_total, full)))


def _trailer(line: str, records: int) -> str | None:
    """A pattern for a last line whose only number is that of the records."""
    runs = list(re.finditer("[0-9]+", line))
    if len(runs) != 1 or int(runs[0][0]) != records:
        return None
    return re.escape(line[: runs[0].start()]) + "([0-9]+)" + re.escape(line[runs[0].end() :])


# workbooks


def _workbook(file: DataFile) -> Table:
    sheet, name = open_sheet(file, None)
    first = list(islice(sheet_rows(sheet, file), _FIRST_LINES))
    if not first:
        raise SourceError(Problem(Code.SOURCE_EMPTY, "there is nothing in the sheet", file=file.shown))
    width = max(sum(1 for cell in row if cell.strip()) for _, row in first)
    padded = [(line, _fitted(row, width)) for line, row in first]
    header = _header(padded, width)
    columns, settings, evidence = _named(header, width)
    above = header.line if header.cells else header.above
    everything = [(line, row) for line, row in sheet_rows(sheet, file) if line > above]
    foot = 0
    while foot < len(everything) - 1 and _is_foot(everything[-1 - foot][1], width):
        foot += 1
    if foot:
        settings["skip_foot"] = foot
        evidence.append(f"{foot} rows stand below the last record")

    def rows() -> Iterator[Row]:
        return ((line, _fitted(row, width)) for line, row in everything[: len(everything) - foot])

    words = (f"the sheet '{name}' of a workbook", *(one.replace("line", "row") for one in evidence))
    return Table("excel", columns, rows, settings, words)


def _fitted(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))][:width]
