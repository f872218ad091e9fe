"""The people of one pipeline as the endpoint last acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, case, func, select, update

from scimport.state.database import Database
from scimport.state.schema import person, person_user

# CROSS JOIN keeps SQLite from scanning all people for a few keys.
_SQLITE_LOOKUP = (
    "SELECT k.key, p.id, p.active, p.row_digest, p.user_digest FROM json_each(?) AS k"
    " CROSS JOIN person AS p ON p.pipeline = ? AND p.key = k.value"
)
_POSTGRESQL_LOOKUP = (
    "SELECT k.n - 1, p.id, p.active, p.row_digest, p.user_digest"
    " FROM unnest(CAST(%s AS text[])) WITH ORDINALITY AS k(key, n)"
    " JOIN person AS p ON p.pipeline = %s AND p.key = k.key"
)


_SQLITE_DIGESTS = (
    "SELECT p.id, p.row_digest FROM json_each(?) AS k"
    " CROSS JOIN person AS p ON p.id = k.value WHERE p.pipeline = ?"
)
# One look for each: for a thousand people a join would rather read all that there are.
_POSTGRESQL_DIGESTS = (
    "SELECT k.id, (SELECT p.row_digest FROM person AS p WHERE p.id = k.id AND p.pipeline = %s)"
    " FROM unnest(CAST(%s AS bigint[])) AS k(id)"
)


class Known(NamedTuple):
    """What a comparison needs of a person: a tuple, since there is one for each row of a source.

    Attributes:
        n: Index of the key that was looked up.
    """

    n: int
    id: int
    active: bool
    row_digest: bytes
    user_digest: bytes


Found = tuple[int, int, bool, bytes, bytes]
"""The fields of :class:`Known`; making one for each unchanged row would cost more than comparing it."""


class Person(NamedTuple):
    """A person as last acknowledged."""

    id: int
    key: str
    external_id: str
    body: bytes
    name_digest: int


class People:
    """The people of one pipeline.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
    """

    def __init__(self, database: Database, pipeline: str) -> None:
        self._database = database
        self._pipeline = pipeline
        self._vault = database.vault

    def lookup(self, connection: Connection, keys: Sequence[str]) -> list[Found]:
        """Find those of ``keys`` that are known: the fields of :class:`Known`, in any order."""
        if self._database.dialect == "sqlite":
            # The driver's own cursor: a wrapped row costs more than the search for it.
            cursor = connection.connection.cursor()
            parameters = (orjson.dumps(keys).decode(), self._pipeline)
            found: list[Found] = cursor.execute(_SQLITE_LOOKUP, parameters).fetchall()
            return found
        if self._database.by_psycopg:
            rows = connection.exec_driver_sql(
                _POSTGRESQL_LOOKUP, (list(keys), self._pipeline)
            ).cursor.fetchall()
            return [(row[0], row[1], row[2], bytes(row[3]), bytes(row[4])) for row in rows]
        columns = (person.c.key, person.c.id, person.c.active, person.c.row_digest, person.c.user_digest)
        query = select(*columns).where(person.c.pipeline == self._pipeline, person.c.key.in_(keys))
        by_key = {row[0]: tuple(row[1:]) for row in connection.execute(query)}
        return [(n, *by_key[key]) for n, key in enumerate(keys) if key in by_key]

    def known(self, connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, Known]]:
        """People by id: key, and what a comparison needs; few at a time."""
        columns = (person.c.id, person.c.key, person.c.active, person.c.row_digest, person.c.user_digest)
        rows = connection.execute(select(*columns).where(person.c.id.in_(ids)))
        return {
            row[0]: (row[1], Known(0, row[0], bool(row[2]), bytes(row[3]), bytes(row[4]))) for row in rows
        }

    def row_digests(self, connection: Connection, ids: Sequence[int]) -> dict[int, bytes]:
        """Digests of the rows of people as last acknowledged, by id; nobody of another pipeline."""
        if self._database.dialect == "sqlite":
            cursor = connection.connection.cursor()
            parameters = (orjson.dumps(ids).decode(), self._pipeline)
            return dict(cursor.execute(_SQLITE_DIGESTS, parameters).fetchall())
        if self._database.by_psycopg:
            rows = connection.exec_driver_sql(_POSTGRESQL_DIGESTS, (self._pipeline, list(ids)))
            return {row[0]: bytes(row[1]) for row in rows.cursor.fetchall() if row[1] is not None}
        mine = person.c.pipeline == self._pipeline, person.c.id.in_(ids)
        return {
            row[0]: bytes(row[1])
            for row in connection.execute(select(person.c.id, person.c.row_digest).where(*mine))
        }

    def id_range(self, connection: Connection) -> tuple[int, int]:
        """Smallest and largest id of a person of this pipeline; (1, 0) when there is none."""
        ends: list[int] = []
        for active in (True, False):
            # The first and the last of an index, where both at once, or of all, would be a look at each.
            mine = person.c.pipeline == self._pipeline, person.c.active == active
            for end in (func.min(person.c.id), func.max(person.c.id)):
                ends += filter(None, [connection.execute(select(end).where(*mine)).scalar()])
        return (min(ends), max(ends)) if ends else (1, 0)

    def any(self, connection: Connection) -> bool:
        """Whether anybody is known."""
        query = select(person.c.id).where(person.c.pipeline == self._pipeline).limit(1)
        return connection.execute(query).first() is not None

    def refresh(self, connection: Connection, digests: Sequence[tuple[int, bytes]]) -> None:
        """Keep the new row digests (id, digest) of people whose user came out as it was."""
        if digests:
            statement = (
                update(person)
                .where(person.c.id == bindparam("person_id"))
                .values(row_digest=bindparam("digest"))
            )
            connection.execute(statement, [{"person_id": n, "digest": digest} for n, digest in digests])

    def compare_again(self, connection: Connection, ids: Sequence[int]) -> None:
        """People are sent again with the next plan that finds them in the source, changed or not."""
        never = {"row_digest": b"", "user_digest": b""}
        connection.execute(update(person).where(person.c.id.in_(ids)).values(never))

    def listed(
        self, connection: Connection, ids: Sequence[int], *, inactive: bool = False, size: int = 500
    ) -> Iterator[list[Person]]:
        """Those of ``ids`` who are of this pipeline, in pages; inactive ones only where they are wanted."""
        columns = (person.c.id, person.c.key, person.c.external_id, person_user.c.body, person.c.name_digest)
        joined = select(*columns).join(person_user, person_user.c.person_id == person.c.id)
        query = joined.where(person.c.pipeline == self._pipeline).order_by(person.c.id)
        query = query if inactive else query.where(person.c.active)
        for start in range(0, len(ids), size):
            page = connection.execute(query.where(person.c.id.in_(ids[start : start + size])))
            if people := [
                Person(row[0], row[1], row[2], self._open(row[1], bytes(row[3])), row[4]) for row in page
            ]:
                yield people

    def count(self, connection: Connection) -> tuple[int, int]:
        """How many people are known, and how many of them are active."""
        active = func.coalesce(func.sum(case((person.c.active, 1), else_=0)), 0)
        query = select(func.count(), active).where(person.c.pipeline == self._pipeline)
        row = connection.execute(query).one()
        return int(row[0]), int(row[1])

    def _open(self, key: str, body: bytes) -> bytes:
        return self._vault.open(self._pipeline, key, body)
