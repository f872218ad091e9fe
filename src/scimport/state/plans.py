"""Plans and their changes: the staged outbox of a pipeline."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, select, update

from scimport.codes import Code
from scimport.model import Change, ChangeKind, PlanCounts, Problem, Severity, Status
from scimport.state import allocations, schema
from scimport.state.database import Database
from scimport.state.queue import Queue, planned_in_order
from scimport.state.schema import change, delivery, person, person_user, plan, problem
from scimport.state.vault import Values

PLAN_LIFE = 86_400.0
"""Seconds after which a plan is too old to be applied."""

KEEP_PLANS = 10
"""The changes and problems of this many plans of a pipeline are kept; older ones are removed."""

_PAGE = 500

_MANY = 5000
"""People of a plan who make what the database knows of its tables wrong."""

_CHANGE_COLUMNS = (
    "plan_id",
    "key",
    "kind",
    "status",
    "external_id",
    "active",
    "position",
    "row_digest",
    "user_digest",
    "body",
    "name_digest",
    "manager",
)
ChangeRow = tuple[str, str, str, str, str, bool, int, bytes, bytes, bytes, int, str]
"""A change as it is staged: the plan's id, and the fields of :class:`scimport.model.Change`."""

_PROBLEM_COLUMNS = tuple(column.name for column in problem.columns if column.name != "id")


class PlanState(StrEnum):
    """How far a plan is. Only a plan that is applying has sent anything and is not finished."""

    BUILDING = "building"
    STAGED = "staged"
    APPLYING = "applying"
    DONE = "done"
    DISCARDED = "discarded"


class Staged(NamedTuple):
    """What is already staged for a key, as far as a second record of that key must know."""

    key: str
    kind: ChangeKind
    status: Status
    active: bool
    position: int
    row_digest: bytes
    user_digest: bytes
    body: bytes


class Plans:
    """The plans of one pipeline.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
    """

    def __init__(self, database: Database, pipeline: str) -> None:
        self._database = database
        self._pipeline = pipeline
        self._vault = database.vault

    def create(self, connection: Connection) -> str:
        """Begin a plan; returns its id. Unfinished business of earlier, never applied plans is discarded."""
        now = self._database.now(connection)
        self._discard(connection)
        allocations.drop_unused(connection, self._pipeline)
        plan_id = new_id("p", now)
        row = {
            "id": plan_id,
            "pipeline": self._pipeline,
            "state": PlanState.BUILDING.value,
            "created_at": now,
        }
        row |= dict.fromkeys(("counts", "inputs", "stopped"), "{}") | {"approved_by": "", "reason": ""}
        connection.execute(insert(plan), row)
        return plan_id

    def set_state(self, connection: Connection, plan_id: str, state: PlanState) -> None:
        """Note how far the plan is."""
        if state in (PlanState.DONE, PlanState.DISCARDED):
            self._forget(connection, [plan_id])
        connection.execute(update(plan).where(plan.c.id == plan_id).values(state=state.value))

    def finish_building(
        self,
        connection: Connection,
        plan_id: str,
        counts: PlanCounts,
        waves: Iterable[Sequence[int]] | None = None,
    ) -> None:
        """The plan is complete: it can be applied from now on.

        Args:
            connection: In a transaction.
            plan_id: The plan.
            counts: What it found.
            waves: The order in which it is sent, for ``Queue.keep``; left out: as it was staged.
        """
        if counts.to_send >= _MANY:
            self._database.analyze(connection, change)
        queue = Queue(self._vault, self._pipeline, plan_id)
        queue.keep(connection, [queue.staged(connection)] if waves is None else waves)
        values = {"state": PlanState.STAGED, "counts": orjson.dumps(counts).decode()}
        connection.execute(update(plan).where(plan.c.id == plan_id).values(values))

    def review(
        self, connection: Connection, plan_id: str, inputs: dict[str, str], stopped: Sequence[Problem]
    ) -> None:
        """Keep what the plan was made of, and why guards stop it."""
        values = {"inputs": orjson.dumps(inputs).decode(), "stopped": orjson.dumps(stopped).decode()}
        connection.execute(update(plan).where(plan.c.id == plan_id).values(values))

    def approve(self, connection: Connection, plan_id: str, by: str, reason: str) -> None:
        """Lift the guards' stop for this plan alone."""
        values = {"approved_by": by, "approved_at": self._database.now(connection), "reason": reason}
        connection.execute(update(plan).where(plan.c.id == plan_id).values(values))

    def wait(self, connection: Connection, plan_id: str, waiter: str, until: float | None = None) -> None:
        """Note which flow run waits for the plan's approval, and until when; empty for none any more."""
        values = {"waiter": waiter, "waits_until": until}
        connection.execute(update(plan).where(plan.c.id == plan_id).values(values))

    def moved_on(self, connection: Connection, plan_id: str) -> bool:
        """Whether other deliveries of the pipeline were accepted since the plan was made."""
        mine = select(plan.c.created_at).where(plan.c.id == plan_id).scalar_subquery()
        others = select(delivery.c.id).join(plan, plan.c.id == delivery.c.plan_id)
        later = (delivery.c.plan_id != plan_id, delivery.c.ended_at > mine, delivery.c.result == "accepted")
        query = others.where(plan.c.pipeline == self._pipeline, *later).limit(1)
        return connection.execute(query).first() is not None

    def modified(
        self, connection: Connection, plan_id: str, keys: Sequence[str] = ()
    ) -> Iterator[tuple[str, bytes, bytes]]:
        """Known people whom the plan changes: key, user as last acknowledged, user as it would be sent.

        Where the state keeps digests, both have digests in place of their values.

        Args:
            connection: The state.
            plan_id: The plan.
            keys: Only people with these keys; all when it is empty.
        """
        vault, name = self._vault, self._pipeline
        query = (
            select(change.c.key, person_user.c.body, change.c.body)
            .join(person, and_(person.c.pipeline == self._pipeline, person.c.key == change.c.key))
            .join(person_user, person_user.c.person_id == person.c.id)
            .where(change.c.kind.in_((ChangeKind.MOVER.value, ChangeKind.LEAVER.value)))
            .order_by(change.c.id)
        )
        if keys:
            some = change.c.plan_id == plan_id, change.c.status == Status.PLANNED.value
            query = query.where(*some, change.c.key.in_(keys))
        else:
            query = query.where(planned_in_order(connection, plan_id))
        for page in connection.execute(query).partitions(500):
            for key, known, staged in page:
                before, after = (vault.open(name, key, bytes(body)) for body in (known, staged))
                yield key, before, vault.comparable(name, key, before, after)

    def first_keys(self, connection: Connection, plan_id: str, count: int, **wanted: Any) -> tuple[str, ...]:
        """The first keys, in their own order, of the plan's changes whose columns have the wanted values."""
        conditions = [change.c[name] == value for name, value in wanted.items()]
        query = select(change.c.key).where(change.c.plan_id == plan_id, *conditions).order_by(change.c.key)
        return tuple(connection.execute(query.limit(count)).scalars())

    def counts(self, connection: Connection, plan_id: str) -> PlanCounts:
        """What the plan found."""
        return PlanCounts(
            **orjson.loads(connection.execute(select(plan.c.counts).where(plan.c.id == plan_id)).scalar_one())
        )

    def unfinished(self, connection: Connection) -> str | None:
        """Id of the plan that was being applied when its run ended, if there is one."""
        query = select(plan.c.id).where(plan.c.pipeline == self._pipeline, plan.c.state == PlanState.APPLYING)
        return connection.execute(query.order_by(plan.c.created_at)).scalar()

    def stage(self, connection: Connection, plan_id: str, changes: Sequence[Change]) -> int:
        """Add changes to the plan, passing over keys that it has; returns how many were added."""
        # Drivers take plain strings faster than members of an enumeration.
        rows = [(plan_id, one[0], str(one[1]), str(one[2]), *one[3:]) for one in changes]
        return self.stage_rows(connection, rows)

    def stage_rows(self, connection: Connection, rows: Sequence[ChangeRow]) -> int:
        """Add changes to their plan, as :meth:`stage` does."""
        if self._vault.values is not Values.KEEP:
            seal, name = self._vault.seal, self._pipeline
            rows = [(*row[:9], seal(name, row[1], row[9]), *row[10:]) for row in rows]
        return self._database.insert_many(connection, change, _CHANGE_COLUMNS, rows)

    def staged(self, connection: Connection, plan_id: str, keys: Sequence[str]) -> dict[str, Staged]:
        """What the plan has for these keys."""
        columns = [change.c[name] for name in Staged._fields]
        query = select(*columns).where(change.c.plan_id == plan_id, change.c.key.in_(keys))
        rows = connection.execute(query)
        found = (
            Staged(row[0], ChangeKind(row[1]), Status(row[2]), bool(row[3]), row[4], *map(bytes, row[5:]))
            for row in rows
        )
        return {one.key: one._replace(body=self._open(one.key, one.body)) for one in found}

    def unstage(self, connection: Connection, plan_id: str, key: str) -> None:
        """Take the change of a key out of the plan."""
        connection.execute(delete(change).where(change.c.plan_id == plan_id, change.c.key == key))

    def drop(self, connection: Connection, ids: Sequence[int]) -> None:
        """Leave changes out of the plan."""
        for start in range(0, len(ids), _PAGE):
            connection.execute(delete(change).where(change.c.id.in_(ids[start : start + _PAGE])))

    def external_id_collisions(self, connection: Connection, plan_id: str) -> list[tuple[str, int]]:
        """(key, position) of each planned change whose externalId another key has, here or there."""
        mine = (change.c.plan_id == plan_id, change.c.status == Status.PLANNED)
        twice = (
            select(change.c.external_id).where(*mine).group_by(change.c.external_id).having(func.count() > 1)
        )
        taken = (
            select(person.c.id)
            .where(person.c.pipeline == self._pipeline, person.c.external_id == change.c.external_id)
            .where(person.c.key != change.c.key)
        )
        query = select(change.c.key, change.c.position).where(*mine)
        query = query.where(change.c.external_id.in_(twice) | taken.exists()).order_by(change.c.id)
        return [(row[0], row[1]) for row in connection.execute(query)]

    def changes(
        self,
        connection: Connection,
        plan_id: str,
        kind: ChangeKind | None = None,
        keys: Sequence[str] = (),
        part: tuple[int, int | None] = (0, None),
    ) -> Iterator[Mapping[str, Any]]:
        """The changes of the plan in the order in which they were staged, with their status now.

        Args:
            connection: The state.
            plan_id: The plan.
            kind: Only changes of this kind.
            keys: Only changes of these keys; of all when it is empty.
            part: How many to pass over, and how many to give at most.
        """
        query = select(change).where(*_chosen(plan_id, kind, keys)).order_by(change.c.id)
        query = query.offset(part[0]).limit(part[1])
        for page in connection.execute(query).mappings().partitions(500):
            yield from ({**row, "body": self._open(row["key"], bytes(row["body"]))} for row in page)

    def number(self, connection: Connection, plan_id: str, kind: ChangeKind, keys: Sequence[str] = ()) -> int:
        """How many changes of a kind the plan has, of all or of these keys."""
        query = select(func.count()).select_from(change).where(*_chosen(plan_id, kind, keys))
        return int(connection.execute(query).scalar_one())

    def add_problems(self, connection: Connection, plan_id: str, problems: Sequence[Problem]) -> None:
        """Keep problems of the plan's records."""
        seal, name = self._vault.seal_text, self._pipeline
        sealed = [dataclasses.replace(one, value=seal(name, one.key, one.value)) for one in problems]
        rows = [_problem_row(plan_id, one) for one in sealed]
        self._database.insert_many(connection, problem, _PROBLEM_COLUMNS, rows)

    def drop_problems(self, connection: Connection, plan_id: str, key: str) -> None:
        """Forget the problems of a key whose record was replaced."""
        connection.execute(delete(problem).where(problem.c.plan_id == plan_id, problem.c.key == key))

    def problems(
        self, connection: Connection, plan_id: str, keys: Sequence[str] = (), codes: Sequence[str] = ()
    ) -> Iterator[Problem]:
        """The problems of the plan (only of these keys, or codes), in the order in which they were found."""
        columns = [problem.c[name] for name in _PROBLEM_COLUMNS[1:]]
        query = select(*columns).where(problem.c.plan_id == plan_id).order_by(problem.c.id)
        query = query.where(problem.c.key.in_(keys)) if keys else query
        query = query.where(problem.c.code.in_(codes)) if codes else query
        for row in connection.execute(query).mappings():
            value = self._vault.open_text(self._pipeline, row["key"], row["value"])
            yield _problem({**row, "value": value, "keys": orjson.loads(row["keys"] or "[]")})

    def _open(self, key: str, body: bytes) -> bytes:
        return self._vault.open(self._pipeline, key, body)

    def _forget(self, connection: Connection, plan_ids: Sequence[str]) -> None:
        """Plans that will not be sent any more need no users, where values are kept only to be sent."""
        if plan_ids and self._vault.values is Values.DIGEST:
            unsent = (change.c.plan_id.in_(plan_ids), change.c.delivery_id.is_(None))
            connection.execute(update(change).where(*unsent).values(body=b""))

    def reasons(self, connection: Connection, plan_id: str, count: int) -> list[tuple[str, str, int]]:
        """The most frequent errors of the plan's records: code, field, and of how many."""
        number = func.count().label("number")
        query = select(problem.c.code, problem.c.field, number).where(
            problem.c.plan_id == plan_id, problem.c.severity == Severity.ERROR.value
        )
        query = query.group_by(problem.c.code, problem.c.field).order_by(number.desc(), problem.c.code)
        return [(row[0], row[1], row[2]) for row in connection.execute(query.limit(count))]

    def _discard(self, connection: Connection) -> None:
        mine = plan.c.pipeline == self._pipeline
        never_applied = plan.c.state.in_((PlanState.BUILDING, PlanState.STAGED))
        given_up = connection.execute(select(plan.c.id).where(mine, never_applied)).scalars().all()
        self._forget(connection, given_up)
        connection.execute(update(plan).where(mine, never_applied).values(state=PlanState.DISCARDED))
        query = select(plan.c.id).where(mine, plan.c.state.in_((PlanState.DONE, PlanState.DISCARDED)))
        for plan_id in (
            connection.execute(query.order_by(plan.c.created_at.desc()).offset(KEEP_PLANS)).scalars().all()
        ):
            for table in (change, problem, schema.queue):
                connection.execute(delete(table).where(table.c.plan_id == plan_id))
            connection.execute(delete(plan).where(plan.c.id == plan_id))


@dataclasses.dataclass(frozen=True, slots=True)
class Review:
    """A plan as a person sees it who must decide about it.

    Attributes:
        inputs: Digests of what it was made of, by part.
        stopped: Problems of the guards that stop it.
        approved_by: Who lifted the stop; empty for nobody.
        reason: Why.
        waiter: Flow run that waits for the approval; empty for none.
        waits_until: Until when it does.
    """

    id: str
    pipeline: str
    state: PlanState
    created_at: float
    counts: PlanCounts
    inputs: dict[str, str]
    stopped: tuple[Problem, ...]
    approved_by: str
    approved_at: float | None
    reason: str
    waiter: str
    waits_until: float | None

    @property
    def expires_at(self) -> float:
        """When it is too old to be applied, in seconds since 1970."""
        return self.created_at + PLAN_LIFE


def find_plan(connection: Connection, plan_id: str) -> Review | None:
    """The plan with this id, of whatever pipeline."""
    row = connection.execute(select(plan).where(plan.c.id == plan_id)).mappings().one_or_none()
    return None if row is None else _review(row)


def awaited(connection: Connection, waiter: str) -> Review | None:
    """The plan that a flow run waits for."""
    row = connection.execute(select(plan).where(plan.c.waiter == waiter)).mappings().first()
    return None if row is None else _review(row)


def waited_for(connection: Connection, pipeline: str) -> list[Review]:
    """The plans of a pipeline that flow runs wait for."""
    query = select(plan).where(plan.c.pipeline == pipeline, plan.c.waiter != "")
    return [_review(row) for row in connection.execute(query).mappings()]


def list_plans(connection: Connection, pipeline: str) -> list[Review]:
    """The plans of a pipeline that are kept, newest first."""
    query = select(plan).where(plan.c.pipeline == pipeline).order_by(plan.c.created_at.desc())
    return [_review(row) for row in connection.execute(query).mappings()]


def _review(row: RowMapping) -> Review:
    stopped = [_problem(one) for one in orjson.loads(row["stopped"])] if row["stopped"] != "{}" else []
    parsed = {"state": PlanState(row["state"]), "counts": PlanCounts(**orjson.loads(row["counts"]))}
    parsed |= {"inputs": orjson.loads(row["inputs"]), "stopped": tuple(stopped)}
    return Review(**{**row, **parsed})


def _problem(row: Any) -> Problem:
    parsed = {"code": Code(row["code"]), "severity": Severity(row["severity"])}
    return Problem(**{**row, **parsed, "keys": tuple(row.get("keys", ()))})


def _problem_row(plan_id: str, one: Problem) -> tuple[object, ...]:
    row = dataclasses.asdict(one) | {"code": one.code.value, "severity": one.severity.value}
    row["keys"] = orjson.dumps(one.keys).decode() if one.keys else None
    return (plan_id, *(row[name] for name in _PROBLEM_COLUMNS[1:]))


def _chosen(plan_id: str, kind: ChangeKind | None, keys: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions for the changes of a plan."""
    chosen = [change.c.plan_id == plan_id]
    chosen += [change.c.kind == kind.value] if kind else []
    return chosen + ([change.c.key.in_(keys)] if keys else [])


def new_id(prefix: str, now: float) -> str:
    """An id that sorts by time and can be read out on the telephone: ``p-20261123-141502-3fa91c``."""
    return f"{prefix}-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
