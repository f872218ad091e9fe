"""Stretches of files of which every record was found to be as last acknowledged, or out of scope."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, delete, select

from scimport.state.database import Database
from scimport.state.schema import stretch

# CROSS JOIN keeps SQLite from scanning all stretches for a few.
_SQLITE_LOOKUP = (
    "SELECT s.id, s.digest, s.records, s.people, s.lines, s.row_digests FROM json_each(?) AS k"
    " CROSS JOIN stretch AS s ON s.id = k.value"
)
_PAGE = 500

_MANY = 1000
"""New stretches that make what the database knows of the table wrong."""


class Stretch(NamedTuple):
    """What came of some lines, so that the same lines come to the same.

    Attributes:
        id: The beginning of the digest, as a number.
        digest: Of the lines, and of all that decides what comes of them.
        records: Records in them.
        people: Ids of those whose rows are as last acknowledged, in 8 bytes each; others are out of scope.
        lines: Lines before the row of each of them, in 4 bytes each; empty if they follow each other.
        row_digests: The digests of those rows, one after the other.
    """

    id: int
    digest: bytes
    records: int
    people: bytes
    lines: bytes
    row_digests: bytes


class Stretches:
    """The stretches of one pipeline.

    Args:
        database: The state.
        pipeline: Name of the pipeline.
    """

    def __init__(self, database: Database, pipeline: str) -> None:
        self._database, self._pipeline = database, pipeline
        self._met = array("q")
        self._added = 0

    def lookup(self, connection: Connection, digests: Sequence[bytes]) -> dict[bytes, Stretch]:
        """Find the stretches with these digests."""
        ids = [number(digest) for digest in digests]
        if self._database.dialect == "sqlite":
            cursor = connection.connection.cursor()
            rows = cursor.execute(_SQLITE_LOOKUP, (orjson.dumps(ids).decode(),)).fetchall()
            return {row[1]: Stretch._make(row) for row in rows}
        columns = [stretch.c[name] for name in Stretch._fields]
        found = connection.execute(select(*columns).where(stretch.c.id.in_(ids)))
        return {bytes(row[1]): Stretch(row[0], bytes(row[1]), row[2], *map(bytes, row[3:])) for row in found}

    def meet(self, connection: Connection, found: Sequence[int], new: Sequence[Stretch]) -> None:
        """Note which stretches a plan has found again, and keep new ones."""
        self._met.extend(found)
        if new:
            self._met.extend([one.id for one in new])
            self._added += len(new)
            rows = [(self._pipeline, *one) for one in new]
            self._database.insert_many(connection, stretch, ("pipeline", *Stretch._fields), rows)

    def forget_others(self, connection: Connection) -> None:
        """Remove the stretches that the plan has not met: the next file will hardly have them."""
        met = set(self._met)
        query = select(stretch.c.id).where(stretch.c.pipeline == self._pipeline)
        gone = [one for one in connection.execute(query).scalars() if one not in met]
        for start in range(0, len(gone), _PAGE):
            connection.execute(delete(stretch).where(stretch.c.id.in_(gone[start : start + _PAGE])))
        if self._added >= _MANY:
            self._database.analyze(connection, stretch)


def number(digest: bytes) -> int:
    """The beginning of a digest as a number of 64 bits, by which a stretch is found."""
    return int.from_bytes(digest[:8], signed=True)
