"""CSV files as a source: Python's csv reader, exact on lines, in constant memory.

Cells are text as they stand in the file: ``00123``, ``NA`` and ``null`` too. The first line that is not blank
is the header, unless the source's file names the columns; names are trimmed. Lines with nothing but white
space are passed over. A cell has at most ``csv.field_size_limit()`` characters (131,072 unless a program has
changed it for the whole process).
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import CsvSourceConfig
from scimport.sources.base import Batch, Piece, counted, line_of, position_of
from scimport.sources.columns import missing_key
from scimport.sources.csv_blocks import Block, blocks, can_be_cut
from scimport.sources.csv_faults import delimiter_problem, explained, other_delimiter
from scimport.sources.csv_stretches import stretches
from scimport.sources.csv_text import CsvText, csv_text, is_blank, kept
from scimport.sources.file_source import (
    SHOWN_PROBLEMS,
    FileSource,
    Header,
    Slice,
    changed_file,
    empty_file,
)

if TYPE_CHECKING:
    from _csv import Reader

# A header is looked for among so many lines, to say how many stand above it.
_LOOKED_THROUGH = 30


class CsvSource(FileSource):
    """One or more CSV files with the same columns, read one after the other as if they were one.

    Rows are lists of text in the order of the first file's columns (tuples from a file with another order).
    """

    def _prepare(self, config: CsvSourceConfig) -> None:
        self._texts = tuple(csv_text(file, config) for file in self._files)

    def _header(self, number: int) -> Header:
        return _read_header(self._texts[number])

    def pieces(self) -> Iterator[Piece] | None:
        """Cut the files into pieces of whole rows; ``None`` when that cannot be done without reading them."""
        if not all(can_be_cut(text) for text in self._texts):
            return None
        return (
            Piece(number, block.line, block.data, countable=block.countable)
            for number in range(len(self._texts))
            for block in self._blocks(number)
        )

    def piece_batches(self, piece: Piece, size: int) -> Iterator[Batch]:
        """Read a piece, which may be in another process than the one that has cut it."""
        text, header = self._texts[piece.file], self._headers[piece.file]
        reorder, offset = self._reorder(header), position_of(piece.file)
        with explained(text):
            for rows, positions in _block_slices(
                text, header, Block(piece.data, piece.before, piece.countable), size, offset
            ):
                yield Batch(reorder(rows), positions)

    def stretches(self, piece: Piece) -> Sequence[tuple[int, bytes]]:
        """Cut a piece into stretches; none of the first one, whose header and byte order mark are no rows."""
        if not piece.countable or piece.before <= self._headers[piece.file].line:
            return ()
        return [*stretches(piece.data, self._texts[piece.file].quotechar)]

    def reading(self, file: int) -> bytes:
        """Say how the bytes of a file become rows."""
        text, header = self._texts[file], self._headers[file]
        signs = (codecs.lookup(text.encoding).name, text.delimiter, text.quotechar)
        return repr(
            (signs, header.names, self.columns, sorted(self._change.words), self._change.trim)
        ).encode()

    def _slices(self, number: int, size: int, offset: int) -> Generator[Slice]:
        text, header = self._texts[number], self._headers[number]
        if can_be_cut(text):
            for block in self._blocks(number):
                with explained(text):
                    yield from _block_slices(text, header, block, size, offset)
            return
        found = 0
        foot: list[str] = []
        with explained(text), text.lines(foot) as lines:
            reader = text.reader(lines)
            if not text.names and _next_header(text, reader) != header:
                raise changed_file(text.file)
            for rows, positions in _slices(text, reader, len(header.names), size, offset + text.skip_head):
                found += len(rows)
                yield rows, positions
        text.check_trailer(foot, found)

    def _blocks(self, number: int) -> Iterator[Block]:
        text = self._texts[number]
        with explained(text), text.file.opened() as stream:
            yield from blocks(stream, text.delimiter, text.quotechar)


def _read_header(text: CsvText) -> Header:
    with explained(text), text.lines() as lines:
        seen: list[str] = []
        reader = text.reader(kept(lines, seen))
        if text.names:
            return _check_first_row(text, reader, seen)
        header = _next_header(text, reader)
        if lost := missing_key(header.names, text.key, file=text.file.shown, line=header.line):
            if other := other_delimiter(text, seen[-1], found=len(header.names)):
                raise SourceError(delimiter_problem(text, header.line, other))
            if (line := _line_with_key(text, reader)) is not None:
                lost = replace(lost, hint=f"Line {line} has it: set skip_head: {line - 1}.")
            raise SourceError(lost)
    return header


def _next_header(text: CsvText, reader: Reader) -> Header:
    for row in reader:
        if not is_blank(row):
            return Header(tuple(name.strip() for name in row), text.skip_head + reader.line_num)
    raise empty_file(text.file)


def _check_first_row(text: CsvText, reader: Reader, seen: Sequence[str]) -> Header:
    """Compare the names that the source's file gives with the first row, once for all rows."""
    width = next((len(row) for row in reader if not is_blank(row)), len(text.names))
    if width != len(text.names):
        line = text.skip_head + reader.line_num
        if other := other_delimiter(text, seen[-1], found=width):
            raise SourceError(delimiter_problem(text, line, other))
        message = f"the row has {counted(width, 'cell')}, and names: lists {len(text.names)}"
        hint = "Name every column of the file in names:, in its order."
        raise SourceError(Problem(Code.SOURCE_HEADER, message, hint=hint, file=text.file.shown, line=line))
    return Header(text.names)


def _line_with_key(text: CsvText, reader: Reader) -> int | None:
    """The line among the first ones that is the header, below the one that was taken for it."""
    for row in islice(reader, _LOOKED_THROUGH):
        if text.key in (name.strip() for name in row):
            return text.skip_head + reader.line_num
    return None


def _block_slices(text: CsvText, header: Header, block: Block, size: int, offset: int) -> Iterator[Slice]:
    """Slice a block into rows and the positions of the lines that they begin in."""
    lines, width = text.decoded(block.data, block.line), len(header.names)
    reader = text.reader(lines)
    if block.line < header.line and not _passes_header(text, reader, header, block.line):
        return
    while True:
        before = reader.line_num
        rows = [*islice(reader, size)]
        if not rows:
            return
        after = reader.line_num
        if after - before > len(rows):
            # A row has several lines: it is read again to see which.
            again = text.reader(lines[before:after])
            yield from _slices(text, again, width, size, offset + block.line + before)
            continue
        positions: Sequence[int] = range(offset + block.line + before + 1, offset + block.line + after + 1)
        if set(map(len, rows)) != {width}:
            rows, positions = _regular(text, rows, positions, width)
        if rows:
            yield rows, positions


def _passes_header(text: CsvText, reader: Reader, header: Header, before: int) -> bool:
    """Read past the header; returns whether it has come, after nothing but blank lines."""
    row = next((row for row in reader if not is_blank(row)), None)
    if row is None:
        return False
    if (tuple(name.strip() for name in row), before + reader.line_num) != (header.names, header.line):
        raise changed_file(text.file)
    return True


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
    text: CsvText, rows: Sequence[list[str]], positions: Sequence[int], width: int
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
            problems.append(_ragged(text, len(row), line_of(position), width))
    if problems:
        raise SourceError(problems[:SHOWN_PROBLEMS])
    return full, places


def _ragged(text: CsvText, found: int, line: int, width: int) -> Problem:
    what = "names: lists" if text.names else "the header has"
    message = f"the row has {counted(found, 'cell')}, and {what} {width}"
    quote = text.quotechar
    hint = (
        f"A cell with a delimiter in it must be in quotes: {quote}a{text.delimiter}b{quote}."
        if found > width
        else f"A cell with a line break in it must be in quotes ({quote}); or the export was cut off here."
    )
    return Problem(Code.RAGGED_ROW, message, hint=hint, file=text.file.shown, line=line)
