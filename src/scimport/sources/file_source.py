"""What all sources have in common that read files, one after the other as if they were one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.project.source_config import FileSourceConfig
from scimport.sources.base import Batch, Source, check_rows, file_of, line_of, position_of
from scimport.sources.columns import bad_names, missing_key
from scimport.sources.files import DataFile, find_files

SHOWN_PROBLEMS = 10
"""Most problems of one file that are told at once."""

Rows = Sequence[Sequence[object]]
Slice = tuple[Rows, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a file's columns, trimmed, and the line or row that they end in; 0 where there is none."""

    names: tuple[str, ...]
    line: int = 0


class FileSource(Source):
    """One or more files with the same columns.

    A subclass reads one file: its header, and its rows with the lines that they begin in.

    Args:
        config: What the source's file says.
        root: The project folder.

    Raises:
        SourceError: A file is missing or cannot be read, or a header is not as it should be.
    """

    counts_rows = False
    """Whether places are rows of a sheet, not lines of a text."""

    def __init__(self, config: FileSourceConfig, *, root: Path) -> None:
        files = find_files(config.path, root, config.storage_options, newest=config.files == "newest")
        self._files, self._key, self._min_rows = files, config.key, config.min_rows
        self._shown = config.path if len(files) > 1 else files[0].shown
        self._running: Generator[Batch] | None = None
        self._change = _Blanks(frozenset(config.null_values), config.trim)
        self._prepare(config)
        self._headers = tuple(self._checked(number) for number in range(len(files)))
        self.columns = self._headers[0].names
        self._check_same_columns()

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows of all files; a batch never has rows of two files."""
        self.close()
        self._running = self._read(size)
        return self._running

    def place(self, position: int) -> Place:
        """Say in which file a row is, and in which line it begins (or in which row of the sheet it is)."""
        file, number = self._files[file_of(position)].shown, line_of(position) or None
        return Place(file, row=number) if self.counts_rows else Place(file, line=number)

    def close(self) -> None:
        """Close the file that is being read."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to read pieces."""
        return {**self.__dict__, "_running": None}

    def _prepare(self, config: Any) -> None:
        """Take what the subclass needs from its own keys, before any file is opened."""

    @abstractmethod
    def _header(self, number: int) -> Header:
        """Read the header of a file."""

    @abstractmethod
    def _slices(self, number: int, size: int, offset: int) -> Generator[Slice]:
        """Read the rows of a file: at most ``size`` at a time, with ``offset`` plus line (or row) of each."""

    def _read(self, size: int) -> Generator[Batch]:
        found = 0
        for number, header in enumerate(self._headers):
            reorder = self._reorder(header)
            with closing(self._slices(number, size, position_of(number))) as slices:
                for rows, positions in slices:
                    found += len(rows)
                    yield Batch(reorder(rows), positions)
        self.check_rows(found)

    def check_rows(self, found: int) -> None:
        """Refuse a source that has come to its end with fewer rows than its ``min_rows``."""
        check_rows(found, self._min_rows, self._shown)

    def _reorder(self, header: Header) -> Callable[[Rows], Rows]:
        if header.names == self.columns:
            return self._change
        pick, change = itemgetter(*[header.names.index(name) for name in self.columns]), self._change
        return lambda rows: change([pick(row) for row in rows])

    def _checked(self, number: int) -> Header:
        header, file = self._header(number), self._files[number].shown
        at = {"row" if self.counts_rows else "line": header.line or None}
        lost = missing_key(header.names, self._key, file=file, **at)
        if problems := [lost] if lost else list(bad_names(header.names, file=file, **at)):
            raise SourceError(problems)
        return header

    def _check_same_columns(self) -> None:
        problems = []
        for file, header in zip(self._files[1:], self._headers[1:], strict=True):
            missing = [name for name in self.columns if name not in header.names]
            extra = sum(name not in self.columns for name in header.names)
            if missing or extra:
                named = f"lacks {', '.join(map(repr, missing[:5]))}" if missing else "lacks none"
                message = f"not the columns of {self._files[0].shown}: it {named} and has {extra} others"
                hint = "All files of a path need the same columns, in any order."
                problems.append(
                    Problem(Code.SOURCE_HEADER, message, hint=hint, file=file.shown, line=header.line or None)
                )
        if problems:
            raise SourceError(problems[:SHOWN_PROBLEMS])


def empty_file(file: DataFile) -> SourceError:
    """Make the error of a file without a header."""
    message, hint = "the file is empty: it has not even a header", "Look whether the export is complete."
    return SourceError(Problem(Code.SOURCE_EMPTY, message, hint=hint, file=file.shown))


def changed_file(file: DataFile) -> SourceError:
    """Make the error of a file that is another one than when its header was read."""
    message, hint = "the file was changed while it was read", "Run again when it is complete."
    return SourceError(Problem(Code.SOURCE_CHANGED, message, hint=hint, file=file.shown))


@dataclass(frozen=True, slots=True)
class _Blanks:
    """Makes the words for nothing blank; without any, rows are as they are."""

    words: frozenset[str]
    trim: bool

    def __call__(self, rows: Rows) -> Rows:
        if not self.words:
            return rows
        return [["" if self._is_null(cell) else cell for cell in row] for row in rows]

    def _is_null(self, cell: object) -> bool:
        return isinstance(cell, str) and (cell.strip() if self.trim else cell) in self.words
