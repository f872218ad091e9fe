"""A source with the corrections of sources/overrides.yml in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Place, Problem, Severity
from scimport.project.overrides import FILE, Override
from scimport.project.project import LoadedSource
from scimport.project.values import did_you_mean
from scimport.sources.base import Batch, Piece, Source
from scimport.sources.cells import given_cell
from scimport.sources.drift import SteadySource


class CorrectedSource(Source):
    """A source whose cells are corrected, so that everything behind it sees the right ones.

    Attributes:
        warnings: What is to be said of source and corrections; complete when all rows have been read.

    Args:
        source: The source; it is closed together with this one.
        loaded: Its file.
        overrides: The corrections.
        today: A correction that has expired before it does not count.

    Raises:
        ConfigError: A correction is of a column that the source does not have, or of the key.
    """

    def __init__(
        self, source: SteadySource, loaded: LoadedSource, overrides: Sequence[Override], today: date
    ) -> None:
        self._source, self.columns = source, source.columns
        self.warnings: list[Problem] = source.warnings
        self._key = source.columns.index(loaded.config.key)
        if problems := [*_wrong(overrides, source.columns, loaded.config.key)]:
            raise ConfigError(problems)
        past = [one for one in overrides if one.config.expires < today.isoformat()]
        self.warnings += [_expired(one) for one in past]
        self._cells: dict[str, list[tuple[int, object, Override]]] = {}
        for one in overrides:
            if one not in past:
                column = one.config.column
                cell = (
                    source.columns.index(column),
                    given_cell(loaded.config, column, one.config.value),
                    one,
                )
                self._cells.setdefault(one.config.key.strip(), []).append(cell)

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows once, corrected."""
        counts: Counter[str] = Counter()
        left = dict(self._cells)
        for batch in self._source.batches(size):
            keys = [str(row[self._key]).strip() for row in batch.rows]
            if self._cells.keys().isdisjoint(keys):
                yield batch
                continue
            rows = list(batch.rows)
            for n, key in enumerate(keys):
                if key in self._cells:
                    left.pop(key, None)
                    rows[n] = self._corrected(rows[n], key, counts)
            yield Batch(rows, batch.positions)
        self.warnings += _told(counts, [one for cells in left.values() for _, _, one in cells])

    def pieces(self) -> Iterator[Piece] | None:
        """Cut all rows into pieces; corrections are counted, so that one process must see them all."""
        return None if self._cells else self._source.pieces()

    def piece_batches(self, piece: Piece, size: int) -> Iterator[Batch]:
        """Read the rows of a piece, which no correction is for."""
        return self._source.piece_batches(piece, size)

    def stretches(self, piece: Piece) -> Sequence[tuple[int, bytes]]:
        """Cut a piece into stretches."""
        return self._source.stretches(piece)

    def reading(self, file: int) -> bytes:
        """Say what the rows of a piece depend on."""
        return self._source.reading(file)

    def check_rows(self, found: int) -> None:
        """Refuse too few rows."""
        self._source.check_rows(found)

    def place(self, position: int) -> Place:
        """Say where a row is."""
        return self._source.place(position)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _corrected(self, row: Sequence[object], key: str, counts: Counter[str]) -> list[object]:
        cells = list(row)
        for place, value, one in self._cells[key]:
            cells[place] = value
            counts[one.config.column] += 1
        return cells


def _wrong(overrides: Sequence[Override], columns: Sequence[str], key: str) -> Iterator[Problem]:
    for one in overrides:
        column = one.config.column
        if column == key:
            hint = "Correct the source: under another key it is another person."
            yield one.problem(Code.BAD_VALUE, f"{column} is the key, which cannot be corrected", hint)
        elif column not in columns:
            message = f"the source has no column {column}"
            yield one.problem(Code.UNKNOWN_COLUMN, message, did_you_mean(column, columns))


def _expired(one: Override) -> Problem:
    message = f"a correction of {one.config.column} has expired and does not count any more"
    hint = "Remove it; or say another day, if the source is still wrong."
    return replace(one.problem(Code.OVERRIDE_EXPIRED, message, hint), severity=Severity.WARNING)


def _told(counts: Counter[str], unused: Sequence[Override]) -> Iterator[Problem]:
    if counts:
        columns = ", ".join(f"{name} ({number})" for name, number in sorted(counts.items()))
        message = f"{counts.total()} cells are corrected: {columns}"
        yield Problem(Code.OVERRIDE_APPLIED, message, severity=Severity.NOTE, file=FILE)
    for one in unused:
        message = f"the source has no record for a correction of {one.config.column}"
        problem = one.problem(Code.OVERRIDE_UNUSED, message, "Remove it if the record is gone for good.")
        yield replace(problem, severity=Severity.WARNING)
