"""The CSV tables in mappings/lookups/, which the filter ``lookup`` reads."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.filters.blanks import is_blank
from scimport.mappings.filters.texts import to_text
from scimport.model import Problem
from scimport.project.document import read_text
from scimport.project.values import did_you_mean

FOLDER: Final = "mappings/lookups"
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV table, by its first column.

    Attributes:
        file: Its file, relative to the project folder.
        columns: Its header.
        rows: The other cells of each line, by the first one.
        digest: Of what the file says.
    """

    file: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]] = field(repr=False)
    digest: bytes = field(repr=False)


class Lookups:
    """The tables of a project; each is read when an expression first names it.

    Args:
        root: The project folder; None for a mapping without tables.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self.used: dict[str, Table] = {}

    @property
    def names(self) -> list[str]:
        """Names of the tables that there are."""
        return sorted(path.stem for path in (self._root / FOLDER).glob("*.csv")) if self._root else []

    def table(self, name: str) -> Table:
        """A table by the name of its file.

        Raises:
            ConfigError: It is not there, or cannot be used.
        """
        if name not in self.used:
            if self._root is None or name not in self.names:
                hint = did_you_mean(name, self.names) or f"Put {name}.csv into {FOLDER}/."
                message = f"there is no {FOLDER}/{name}.csv"
                raise ConfigError(Problem(Code.MISSING_REFERENCE, message, hint=hint))
            file = f"{FOLDER}/{name}.csv"
            self.used[name] = read_table(read_text(self._root / file, file, Code.BAD_VALUE), file)
        return self.used[name]

    def filter(self, value: Any, table: str, column: str | None = None, default: Any = _MISSING) -> Any:
        """Filter ``lookup``; see :func:`scimport.mappings.filters.choices.lookup`."""
        if is_blank(value):
            return value
        found = self.used[table]
        row = found.rows.get(to_text(value).strip())
        if row is not None:
            return row[found.columns.index(column) - 1 if column else 0]
        if default is _MISSING:
            raise ValueError(f"it is not in {found.file}; add it there, or give lookup a default")
        return default


def read_table(text: str, file: str) -> Table:
    """Read the text of a table: a header, and lines of as many cells, no two with the same first one.

    Raises:
        ConfigError: With all that is wrong.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except csv.Error as error:
        raise ConfigError(Problem(Code.BAD_VALUE, f"the file is not CSV: {error}", file=file)) from None
    problems = list(_wrong(lines, file))
    if problems:
        raise ConfigError(problems)
    header = tuple(cell.strip() for cell in lines[0])
    rows = {line[0].strip(): tuple(cell.strip() for cell in line[1:]) for line in lines[1:]}
    return Table(file, header, rows, hashlib.blake2b(text.encode(), digest_size=16).digest())


def _wrong(lines: list[list[str]], file: str) -> Iterator[Problem]:
    header = [cell.strip() for cell in lines[0]] if lines else []
    if len(header) < 2 or "" in header or len(set(header)) < len(header):
        hint = "The first line names at least two columns: key,value."
        yield Problem(Code.BAD_VALUE, "the table has no proper header", hint=hint, file=file, line=1)
        return
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            message = f"the line has {len(line)} cells, and the header {len(header)}"
            yield Problem(Code.BAD_VALUE, message, file=file, line=number)
        elif line[0].strip() in seen:
            message = f"there is a line for {line[0].strip()} already"
            yield Problem(Code.BAD_VALUE, message, hint="Keep one of the two.", file=file, line=number)
        seen.add(line[0].strip() if line else "")
