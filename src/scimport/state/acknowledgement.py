"""What it takes to take people for accepted: their changes become what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Select,
    String,
    Table,
    UpdateBase,
    and_,
    any_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from scimport.apps.outbox import Delivery
from scimport.model import Status
from scimport.state import allocations, outcomes
from scimport.state.database import Database, Filling
from scimport.state.schema import allocation, awaited_manager, change, outcome, person, person_user
from scimport.state.vault import Values

_COPIED = (
    "key",
    "external_id",
    "active",
    "row_digest",
    "user_digest",
    "name_digest",
    "attempt",
    "delivery_id",
)


class Acknowledgement:
    """Takes the people of deliveries of one plan for accepted. Its statements are made once.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
        plan_id: Its plan, which is complete.
    """

    def __init__(self, database: Database, pipeline: str, plan_id: str) -> None:
        self._dialect, self._vault = database.dialect, database.vault
        self._pipeline, self._plan_id = pipeline, plan_id
        self._filling = Filling(database, person, person_user, outcome)
        self._forgets = database.vault.values is Values.DIGEST
        with database.read() as connection:
            mine = allocation.c.pipeline == pipeline, allocation.c.plan_id == plan_id
            self._allots = connection.execute(select(allocation.c.id).where(*mine).limit(1)).first()
        # Compiled here: SQLAlchemy would compile what has ON CONFLICT anew each time.
        self._statements = [one.compile(database.engine) for one in _statements(database.dialect)]

    def keep(self, connection: Connection, deliveries: Sequence[Delivery], now: float) -> None:
        """Write down that these deliveries were accepted.

        Args:
            connection: In a transaction.
            deliveries: At least one.
            now: Seconds since 1970.
        """
        self._mark(connection, deliveries)
        last = connection.execute(_LAST_PERSON).scalar_one()
        ids = [one.change_id for each in deliveries for one in each.operations]
        parameters = {
            "ids": orjson.dumps(ids).decode() if self._dialect == "sqlite" else ids,
            "of": self._pipeline,
            "at": now,
            "last": last,
        }
        for statement in self._statements:
            connection.execute(statement, parameters)  # type: ignore[call-overload]  # it takes these too
        self._filling.add(connection, len(ids))
        if self._allots:
            keys = [one.key for each in deliveries for one in each.operations]
            allocations.accept(connection, self._pipeline, self._plan_id, keys)

    def _mark(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        """The changes are accepted; values that need not be kept any more are not."""
        digest, rest, name = self._vault.digest, self._vault.rest, self._pipeline
        accepted = Status.ACCEPTED.value
        sent = [(each.id, one) for each in deliveries for one in each.operations]
        rows = [(accepted, number, digest(one.body), one.change_id) for number, one in sent]
        if self._dialect == "sqlite":
            # The driver's own cursor takes tuples as they are.
            connection.connection.cursor().executemany(_SQLITE_MARK, rows)
        else:
            named = [dict(zip(("status", "by", "digest", "of"), row, strict=True)) for row in rows]
            connection.execute(_MARK, named)
        if self._forgets:
            bodies = [{"of": one.change_id, "rest": rest(name, one.key, one.body)} for _, one in sent]
            connection.execute(_FORGET, bodies)


_SQLITE_MARK = 'UPDATE "change" SET status = ?, delivery_id = ?, user_digest = ? WHERE id = ?'
_MARK = (
    update(change)
    .where(change.c.id == bindparam("of"))
    .values(status=bindparam("status"), delivery_id=bindparam("by"), user_digest=bindparam("digest"))
)
_FORGET = update(change).where(change.c.id == bindparam("of")).values(body=bindparam("rest"))
_LAST_PERSON = select(func.coalesce(func.max(person.c.id), 0))


def _statements(dialect: str) -> tuple[UpdateBase, ...]:
    """Accepted changes become people as last acknowledged: those known before, new ones, the users of both.

    Then they wait for what becomes of them, and it is noted who was accepted before the manager whom the
    record names: the endpoint leaves that empty.
    People are not upserted: PostgreSQL would use up an id for each conflict, and ids are kept dense.
    Parameters: ``ids`` of changes, ``of`` (pipeline), ``at`` (seconds), ``last`` (id of a person before).
    """
    accepted = _among(dialect, change.c.id)
    of, at = bindparam("of", type_=String), bindparam("at", type_=Double)
    same = and_(person.c.pipeline == of, person.c.key == change.c.key)
    values: dict[str, Any] = {name: change.c[name] for name in _COPIED} | {"acknowledged_at": at}
    known = update(person).where(accepted, same).values(values)
    unknown = select(of, *(change.c[name] for name in _COPIED), at).where(
        accepted, ~select(person.c.id).where(same).exists()
    )
    columns = ["pipeline", *_COPIED, "acknowledged_at"]
    new = insert(person).from_select(columns, unknown.order_by(change.c.key))
    users = select(person.c.id, change.c.body).where(accepted, same)
    people = select(person.c.id).where(accepted, same)
    settled = delete(awaited_manager).where(awaited_manager.c.person_id.in_(people))
    early = select(person.c.id, change.c.manager).where(
        accepted, same, change.c.manager != "", ~_manager_known(of)
    )
    awaited = insert(awaited_manager).from_select(["person_id", "external_id"], early)
    upsert = _upsert(dialect, person_user, ["person_id", "body"], users, ["person_id"])
    return known, new, upsert, outcomes.wait(dialect, and_(accepted, same)), settled, awaited


def _manager_known(of: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the manager was known before, or came in the same request.

    Of requests that are written down together, nobody knows which the endpoint has taken up first.
    """
    manager = person.alias()
    named = and_(manager.c.pipeline == of, manager.c.external_id == change.c.manager)
    before = or_(manager.c.id <= bindparam("last"), manager.c.delivery_id == change.c.delivery_id)
    return select(manager.c.id).where(named, before).exists()


def _among(dialect: str, column: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a column is one of ``ids``, in words that do not grow with their number where that can be."""
    if dialect == "sqlite":
        listed = func.json_each(bindparam("ids", type_=String)).table_valued("value")
        return column.in_(select(listed.c.value))
    if dialect == "postgresql":
        return column == any_(bindparam("ids", type_=postgresql.ARRAY(BigInteger)))
    return column.in_(bindparam("ids", expanding=True))


def _upsert(
    dialect: str, table: Table, columns: list[str], source: Select[Any], keys: list[str]
) -> UpdateBase:
    others = [name for name in columns if name not in keys]
    if dialect in {"mysql", "mariadb"}:
        into_mysql = mysql.insert(table).from_select(columns, source)
        return into_mysql.on_duplicate_key_update({name: into_mysql.inserted[name] for name in others})
    into = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table).from_select(
        columns, source
    )
    return into.on_conflict_do_update(
        index_elements=keys, set_={name: into.excluded[name] for name in others}
    )
