"""What became of the people of one pipeline after their last delivery, as the endpoint's log has it.

A person waits from the moment a delivery is accepted: that puts ``waiting`` in the place of the outcome of
any earlier one. What is asked for often, such as who waits, is found without looking at everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Select,
    String,
    UpdateBase,
    bindparam,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from scimport.model import Status
from scimport.state.database import Database
from scimport.state.schema import change, delivery, log_end, outcome, person, person_user
from scimport.state.vault import Values

_PAGE = 500
_COLUMNS = tuple(column.name for column in outcome.columns)
_WORDS = ("code", "reason", "recommended_action", "change_id", "cycle_id")
WAITING = "waiting"
"""Status of who was accepted and is not in the log yet."""


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
        status: Known outcome, or ``waiting``.
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
        self._database, self._vault = database, database.vault
        self._plan_id = plan_id

    def counts(self, connection: Connection) -> OutcomeCounts:
        """How many people have which outcome."""
        query = self._mine(select(outcome.c.status, func.count())).where(outcome.c.status.in_(_STATUSES))
        counts = {row[0]: row[1] for row in connection.execute(query.group_by(outcome.c.status))}
        return OutcomeCounts(**counts)

    def has(self, connection: Connection, status: Status) -> bool:
        """Whether anybody has an outcome."""
        query = self._mine(select(outcome.c.person_id)).where(outcome.c.status == status.value)
        return connection.execute(query.limit(1)).first() is not None

    def oldest_waiting(self, connection: Connection) -> tuple[float, float] | None:
        """When the delivery was sent and accepted that was accepted first of those still waited for."""
        query = select(delivery.c.sent_at, outcome.c.accepted_at).join(
            delivery, delivery.c.id == outcome.c.delivery_id
        )
        query = self._mine(query).where(outcome.c.status == WAITING).order_by(outcome.c.accepted_at).limit(1)
        row = connection.execute(query).one_or_none()
        return None if row is None else (float(row[0]), float(row[1]))

    def newest_logged(self, connection: Connection) -> float | None:
        """Time of the newest entry of the log that is known; None for none."""
        query = select(log_end.c.logged_at).where(log_end.c.pipeline == self._pipeline)
        newest = connection.execute(query).scalar()
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
        connection.execute(_OUTCOME, [_outcome_row(one, now) for one in outcomes])
        connection.execute(_CHANGE_STATUS, [_change_row(one) for one in outcomes])
        newest = max((one.logged_at for one in outcomes if one.logged_at is not None), default=None)
        if newest is not None:
            self._keep_end(connection, newest)

    def _keep_end(self, connection: Connection, newest: float) -> None:
        columns = ("pipeline", "logged_at")
        if not self._database.insert_many(connection, log_end, columns, [(self._pipeline, newest)]):
            mine = (log_end.c.pipeline == self._pipeline, log_end.c.logged_at < newest)
            connection.execute(update(log_end).where(*mine).values(logged_at=newest))

    def give_up(self, connection: Connection, accepted_before: float, now: float) -> list[Delivered]:
        """Some of those who have waited since before a time are unconfirmed from now on.

        Args:
            connection: In a transaction, which stays short.
            accepted_before: By the state's clock.
            now: By the same clock.

        Returns:
            The people of this page; none at the end.
        """
        query = self._mine(_delivered()).where(
            outcome.c.status == WAITING, outcome.c.accepted_at <= accepted_before
        )
        rows = connection.execute(query.order_by(outcome.c.accepted_at).limit(_PAGE))
        page = [Delivered(*row) for row in rows]
        self.keep(connection, [Outcome(one, Status.UNCONFIRMED) for one in page], now)
        return page

    def listed(self, connection: Connection, status: Status, count: int | None) -> Iterator[Story]:
        """The first people with an outcome, by key; all of them for a ``count`` of None."""
        columns = (person.c.key, outcome.c.status, outcome.c.accepted_at, outcome.c.logged_at)
        words = (outcome.c.code, outcome.c.reason, outcome.c.recommended_action)
        query = self._mine(select(*columns, *words).join(person, person.c.id == outcome.c.person_id))
        query = query.where(outcome.c.status == status.value).order_by(person.c.key).limit(count)
        for row in connection.execute(query):
            yield Story(*row)

    def reasons(self, connection: Connection, count: int) -> list[tuple[str, int]]:
        """The endpoint's codes of rejections and how many people each is of, the most frequent first."""
        number = func.count()
        query = self._mine(select(outcome.c.code, number)).where(outcome.c.status == Status.REJECTED.value)
        query = query.group_by(outcome.c.code).order_by(number.desc(), outcome.c.code).limit(count)
        return [(row[0], int(row[1])) for row in connection.execute(query)]

    def _mine(self, query: Select[Any]) -> Select[Any]:
        query = query.where(outcome.c.pipeline == self._pipeline)
        return query.where(_is_of_plan(self._plan_id)) if self._plan_id else query


def _is_of_plan(plan_id: str) -> ColumnElement[bool]:
    return outcome.c.delivery_id.in_(select(delivery.c.id).where(delivery.c.plan_id == plan_id))


_STATUSES = (WAITING, *(field.name for field in fields(OutcomeCounts) if field.name != WAITING))


def _delivered() -> Select[Any]:
    joined = outcome.join(person, person.c.id == outcome.c.person_id).join(
        delivery, delivery.c.id == outcome.c.delivery_id
    )
    return select(
        person.c.id,
        person.c.key,
        person.c.external_id,
        outcome.c.delivery_id,
        delivery.c.plan_id,
        delivery.c.sent_at,
        outcome.c.status,
        outcome.c.logged_at,
    ).select_from(joined)


def wait(dialect: str, accepted: ColumnElement[bool]) -> UpdateBase:
    """The statement by which people wait for what becomes of them.

    Args:
        dialect: Of the database.
        accepted: Which changes were accepted just now, and whose of the people, who are known, they are.

    Returns:
        Its parameters are those of ``accepted``, and ``at``, a time in seconds.
    """
    at: ColumnElement[Any] = bindparam("at", type_=Double())
    values: dict[str, ColumnElement[Any]] = dict.fromkeys(_WORDS, literal("", String()))
    values |= {"status": literal(WAITING, String()), "accepted_at": at, "logged_at": null(), "noted_at": at}
    values |= {"delivery_id": change.c.delivery_id, "person_id": person.c.id, "pipeline": person.c.pipeline}
    source = select(*(values[name] for name in _COLUMNS)).where(accepted)
    if dialect in {"mysql", "mariadb"}:
        into = mysql.insert(outcome).from_select(_COLUMNS, source)
        return into.on_duplicate_key_update({name: into.inserted[name] for name in _COLUMNS[1:]})
    own = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(outcome)
    own = own.from_select(_COLUMNS, source)
    excluded = {name: own.excluded[name] for name in _COLUMNS[1:]}
    return own.on_conflict_do_update(index_elements=["person_id"], set_=excluded)


_OUTCOME = (
    update(outcome)
    .where(outcome.c.person_id == bindparam("of_person"), outcome.c.delivery_id == bindparam("of_delivery"))
    .values({name: bindparam(name) for name in ("status", "logged_at", "noted_at", *_WORDS)})
)


def _outcome_row(one: Outcome, now: float) -> dict[str, object]:
    person = one.person
    row = {"of_person": person.person_id, "of_delivery": person.delivery_id, "status": one.status.value}
    words = {name: getattr(one, name) for name in _WORDS}
    return row | {"logged_at": one.logged_at, "noted_at": now} | words


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
