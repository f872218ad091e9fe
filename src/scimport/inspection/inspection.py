"""A file, looked at: its table, its columns, what they mean, and which of them names a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scimport.inspection.profile import LOOKED_AT, Column, profiled
from scimport.inspection.table import Table, find_table
from scimport.inspection.words import attribute, decided
from scimport.sources.files import DataFile

_NAMES = ("name.givenName", "name.familyName")
_EMAIL = 'emails[type eq "work"].value'
_MANAGER = "enterprise.manager.value"
# Columns that say something about a person, and not who it is.
_NO_KEY = frozenset(("born", "private", "hired", "left", "status", *_NAMES))
_NEARLY = 0.9
_MOSTLY = 0.8


@dataclass(frozen=True)
class Inspection:
    """What is known of a file.

    Attributes:
        file: Its name.
        table: How it is read.
        columns: What its cells look like.
        count: Number of its records.
        meanings: The attribute that each column's header names (``words.attribute``), each attribute once.
        keys: Columns that may be the key, the best one first.
        active: The column that says who is active, with the values for active and for inactive; ``None``
            where that is not obvious.
    """

    file: str
    table: Table
    columns: tuple[Column, ...]
    count: int
    meanings: dict[str, str]
    keys: tuple[str, ...]
    active: tuple[str, tuple[str, ...], tuple[str, ...]] | None

    def column(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)

    def named(self, meaning: str) -> Column | None:
        """The column that a meaning was found for."""
        return next((self.column(name) for name, found in self.meanings.items() if found == meaning), None)


def inspected(file: DataFile) -> Inspection:
    """Look at a file: all of it for its dialect and length, the first records for their cells.

    Raises:
        SourceError: It cannot be read, or holds no table.
    """
    table = find_table(file)
    columns, count = profiled(table.columns, table.rows())
    meanings = _meanings(columns)
    keys = _keys(columns, meanings)
    if (manager := _by(meanings, _MANAGER)) and not _are_keys(columns, manager, keys):
        del meanings[manager]
    active = _active(columns, meanings)
    if active and table.kind == "jsonl" and any(value.isdecimal() for value in active[1] + active[2]):
        active = None  # whether it is a number or a text, its text no longer tells
    return Inspection(file.shown, table, tuple(columns), count, meanings, keys, active)


def about_key(column: Column) -> str:
    """Say whether a column can be the key: what speaks against it."""
    found = [f"{column.repeated:,} values occur more than once"] if column.repeated else []
    missing = column.cells - column.full
    found += [f"{missing:,} cells are blank"] if missing else []
    words = ", ".join(found) or "all values are different, none is blank"
    return words + (f" (of the first {LOOKED_AT:,} records)" if column.cells >= LOOKED_AT else "")


def _meanings(columns: Sequence[Column]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        meaning = attribute(column.name)
        if meaning and meaning not in found.values() and column.full:
            found[column.name] = meaning
    if not _by(found, _EMAIL):
        unknown = (
            column.name for column in columns if column.kind == "e-mail" and not attribute(column.name)
        )
        found |= dict.fromkeys(list(unknown)[:1], _EMAIL)
    for given, other in (_NAMES, _NAMES[::-1]):
        alone = _by(found, given)
        if alone and not _by(found, other):
            # "Name" beside nothing else holds whole names.
            found.pop(alone)
            found |= {} if _by(found, "displayName") else {alone: "displayName"}
    return found


def _by(meanings: dict[str, str], meaning: str) -> str | None:
    return next((name for name, found in meanings.items() if found == meaning), None)


def _keys(columns: Sequence[Column], meanings: dict[str, str]) -> tuple[str, ...]:
    def rank(column: Column) -> int:
        meaning = meanings.get(column.name)
        if meaning in _NO_KEY or column.kind in ("date", "phone", "number", "blank"):
            return 0
        if meaning == "externalId":
            return 5 if column.is_unique else 4 if column.distinct >= _NEARLY * column.cells else 0
        if not column.is_unique:
            return 0
        if meaning == "userName" or column.kind == "e-mail":
            return 2
        return 3 if meaning is None and (column.pattern or column.kind == "integer") else 0

    ranked = sorted(((rank(column), column.name) for column in columns), key=lambda one: -one[0])
    return tuple(name for score, name in ranked if score)


def _are_keys(columns: Sequence[Column], manager: str, keys: Sequence[str]) -> bool:
    if not keys:
        return False
    known = next(column for column in columns if column.name == keys[0]).values
    bosses = next(column for column in columns if column.name == manager).values
    return sum(count for boss, count in bosses.items() if boss in known) >= _MOSTLY * bosses.total()


def _active(
    columns: Sequence[Column], meanings: dict[str, str]
) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    for column in columns:
        if (
            meanings.get(column.name) == "status"
            and column.distinct <= 20
            and (found := decided(column.values))
        ):
            return column.name, *found
    return None
