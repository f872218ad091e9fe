"""Settles the marks of the filter ``unique``: the value that is wanted, or the first numbered one free."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from scimport.mappings.mapping import Result, broken
from scimport.mappings.marks import Marked, MarkError, Spot, spots
from scimport.plan.records import Row
from scimport.state.allocations import Allocation, Allocations
from scimport.state.vault import Vault

_AHEAD = 16
"""Numbers that are tried at once when the first value is taken."""

_Place = tuple[str, str]
"""Pool, and key of a person."""


@dataclass(slots=True)
class _Wanted:
    """A person who needs a value.

    Attributes:
        is_new: Whether the person was never accepted.
        first: The first number to try.
    """

    marked: Marked
    is_new: bool
    first: int = 1

    @property
    def family(self) -> tuple[str, str]:
        """What people have in common who want the same."""
        return self.marked.pool, self.marked.text(self.marked.base).casefold()


class Numbering:
    """Gives people unique values, in the order of the source; who has one keeps it.

    Args:
        vault: Of the state.
        pipeline: Name of the pipeline.
        plan_id: The plan that is being made.
    """

    def __init__(self, vault: Vault, pipeline: str, plan_id: str) -> None:
        self._vault = vault
        self._allocations = Allocations(vault, pipeline, plan_id)
        self._next: dict[tuple[str, str], int] = {}

    def settle(self, connection: Connection, rows: Sequence[Row], users: list[Result]) -> None:
        """Put values in the places of all marks; a user with a broken mark becomes a fault."""
        found: list[tuple[Row, Spot]] = []
        for n, (row, user) in enumerate(zip(rows, users, strict=True)):
            if isinstance(user, dict):
                try:
                    found += [(row, spot) for spot in spots(user)]
                except MarkError as error:
                    users[n] = broken(error)
        if not found:
            return
        has = self._allocations.of(connection, {row.key for row, _ in found})
        values = {place: one.value for place, one in has.items()}
        wanted: dict[_Place, _Wanted] = {}
        for row, spot in found:
            marked, place = spot.marked, (spot.marked.pool, row.key)
            if place not in has or not (marked.keeps or _is_of(marked.base, values[place])):
                wanted.setdefault(place, _Wanted(marked, is_new=row.known is None))
        values |= self._allot(connection, wanted)
        for row, spot in found:
            spot.put(values[spot.marked.pool, row.key])

    def _allot(self, connection: Connection, wanted: dict[_Place, _Wanted]) -> dict[_Place, str]:
        """Find free values for people, and keep them."""
        allotted: dict[_Place, str] = {}
        here: dict[tuple[str, int], str] = {}
        ahead = 1
        for one in wanted.values():
            # Whoever was accepted before may have any of the numbers already.
            one.first = self._next.get(one.family, 1) if one.is_new else 1
        while pending := {place: one for place, one in wanted.items() if place not in allotted}:
            tried = {place: self._candidates(one, ahead) for place, one in pending.items()}
            taken = self._taken(connection, pending, tried)
            for place, one in pending.items():
                pool, key = place
                for number, value, digest in tried[place]:
                    others = taken.get((pool, digest), set()) - {key}
                    if not others and here.setdefault((pool, digest), key) == key:
                        allotted[place] = value
                        break
                    one.first = number + 1
                if one.is_new:
                    self._next[one.family] = max(self._next.get(one.family, 1), one.first)
            ahead = _AHEAD
        kept = [
            Allocation(*place, wanted[place].marked.before, value, wanted[place].marked.after)
            for place, value in allotted.items()
        ]
        self._allocations.keep(connection, kept)
        return allotted

    def _candidates(self, one: _Wanted, ahead: int) -> list[tuple[int, str, int]]:
        """The next values to try: number, value, and the digest of the text with it."""
        base, text = one.marked.base, one.marked.text
        numbers = range(one.first, one.first + ahead)
        values = [(n, base if n == 1 else f"{base}{n}") for n in numbers]
        return [(n, value, self._vault.digest_name(text(value))) for n, value in values]

    def _taken(
        self,
        connection: Connection,
        pending: dict[_Place, _Wanted],
        tried: dict[_Place, list[tuple[int, str, int]]],
    ) -> dict[tuple[str, int], set[str]]:
        """Who has which of the digests that are tried, by pool."""
        by_pool: dict[tuple[str, bool], set[int]] = {}
        for place, one in pending.items():
            digests = by_pool.setdefault((place[0], one.marked.attribute == "userName"), set())
            digests.update(digest for _, _, digest in tried[place])
        found: dict[tuple[str, int], set[str]] = {}
        for (pool, is_name), digests in by_pool.items():
            taken = self._allocations.taken(connection, pool, sorted(digests), with_names=is_name)
            for digest, keys in taken.items():
                found.setdefault((pool, digest), set()).update(keys)
        return found


def _is_of(base: str, value: str) -> bool:
    """Whether a value is the wanted one, or a numbered one of it."""
    return re.fullmatch(rf"{re.escape(base)}\d*", value, re.IGNORECASE) is not None
