"""The order in which the people of a plan are sent, kept with the plan in pages of some hundred."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from scimport.apps.outbox import Operation
from scimport.model import Status
from scimport.state.schema import change, queue
from scimport.state.vault import Vault

PAGE = 500
"""Changes of a page."""


class Page(NamedTuple):
    """Part of a plan, in the order in which it is sent.

    Attributes:
        number: Counted from 1 over the plan.
        wave: What must have been accepted before: all of the waves with a smaller number.
        operations: The people in it who are still to be sent.
    """

    number: int
    wave: int
    operations: list[Operation]


class Queue:
    """The order of one plan.

    Args:
        vault: Of the state.
        pipeline: Name of the pipeline.
        plan_id: Its plan.
    """

    def __init__(self, vault: Vault, pipeline: str, plan_id: str) -> None:
        self._vault, self._pipeline, self._plan_id = vault, pipeline, plan_id

    def keep(self, connection: Connection, waves: Iterable[Sequence[int]]) -> None:
        """Keep the order, in the place of any other: ids of changes, wave by wave."""
        connection.execute(delete(queue).where(queue.c.plan_id == self._plan_id))
        pages = (
            (wave, ids[start : start + PAGE])
            for wave, ids in enumerate(waves)
            for start in range(0, len(ids), PAGE)
        )
        rows = [
            {"plan_id": self._plan_id, "number": n, "wave": wave, "changes": orjson.dumps(list(ids)).decode()}
            for n, (wave, ids) in enumerate(pages, start=1)
        ]
        if rows:
            connection.execute(insert(queue), rows)

    def after(self, connection: Connection, number: int) -> Page | None:
        """The page behind the one with this number; None at the end."""
        following = queue.c.plan_id == self._plan_id, queue.c.number > number
        query = select(queue.c.number, queue.c.wave, queue.c.changes).where(*following)
        row = connection.execute(query.order_by(queue.c.number).limit(1)).one_or_none()
        if row is None:
            return None
        opened, name = self._vault.open, self._pipeline
        there = _still_planned(connection, row.changes)
        operations = [Operation(number, key, opened(name, key, body)) for number, key, body in there]
        return Page(row.number, row.wave, operations)

    def pages(self, connection: Connection) -> Iterator[Page]:
        """All pages."""
        page = self.after(connection, 0)
        while page is not None:
            yield page
            page = self.after(connection, page.number)

    def staged(self, connection: Connection) -> Sequence[int]:
        """Ids of all changes that are to be sent, in the order in which they were staged."""
        planned = planned_in_order(connection, self._plan_id)
        return connection.execute(select(change.c.id).where(planned).order_by(change.c.id)).scalars().all()


# CROSS JOIN keeps the order of the page, and SQLite from looking at other changes.
_SQLITE_PLANNED = (
    'SELECT c.id, c."key", c.body FROM json_each(?) AS k CROSS JOIN "change" AS c ON c.id = k.value'
    " WHERE c.status = ? ORDER BY k.key"
)


def _still_planned(connection: Connection, changes: str) -> Iterable[tuple[int, str, bytes]]:
    """Those of a page who are still to be sent, in its order: id, key, body."""
    if connection.dialect.name == "sqlite":
        # The driver's own cursor: a wrapped row costs more than to read it.
        cursor = connection.connection.cursor()
        rows: list[tuple[int, str, bytes]] = cursor.execute(
            _SQLITE_PLANNED, (changes, Status.PLANNED.value)
        ).fetchall()
        return rows
    ids = orjson.loads(changes)
    planned = select(change.c.id, change.c.key, change.c.body).where(
        change.c.id.in_(ids), change.c.status == Status.PLANNED.value
    )
    found = {number: (key, bytes(body)) for number, key, body in connection.execute(planned)}
    return [(one, *found[one]) for one in ids if one in found]


def planned_in_order(connection: Connection, plan_id: str) -> ColumnElement[bool]:
    """The condition for what a plan sends, for a query in order of id.

    The plan's index is in order of key. Hidden from it, the query reads the changes as they lie in the table,
    instead of fetching each one and sorting all of them.
    """
    # Of the bare id, PostgreSQL would look for the least among all changes, from the oldest plan on.
    number = change.c.id + 0
    ends = select(func.min(number), func.max(number)).where(change.c.plan_id == plan_id)
    first, last = connection.execute(ends).one()
    mine = and_(change.c.plan_id.concat("") == plan_id, change.c.id.between(first or 0, last or 0))
    return and_(mine, change.c.status == Status.PLANNED.value)
