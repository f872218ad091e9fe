"""A source whose columns have changed against its contract: new, missing, renamed and retyped ones.

What happens to each is said by ``drift`` of the source's file. A header that is wrong is one problem for a
column, not one for every record.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem, Severity
from scimport.project.project import LoadedSource
from scimport.project.source_config import ColumnContract
from scimport.sources.base import Batch, Piece, Source, counted, open_source
from scimport.sources.contract import compile_contract

# So many records are looked at for the types of columns, and so many values of one are enough to judge it.
_SAMPLE = 1000
_ENOUGH = 20
# Among them so many may still read as the type.
_STILL_READ = 0.1
# What counts as a resemblance of names that are spelt differently.
_SIMILAR = 0.75

_MISSING_HINT = "Correct the contract, or the export; drift: {missing: warn} would read it as blank."
_NEW_HINT = "Add them to columns:, or take them out of the export."
_NAMED = 5
_RENAMED_HINT = (
    "Use the new name in contract and mapping; drift: {renamed: warn} would read it as the old one."
)
_RETYPED_HINT = "Correct type: and format: in the contract, and the mapping; or the export."


class SteadySource(Source):
    """A source as its contract has it: with missing columns that are accepted, and old names of renamed ones.

    Attributes:
        warnings: What has changed and stops nothing; complete when all rows have been read.

    Args:
        source: The source as it is; it is closed together with this one.
        loaded: Its file.

    Raises:
        SourceError: A column has changed in a way that stops the run.
    """

    def __init__(self, source: Source, loaded: LoadedSource) -> None:
        self._source, self._loaded = source, loaded
        self._running: Generator[Batch] | None = None
        self.warnings: list[Problem] = []
        missing = [name for name in loaded.config.columns if name not in source.columns]
        new = [name for name in source.columns if name not in {*loaded.config.columns, loaded.config.key}]
        renamed = _renamed(missing, new) if missing else {}
        drift, gone = loaded.config.drift, [name for name in missing if name not in renamed]
        self._tell(drift.missing, [self._missing(name, new) for name in gone])
        self._tell(drift.renamed, [self._renamed(old, now) for old, now in renamed.items()])
        if loaded.config.columns and drift.new != "accept":
            unknown = [name for name in new if name not in renamed.values()]
            self._tell(drift.new, [self._new(unknown)] if unknown else [])
        if stops := [one for one in self.warnings if one.severity is Severity.ERROR]:
            raise SourceError(stops)
        names = {now: old for old, now in renamed.items()}
        self._added = len(gone)
        self.columns = (*(names.get(name, name) for name in source.columns), *gone)

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows once; a column that is missing is ``None`` in all of them."""
        self._end()
        self._running = self._read(size)
        return self._running

    def pieces(self) -> Iterator[Piece] | None:
        """Cut all rows into pieces, after a look at the types of the first ones."""
        pieces = self._source.pieces()
        return None if pieces is None else self._looked_at(pieces)

    def piece_batches(self, piece: Piece, size: int) -> Iterator[Batch]:
        """Read the rows of a piece; a column that is missing is ``None`` in all of them."""
        batches = self._source.piece_batches(piece, size)
        return self._widened(batches) if self._added else batches

    def stretches(self, piece: Piece) -> Sequence[tuple[int, bytes]]:
        """Cut a piece into stretches."""
        return self._source.stretches(piece)

    def reading(self, file: int) -> bytes:
        """Say what the rows of a piece depend on: what is added to them, too."""
        return self._source.reading(file) + repr((self.columns, self._added)).encode()

    def check_rows(self, found: int) -> None:
        """Refuse too few rows."""
        self._source.check_rows(found)

    def place(self, position: int) -> Place:
        """Say where a row is."""
        return self._source.place(position)

    def close(self) -> None:
        """Close the source."""
        self._end()
        self._source.close()

    def _end(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to read pieces."""
        return {**self.__dict__, "_running": None}

    def _read(self, size: int) -> Generator[Batch]:
        batches = self._source.batches(size)
        if self._added:
            batches = self._widened(batches)
        first: list[Batch] = []
        if self._typed:
            first = _sample(batches)
            self._judge(first)
        yield from chain(first, batches)

    def _looked_at(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        first: list[Piece] = []
        if self._typed:

            def read() -> Iterator[Batch]:
                for piece in pieces:
                    first.append(piece)
                    yield from self.piece_batches(piece, _SAMPLE)

            self._judge(_sample(read()))
        yield from chain(first, pieces)

    def _widened(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        blank = [None] * self._added
        for batch in batches:
            yield Batch([[*row, *blank] for row in batch.rows], batch.positions)

    @cached_property
    def _typed(self) -> dict[str, ColumnContract]:
        """The columns whose values are looked at: whether they are still of their types."""
        if self._loaded.config.drift.retyped == "accept":
            return {}
        return {
            name: ColumnContract(type=rule.type, format=rule.format)
            for name, rule in self._loaded.config.columns.items()
            if rule is not None and rule.type != "text"
        }

    def _judge(self, first: Sequence[Batch]) -> None:
        problems = [self._retyped(name) for name in self._unread(first)]
        self._tell(self._loaded.config.drift.retyped, problems)
        if stops := [one for one in self.warnings if one.severity is Severity.ERROR]:
            raise SourceError(stops)

    def _unread(self, batches: Sequence[Batch]) -> Iterator[str]:
        """The columns of which nearly no value reads as its type."""
        for name, rule in self._typed.items():
            at, check = self.columns.index(name), compile_contract({name: rule}).check
            cells = (row[at] for batch in batches for row in batch.rows)
            values = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
            full = [value for value in values if value not in (None, "")]
            read = sum(not check([value]) for value in full)
            if len(full) >= _ENOUGH and read <= _STILL_READ * len(full):
                yield name

    def _tell(self, mode: str, problems: Sequence[Problem]) -> None:
        if mode != "accept":
            self.warnings += [
                one if mode == "stop" else replace(one, severity=Severity.WARNING) for one in problems
            ]

    def _problem(self, code: Code, name: str, message: str, hint: str) -> Problem:
        return self._loaded.document.problem(code, ("columns", name), message, hint)

    def _missing(self, name: str, new: Sequence[str]) -> Problem:
        near = difflib.get_close_matches(name, new, n=1, cutoff=0.6)
        hint = f"Did you mean '{near[0]}'?" if near else _MISSING_HINT
        return self._problem(Code.MISSING_COLUMN, name, f"the source has no column '{name}'", hint)

    def _new(self, names: Sequence[str]) -> Problem:
        some = ", ".join(map(repr, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
        message = f"{counted(len(names), 'column')} of the source not in the contract: {some}"
        return self._loaded.document.problem(Code.NEW_COLUMN, ("columns",), message, _NEW_HINT)

    def _renamed(self, old: str, now: str) -> Problem:
        message = f"the source has no column '{old}', and a new one '{now}' that resembles it"
        return self._problem(Code.RENAMED_COLUMN, old, message, _RENAMED_HINT)

    def _retyped(self, name: str) -> Problem:
        rule = self._loaded.config.columns[name] or ColumnContract()
        what = f"{rule.type} in the format {rule.format}" if rule.format else rule.type
        message = f"nearly no value of '{name}' among the first records is of the type {what}"
        return self._problem(Code.RETYPED_COLUMN, name, message, _RETYPED_HINT)


def _sample(batches: Iterator[Batch]) -> list[Batch]:
    """The first batches, of some rows in all."""
    first: list[Batch] = []
    rows = 0
    for batch in batches:
        first.append(batch)
        rows += len(batch.rows)
        if rows >= _SAMPLE:
            break
    return first


def open_steady(loaded: LoadedSource, root: Path) -> SteadySource:
    """Open a source and compare it with its contract.

    Args:
        loaded: The source's file.
        root: The project folder.

    Raises:
        SourceError: It cannot be opened, or a column has changed in a way that stops the run.
    """
    source = open_source(loaded.config, name=loaded.name, root=root)
    try:
        return SteadySource(source, loaded)
    except BaseException:
        source.close()
        raise


def _renamed(missing: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """The missing columns that one new column resembles, and no other missing one does."""
    likeness = {
        (old, now): difflib.SequenceMatcher(None, plain(old), plain(now)).ratio()
        for old in missing
        for now in new
    }
    alike = {pair for pair, ratio in likeness.items() if ratio >= _SIMILAR}
    best = {pair for pair in alike if likeness[pair] == 1} or alike
    return {
        old: now
        for old, now in sorted(best)
        if sum(pair[0] == old for pair in best) == sum(pair[1] == now for pair in best) == 1
    }


def plain(name: str) -> str:
    """A name without what exports change: case, accents, blanks and signs."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^\w]|_", "", "".join(sign for sign in decomposed if not unicodedata.combining(sign)))
