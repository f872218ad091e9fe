"""CSV files as a source: Python's csv reader, exact on lines, in constant memory.

Cells are text as they stand in the file: ``00123``, ``NA`` and ``null`` too. The first line that is not blank
is the header; names are trimmed. Lines with nothing but white space are passed over. A cell has at most
``csv.field_size_limit()`` characters (131,072 unless a program has changed it for the whole process).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.project.config import CsvSourceConfig
from scimport.sources.base import Batch, Source, check_rows, counted
from scimport.sources.columns import bad_names, missing_key
from scimport.sources.csv_faults import delimiter_problem, explained, other_delimiter
from scimport.sources.csv_text import CsvText, is_blank, kept
from scimport.sources.files import find_files

if TYPE_CHECKING:
    from _csv import Reader

# A position is the number of the file above, and the line below these bits.
_LINE_BITS = 40
_LINE_MASK = (1 << _LINE_BITS) - 1
_SHOWN_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Header:
    """The first row of a file: its names, trimmed, and the line that it ends in."""

    names: tuple[str, ...]
    line: int


class CsvSource(Source):
    """One or more CSV files with the same columns, read one after the other as if they were one.

    Rows are lists of text in the order of the first file's columns (tuples from a file with another order).

    Args:
        config: What the source's file says.
        root: The project folder.

    Raises:
        SourceError: A file is missing or cannot be read, or a header is not as it should be.
    """

    def __init__(self, config: CsvSourceConfig, *, root: Path) -> None:
        files = find_files(config.path, root, config.storage_options)
        self._texts = tuple(
            CsvText(file, config.encoding, config.delimiter, config.quotechar, config.key) for file in files
        )
        self._headers = tuple(_read_header(text) for text in self._texts)
        self.columns = self._headers[0].names
        self._check_same_columns()
        self._min_rows, self._shown = config.min_rows, config.path if len(files) > 1 else files[0].shown
        self._running: Generator[Batch] | None = None

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows of all files; a batch never has rows of two files."""
        self.close()
        self._running = self._read(size)
        return self._running

    def place(self, position: int) -> Place:
        """Say in which file a row is, and in which line it begins."""
        return Place(self._texts[position >> _LINE_BITS].file.shown, line=position & _LINE_MASK or None)

    def close(self) -> None:
        """Close the file that is being read."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _read(self, size: int) -> Generator[Batch]:
        found = 0
        for number, (text, header) in enumerate(zip(self._texts, self._headers, strict=True)):
            reorder = self._reorder(header)
            with explained(text), text.lines() as lines:
                reader = text.reader(lines)
                if _next_header(text, reader) != header:
                    message, hint = "the file was changed while it was read", "Run again when it is complete."
                    raise SourceError(Problem(Code.SOURCE_CHANGED, message, hint=hint, file=text.file.shown))
                for rows, positions in _slices(text, reader, len(header.names), size, number << _LINE_BITS):
                    found += len(rows)
                    yield Batch(reorder(rows), positions)
        check_rows(found, self._min_rows, self._shown)

    def _reorder(self, header: Header) -> Callable[[Sequence[Sequence[str]]], Sequence[Sequence[str]]]:
        if header.names == self.columns:
            return lambda rows: rows
        pick = itemgetter(*[header.names.index(name) for name in self.columns])
        return lambda rows: [pick(row) for row in rows]

    def _check_same_columns(self) -> None:
        problems = []
        for text, header in zip(self._texts[1:], self._headers[1:], strict=True):
            missing = [name for name in self.columns if name not in header.names]
            extra = sum(name not in self.columns for name in header.names)
            if missing or extra:
                named = f"lacks {', '.join(map(repr, missing[:5]))}" if missing else "lacks none"
                message = f"not the columns of {self._texts[0].file.shown}: it {named} and has {extra} others"
                hint = "All files of a path need the same columns, in any order."
                problems.append(
                    Problem(Code.SOURCE_HEADER, message, hint=hint, file=text.file.shown, line=header.line)
                )
        if problems:
            raise SourceError(problems[:_SHOWN_PROBLEMS])


def _read_header(text: CsvText) -> Header:
    with explained(text), text.lines() as lines:
        seen: list[str] = []
        header = _next_header(text, text.reader(kept(lines, seen)))
    file, line, names = text.file.shown, header.line, header.names
    lost = missing_key(names, text.key, file=file, line=line)
    if lost and (other := other_delimiter(text, seen[-1], found=len(names))):
        raise SourceError(delimiter_problem(text, line, other))
    problems = [lost] if lost else list(bad_names(names, file=file, line=line))
    if problems:
        raise SourceError(problems)
    return header


def _next_header(text: CsvText, reader: Reader) -> Header:
    for row in reader:
        if not is_blank(row):
            return Header(tuple(name.strip() for name in row), reader.line_num)
    message, hint = "the file is empty: it has not even a header", "Look whether the export is complete."
    raise SourceError(Problem(Code.SOURCE_EMPTY, message, hint=hint, file=text.file.shown))


def _slices(
    text: CsvText, reader: Reader, width: int, size: int, offset: int
) -> Iterator[tuple[list[list[str]], list[int]]]:
    """Slice the rest of a file into rows and the positions of the lines that they begin in."""
    widths = {width}
    position = offset + reader.line_num + 1
    after = offset + 1
    while True:
        rows: list[list[str]] = []
        positions: list[int] = []
        for row in islice(reader, size):
            rows.append(row)
            positions.append(position)
            position = after + reader.line_num
        if not rows:
            return
        if set(map(len, rows)) != widths:
            rows, positions = _regular(text, rows, positions, width)
        if rows:
            yield rows, positions


def _regular(
    text: CsvText, rows: list[list[str]], positions: list[int], width: int
) -> tuple[list[list[str]], list[int]]:
    """Take out blank lines.

    Raises:
        SourceError: A row has more or fewer cells than the header.
    """
    full, places, problems = [], [], []
    for row, position in zip(rows, positions, strict=True):
        if len(row) == width:
            full.append(row)
            places.append(position)
        elif not is_blank(row):
            problems.append(_ragged(text, len(row), position & _LINE_MASK, width))
    if problems:
        raise SourceError(problems[:_SHOWN_PROBLEMS])
    return full, places


def _ragged(text: CsvText, found: int, line: int, width: int) -> Problem:
    message = f"the row has {counted(found, 'cell')}, and the header has {width}"
    quote = text.quotechar
    hint = (
        f"A cell with a delimiter in it must be in quotes: {quote}a{text.delimiter}b{quote}."
        if found > width
        else f"A cell with a line break in it must be in quotes ({quote}); or the export was cut off here."
    )
    return Problem(Code.RAGGED_ROW, message, hint=hint, file=text.file.shown, line=line)
