"""One CSV file as lines of text, and the reader of its rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scimport.project.source_config import CsvSourceConfig
from scimport.sources.files import DataFile
from scimport.sources.text import TextFile

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
"""What separates cells in the files of this world, and how ``delimiter:`` says it."""


@dataclass(frozen=True, slots=True)
class CsvText(TextFile):
    """A CSV file and how to read it.

    Attributes:
        delimiter: Between cells.
        quotechar: Around cells, and doubled within them (RFC 4180 section 2).
        key: Name of the key column; it tells the right delimiter from others.
        names: Names of the columns of a file without a header.
    """

    delimiter: str = ","
    quotechar: str = '"'
    key: str = ""
    names: tuple[str, ...] = ()

    def reader(self, lines: Iterable[str], delimiter: str | None = None) -> Reader:
        """Make the reader of rows; its ``line_num`` is the line below the head that the last row ended in."""
        return csv.reader(lines, delimiter=delimiter or self.delimiter, quotechar=self.quotechar, strict=True)


def csv_text(file: DataFile, config: CsvSourceConfig) -> CsvText:
    """Take from a source's file what says how a CSV file is read."""
    return replace(
        CsvText.of(file, config),
        delimiter=config.delimiter,
        quotechar=config.quotechar,
        key=config.key,
        names=config.names,
    )


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row is a line with nothing but white space in it."""
    return not row or (len(row) == 1 and not row[0].strip())


def kept(lines: Iterable[str], record: list[str]) -> Iterator[str]:
    """Pass lines on, and keep each in ``record``."""
    for line in lines:
        record.append(line)
        yield line
