"""What every source is: a header, and rows that stream past in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.project.source_config import (
    AnySourceConfig,
    ExcelSourceConfig,
    FixedSourceConfig,
    JsonlSourceConfig,
    SqlSourceConfig,
)

# A position in files is the number of the file above, and the line or row below these bits.
_LINE_BITS = 40
_LINE_MASK = (1 << _LINE_BITS) - 1


def position_of(file: int, line: int = 0) -> int:
    """Position of a line or row of a file."""
    return (file << _LINE_BITS) + line


def file_of(position: int) -> int:
    """Number of the file of a position."""
    return position >> _LINE_BITS


def line_of(position: int) -> int:
    """Line or row of a position."""
    return position & _LINE_MASK


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a source, in its order; at least one.

    Attributes:
        rows: Raw values in the order of the source's columns: untrimmed text from CSV and fixed-width files
            and workbooks, typed values (``None`` for NULL) from databases and JSON. Plain lists or tuples.
        positions: Of each row, what ``Source.place`` turns into words: below 2**63, and greater than those of
            all rows before.
    """

    rows: Sequence[Sequence[object]] = field(repr=False)
    positions: Sequence[int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some whole rows of a file that are not read as rows yet.

    Attributes:
        file: Number of the file.
        before: Lines of the file before them.
        data: Their bytes.
        countable: Whether quotes alone tell where its records end.
    """

    file: int
    before: int
    data: bytes = field(repr=False)
    countable: bool = True

    @property
    def position(self) -> int:
        """Position of a row that begins in its first line."""
        return position_of(self.file, self.before + 1)


Part = Piece | Batch
"""A piece of a file, or rows that had to be read by one process."""


class Source(Protocol):
    """An open source; a context manager that closes itself.

    Attributes:
        columns: Names of the columns: at least one, none blank, no two alike, the key among them.
    """

    columns: tuple[str, ...]

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows once, from the first one. Another call begins again, and ends this one.

        Args:
            size: Most rows of a batch.

        Raises:
            SourceError: While iterating: the source cannot be read to its end, or has fewer rows than
                ``min_rows`` when the end is reached. What came before it must not be used either.
        """
        ...

    def pieces(self) -> Iterator[Piece] | None:
        """Cut all rows into pieces, in order, for a copy of this source; ``None`` when that cannot be done.

        Raises:
            SourceError: While iterating: the source cannot be read to its end.
        """
        return None

    def piece_batches(self, piece: Piece, size: int) -> Iterator[Batch]:
        """Read the rows of a piece as ``batches`` does; ``min_rows`` is not looked at.

        Raises:
            SourceError: While iterating: it cannot be read.
        """
        raise TypeError(f"{type(self).__name__} has no pieces: {piece.file}, {size}")

    def stretches(self, piece: Piece) -> Sequence[tuple[int, bytes]]:
        """Cut a piece into some whole rows each, at places that depend on nothing but what stands there.

        Returns:
            Lines of the piece before each stretch, and its bytes. Most of them are found again in a file of
            another day. None, where rows depend on what came before.
        """
        del piece
        return ()

    def reading(self, file: int) -> bytes:
        """Say what the rows of a piece of a file depend on, but for its bytes."""
        raise TypeError(f"{type(self).__name__} has no pieces: {file}")

    def check_rows(self, found: int) -> None:
        """Refuse rows that came to their end too soon, when all pieces were read.

        Raises:
            SourceError: There are fewer than ``min_rows``.
        """
        del found

    def place(self, position: int) -> Place:
        """Say where a row is that a batch had at ``position``; position 0 is the source as a whole."""
        ...

    def close(self) -> None:
        """Let go of files and connections; iterators of ``batches`` end. It may be called again."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Columns(Source):
    """The columns of a source without its rows.

    Args:
        columns: Their names.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns

    def batches(self, size: int) -> Iterator[Batch]:
        """There are none."""
        del size
        return iter(())

    def place(self, position: int) -> Place:
        """Nowhere."""
        del position
        return Place("")

    def close(self) -> None:
        """There is nothing to close."""


def open_source(config: AnySourceConfig, *, name: str, root: Path) -> Source:
    """Open a source and check its header.

    Args:
        config: What its file says.
        name: Its name, the file's without the suffix.
        root: The project folder; relative paths begin there, those of ``.sql`` files in its ``sources/``.

    Raises:
        SourceError: It is not there, cannot be read, or its header is not as its file says.
    """
    # Each kind imports what it needs: SQLAlchemy is slow, and the others need not be there.
    match config:
        case SqlSourceConfig():
            from scimport.sources.sql import SqlSource  # noqa: PLC0415

            return SqlSource(config, name=name, root=root)
        case ExcelSourceConfig():
            from scimport.sources.excel import ExcelSource  # noqa: PLC0415

            return ExcelSource(config, root=root)
        case FixedSourceConfig():
            from scimport.sources.fixed import FixedSource  # noqa: PLC0415

            return FixedSource(config, root=root)
        case JsonlSourceConfig():
            from scimport.sources.jsonl import JsonlSource  # noqa: PLC0415

            return JsonlSource(config, root=root)
        case _:
            from scimport.sources.csv_file import CsvSource  # noqa: PLC0415

            return CsvSource(config, root=root)


def counted(number: int, noun: str) -> str:
    """Put a number before a noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def source_state(config: AnySourceConfig, root: Path) -> list[tuple[str, int, int]]:
    """What tells cheaply whether local files have changed: path, size and time of each; empty elsewhere."""
    if config.kind == "sql" or "://" in config.path:
        return []
    files = sorted(path for path in root.glob(config.path) if path.is_file()) if _is_glob(config.path) else []
    found = files or [path for path in (root / config.path,) if path.is_file()]
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found]


def source_time(config: AnySourceConfig, root: Path) -> float | None:
    """When the oldest local file of a source was written, in seconds since 1970; ``None`` for none."""
    return min((time / 1e9 for _, _, time in source_state(config, root)), default=None)


def source_digest(config: AnySourceConfig, root: Path) -> str:
    """SHA-256 of the local files of a source, byte for byte; empty where there are none."""
    files = source_state(config, root)
    whole = hashlib.sha256()
    for path, _, _ in files:
        with Path(path).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest() if files else ""


def _is_glob(path: str) -> bool:
    return not Path(path).is_absolute() and any(sign in path for sign in "*?[")


def check_rows(found: int, wanted: int, file: str) -> None:
    """Refuse a source that has come to its end with fewer rows than its ``min_rows``."""
    if found >= wanted:
        return
    message = f"the source has {counted(found, 'row')}; min_rows wants at least {wanted}"
    hint = "Look whether the export is complete. If it is, lower min_rows."
    raise SourceError(Problem(Code.TOO_FEW_ROWS, message, hint=hint, file=file))
