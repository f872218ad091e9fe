"""What became of the people of one pipeline after their last delivery, as the endpoint's log has it.

A person waits from the moment a delivery is accepted until there is an outcome of that very delivery: the
outcome of an earlier one stays in the table and says nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    UpdateBase,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from scimport.model import Status
from scimport.state.database import Database
from scimport.state.schema import change, delivery, outcome, person, person_user
from scimport.state.vault import Values

_PAGE = 500
_COLUMNS = tuple(column.name for column in outcome.columns)
_IS_CURRENT = and_(outcome.c.person_id == person.c.id, outcome.c.delivery_id == person.c.delivery_id)


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How many people of a pipeline (or a plan) have which outcome of their last delivery."""

    provisioned: int = 0
    skipped: int = 0
    rejected: int = 0
    waiting: int = 0
    unconfirmed: int = 0


class Delivered(NamedTuple):
    """A person's last accepted delivery, with the outcome that is known of it.

    Attributes:
        sent_at: When the request was sent, by the state's clock.
        status: Known outcome; empty while the person waits.
        logged_at: Time of the log's entry that says so, by the endpoint's clock; None without one.
    """

    person_id: int
    key: str
    external_id: str
    delivery_id: int
    plan_id: str
    sent_at: float
    status: str
    logged_at: float | None


class Outcome(NamedTuple):
    """An outcome to keep of a person's last delivery; the fields are the table's."""

    person: Delivered
    status: Status
    logged_at: float | None = None
    code: str = ""
    reason: str = ""
    recommended_action: str = ""
    change_id: str = ""
    cycle_id: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A person's outcome as it is listed.

    Attributes:
        delivered_at: When the endpoint accepted the last delivery, seconds since 1970.
        logged_at: When it did what the outcome says, by its own clock; None when the log does not have it.
    """

    key: str
    status: str
    delivered_at: float
    logged_at: float | None
    code: str
    reason: str
    recommended_action: str


class Outcomes:
    """The outcomes of one pipeline.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
        plan_id: Only people whose last delivery is of this plan are counted and listed; all when empty.
    """

    def __init__(self, database: Database, pipeline: str, plan_id: str = "") -> None:
        self._pipeline = pipeline
        self._vault = database.vault
        self._plan_id = plan_id
        self._store = _upsert(database.dialect)

    def counts(self, connection: Connection) -> OutcomeCounts:
        """How many people have which outcome."""
        status = func.coalesce(outcome.c.status, "waiting")
        query = self._mine(select(status, func.count()).select_from(person.outerjoin(outcome, _IS_CURRENT)))
        return OutcomeCounts(**{row[0]: row[1] for row in connection.execute(query.group_by(status))})

    def oldest_waiting(self, connection: Connection) -> tuple[float, float] | None:
        """When the delivery was sent and accepted that was the first of those still waited for."""
        joined = person.join(delivery, delivery.c.id == person.c.delivery_id).outerjoin(outcome, _IS_CURRENT)
        times = func.min(delivery.c.sent_at), func.min(person.c.acknowledged_at)
        query = select(*times).select_from(joined).where(outcome.c.person_id.is_(None))
        sent, accepted = connection.execute(self._mine(query)).one()
        return None if sent is None else (float(sent), float(accepted))

    def newest_logged(self, connection: Connection) -> float | None:
        """Time of the newest entry of the log that is known; None for none."""
        joined = person.join(outcome, outcome.c.person_id == person.c.id)
        query = select(func.max(outcome.c.logged_at)).select_from(joined)
        newest = connection.execute(query.where(person.c.pipeline == self._pipeline)).scalar()
        return None if newest is None else float(newest)

    def find(self, connection: Connection, external_ids: Sequence[str]) -> list[Delivered]:
        """The people with these external ids."""
        query = _delivered().where(
            person.c.pipeline == self._pipeline, person.c.external_id.in_(bindparam("ids", expanding=True))
        )
        pages = (external_ids[start : start + _PAGE] for start in range(0, len(external_ids), _PAGE))
        return [Delivered(*row) for page in pages for row in connection.execute(query, {"ids": list(page)})]

    def bodies(self, connection: Connection, person_ids: Sequence[int]) -> dict[int, bytes]:
        """The users of people as they were last accepted, by id; none where the state keeps digests."""
        found: dict[int, bytes] = {}
        users = select(person.c.id, person.c.key, person_user.c.body).join(
            person_user, person_user.c.person_id == person.c.id
        )
        if self._vault.values is Values.DIGEST:
            return found
        for start in range(0, len(person_ids), _PAGE):
            rows = connection.execute(users.where(person.c.id.in_(person_ids[start : start + _PAGE])))
            found |= {row[0]: self._vault.open(self._pipeline, row[1], bytes(row[2])) for row in rows}
        return found

    def keep(self, connection: Connection, outcomes: Sequence[Outcome], now: float) -> None:
        """Keep outcomes, and the status of the changes that they are the outcome of."""
        if not outcomes:
            return
        rows = [
            {"person_id": one.person.person_id, "delivery_id": one.person.delivery_id, "noted_at": now}
            | {name: value for name, value in one._asdict().items() if name != "person"}
            | {"status": one.status.value}
            for one in outcomes
        ]
        connection.execute(self._store, rows)
        connection.execute(_CHANGE_STATUS, [_change_row(one) for one in outcomes])

    def give_up(
        self, connection: Connection, accepted_before: float, now: float, after: int = 0
    ) -> list[Delivered]:
        """Some of those who have waited since before a time are unconfirmed from now on.

        Args:
            connection: In a transaction, which stays short.
            accepted_before: By the state's clock.
            now: By the same clock.
            after: Id of the last person of the page before.

        Returns:
            The people of this page, by id; none at the end.
        """
        late = (person.c.acknowledged_at <= accepted_before, outcome.c.person_id.is_(None))
        query = self._mine(_delivered().where(*late, person.c.id > after))
        rows = connection.execute(query.order_by(person.c.id).limit(_PAGE))
        page = [Delivered(*row) for row in rows]
        self.keep(connection, [Outcome(one, Status.UNCONFIRMED) for one in page], now)
        return page

    def listed(self, connection: Connection, status: Status, count: int | None) -> Iterator[Story]:
        """The first people with an outcome, by key; all of them for a ``count`` of None."""
        columns = (person.c.key, outcome.c.status, person.c.acknowledged_at, outcome.c.logged_at)
        words = (outcome.c.code, outcome.c.reason, outcome.c.recommended_action)
        joined = select(*columns, *words).select_from(person.join(outcome, _IS_CURRENT))
        query = self._mine(joined.where(outcome.c.status == status.value)).order_by(person.c.key).limit(count)
        for row in connection.execute(query):
            yield Story(*row)

    def reasons(self, connection: Connection, count: int) -> list[tuple[str, int]]:
        """The endpoint's codes of rejections and how many people each is of, the most frequent first."""
        number = func.count()
        joined = select(outcome.c.code, number).select_from(person.join(outcome, _IS_CURRENT))
        query = self._mine(joined.where(outcome.c.status == Status.REJECTED.value))
        query = query.group_by(outcome.c.code).order_by(number.desc(), outcome.c.code).limit(count)
        return [(row[0], int(row[1])) for row in connection.execute(query)]

    def _mine(self, query: Select[Any]) -> Select[Any]:
        query = query.where(person.c.pipeline == self._pipeline)
        return query.where(_is_of_plan(self._plan_id)) if self._plan_id else query


def _is_of_plan(plan_id: str) -> ColumnElement[bool]:
    return person.c.delivery_id.in_(select(delivery.c.id).where(delivery.c.plan_id == plan_id))


def _delivered() -> Select[Any]:
    joined = person.join(delivery, delivery.c.id == person.c.delivery_id).outerjoin(outcome, _IS_CURRENT)
    return select(
        person.c.id,
        person.c.key,
        person.c.external_id,
        person.c.delivery_id,
        delivery.c.plan_id,
        delivery.c.sent_at,
        func.coalesce(outcome.c.status, ""),
        outcome.c.logged_at,
    ).select_from(joined)


_CHANGE_STATUS = (
    update(change)
    .where(
        change.c.plan_id == bindparam("of_plan"),
        change.c.key == bindparam("of_key"),
        change.c.delivery_id == bindparam("of_delivery"),
    )
    .values(status=bindparam("new_status"))
)


def _change_row(one: Outcome) -> dict[str, object]:
    person = one.person
    return {
        "of_plan": person.plan_id,
        "of_key": person.key,
        "of_delivery": person.delivery_id,
        "new_status": one.status.value,
    }


def _upsert(dialect: str) -> UpdateBase:
    if dialect in {"mysql", "mariadb"}:
        into = mysql.insert(outcome)
        return into.on_duplicate_key_update({name: into.inserted[name] for name in _COLUMNS[1:]})
    if dialect in {"postgresql", "sqlite"}:
        own = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(outcome)
        values = {name: own.excluded[name] for name in _COLUMNS[1:]}
        return own.on_conflict_do_update(index_elements=["person_id"], set_=values)
    return insert(outcome)
