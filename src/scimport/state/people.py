"""The people of one pipeline as the endpoint last acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, case, func, select, text, update

from scimport.state.database import Database
from scimport.state.schema import person

_LOOKUPS = {
    # CROSS JOIN keeps SQLite from scanning all people for a few keys.
    "sqlite": text(
        "SELECT k.key AS n, p.id, p.active, p.row_digest, p.user_digest FROM json_each(:keys) AS k"
        " CROSS JOIN person AS p ON p.pipeline = :pipeline AND p.key = k.value"
    ),
    "postgresql": text(
        "SELECT k.n - 1 AS n, p.id, p.active, p.row_digest, p.user_digest"
        " FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k(key, n)"
        " JOIN person AS p ON p.pipeline = :pipeline AND p.key = k.key"
    ),
}


class Known(NamedTuple):
    """What a comparison needs of a person: a tuple, since there is one for each row of a source."""

    id: int
    active: bool
    row_digest: bytes
    user_digest: bytes


class Person(NamedTuple):
    """A person as last acknowledged."""

    id: int
    key: str
    external_id: str
    active: bool
    body: bytes


class People:
    """The people of one pipeline.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
    """

    def __init__(self, database: Database, pipeline: str) -> None:
        self._database = database
        self._pipeline = pipeline

    def lookup(self, connection: Connection, keys: Sequence[str]) -> dict[int, Known]:
        """Find those of ``keys`` that are known: index in ``keys`` -> person."""
        dialect = self._database.dialect
        if dialect == "sqlite":
            encoded = {"keys": orjson.dumps(keys).decode(), "pipeline": self._pipeline}
            found = connection.execute(_LOOKUPS[dialect], encoded)
            return {row[0]: Known(row[1], bool(row[2]), row[3], row[4]) for row in found}
        if dialect == "postgresql":
            found = connection.execute(_LOOKUPS[dialect], {"keys": list(keys), "pipeline": self._pipeline})
            return {row[0]: Known(row[1], row[2], bytes(row[3]), bytes(row[4])) for row in found}
        columns = (person.c.key, person.c.id, person.c.active, person.c.row_digest, person.c.user_digest)
        query = select(*columns).where(person.c.pipeline == self._pipeline, person.c.key.in_(keys))
        by_key = {row[0]: Known(row[1], row[2], row[3], row[4]) for row in connection.execute(query)}
        return {n: by_key[key] for n, key in enumerate(keys) if key in by_key}

    def id_range(self, connection: Connection) -> tuple[int, int]:
        """Smallest and largest id of a person of this pipeline; (1, 0) when there is none."""
        query = select(func.min(person.c.id), func.max(person.c.id)).where(
            person.c.pipeline == self._pipeline
        )
        low, high = connection.execute(query).one()
        return (1, 0) if low is None else (low, high)

    def refresh(self, connection: Connection, digests: Sequence[tuple[int, bytes]]) -> None:
        """Keep the new row digests (id, digest) of people whose user came out as it was."""
        if digests:
            statement = (
                update(person)
                .where(person.c.id == bindparam("person_id"))
                .values(row_digest=bindparam("digest"))
            )
            connection.execute(statement, [{"person_id": n, "digest": digest} for n, digest in digests])

    def active(self, connection: Connection, size: int = 5000) -> Iterator[Sequence[tuple[int, str]]]:
        """All people who were last acknowledged as active: pages of (id, key) in order of id."""
        last = 0
        columns = select(person.c.id, person.c.key).where(
            person.c.pipeline == self._pipeline, person.c.active
        )
        while page := connection.execute(
            columns.where(person.c.id > last).order_by(person.c.id).limit(size)
        ).all():
            yield [(row[0], row[1]) for row in page]
            last = page[-1][0]

    def get(self, connection: Connection, ids: Sequence[int]) -> list[Person]:
        """The people with these ids, in order of id."""
        columns = (person.c.id, person.c.key, person.c.external_id, person.c.active, person.c.body)
        query = select(*columns).where(person.c.id.in_(ids)).order_by(person.c.id)
        return [Person(*row) for row in connection.execute(query)]

    def count(self, connection: Connection) -> tuple[int, int]:
        """How many people are known, and how many of them are active."""
        active = func.coalesce(func.sum(case((person.c.active, 1), else_=0)), 0)
        query = select(func.count(), active).where(person.c.pipeline == self._pipeline)
        row = connection.execute(query).one()
        return int(row[0]), int(row[1])
