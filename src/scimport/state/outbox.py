"""The outbox of one plan: what is still to be sent, and every request before and after it is sent."""

from __future__ import annotations

import itertools
import math
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    UpdateBase,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from scimport.apps.outbox import Delivery, DeliveryResult, Operation, Wait
from scimport.codes import Code
from scimport.errors import BudgetError
from scimport.model import ChangeKind, DeliveryCounts, Problem, Status
from scimport.state import allocations, outcomes, schema
from scimport.state.calls import DAY, used_calls
from scimport.state.database import Database
from scimport.state.plans import Plans
from scimport.state.queue import Queue
from scimport.state.schema import awaited_manager, change, pace, person, person_user, plan, problem
from scimport.state.vault import Values

LOST_AFTER = 120.0
"""Seconds after which a request without an end is taken for lost with its process."""

_WORDS = {
    ChangeKind.LEAVER: "{:,} leavers",
    ChangeKind.JOINER: "{:,} joiners",
    ChangeKind.MOVER: "{:,} movers",
    ChangeKind.UNCHANGED: "{:,} who did not change",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the endpoint allows to everybody who shares a scope (entra-facts 2.6).

    Attributes:
        scope: What shares the limits: the tenant of the endpoint.
        burst: Calls in any window.
        window: Seconds of the window.
        daily_calls: Calls in any 24 hours.
    """

    scope: str
    burst: int = 40
    window: float = 5.0
    daily_calls: int = 2000


class StateOutbox:
    """The planned changes of one plan, as :class:`scimport.apps.outbox.Outbox` in the state database.

    A call takes part in the pace from before it is sent until ``window`` seconds after its answer: the
    endpoint counts it at some moment between the two, so no window of the endpoint's own ever holds more
    than ``burst`` calls, whatever the latency and however many processes share the scope.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
        plan_id: Its plan, staged or applying. Only one process may drain it at a time (see ``locks``).
        limits: The endpoint's limits.
    """

    def __init__(self, database: Database, pipeline: str, plan_id: str, limits: Limits) -> None:
        self._database = database
        self._pipeline = pipeline
        self._vault = database.vault
        self._plans = Plans(database, pipeline)
        self._plan_id = plan_id
        self._limits = limits
        self._queue = Queue(database.vault, pipeline, plan_id)
        self._page = 0
        self._settled = threading.Condition()
        self._waiting: deque[tuple[int, Operation]] = deque()
        self._held: dict[int, int] = {}
        self._acknowledge = _acknowledgement(database.dialect)
        self._wait_for_log = outcomes.wait(database.dialect)
        with database.write() as connection:
            _ensure_pace(database, connection, limits.scope)
            _close_lost(connection, plan_id, database.now(connection))

    def claim(self, size: int = 50) -> tuple[Operation, ...]:
        """The next planned operations, at most ``size``, that no other caller has; () when none is left.

        Who is in a later wave is held back as long as others have people of an earlier one: a caller waits
        then until they are accepted, rejected or released, rather than send a request that is not full.
        """
        with self._settled:
            while True:
                while len(self._waiting) < size and self._load():
                    pass
                number = self._ready(size)
                if number == min(size, len(self._waiting)):
                    return self._take(number)
                self._settled.wait()

    def begin(self, operations: Sequence[Operation]) -> Delivery | Wait:
        """Write a request down before it is sent, if the pace has room for it now.

        Raises:
            BudgetError: The calls of the last 24 hours reach ``daily_calls``.
        """
        mine = pace.c.scope == self._limits.scope
        with self._database.write() as connection:
            held = select(pace.c.not_before).where(mine).with_for_update()
            not_before = float(connection.execute(held).scalar_one())
            now = self._database.now(connection)
            if (seconds := max(not_before - now, self._wait(connection, now))) > 0:
                return Wait(seconds)
            self._check_budget(connection, now)
            request_id = str(uuid.uuid4())
            statement = insert(schema.delivery).values(
                plan_id=self._plan_id,
                scope=self._limits.scope,
                client_request_id=request_id,
                operations=len(operations),
                sent_at=now,
                request_id="",
            )
            (number,) = connection.execute(statement).inserted_primary_key or (0,)
        return Delivery(number, request_id, tuple(operations))

    def finish(
        self,
        delivery: Delivery,
        *,
        http_status: int | None,
        result: DeliveryResult,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Write down how a request ended; its people are acknowledged if it was accepted.

        When the endpoint throttles and says for how long, everybody who shares the scope waits.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            ended = {"ended_at": now, "result": result.value, "http_status": http_status}
            ended |= {"request_id": request_id[:255]}
            one = schema.delivery.c.id == delivery.id
            connection.execute(update(schema.delivery).where(one).values(ended))
            if result is DeliveryResult.THROTTLED and retry_after:
                mine = pace.c.scope == self._limits.scope
                connection.execute(update(pace).where(mine).values(not_before=now + retry_after))
            if result is DeliveryResult.ACCEPTED:
                self._accept(connection, delivery, now)
        if result is DeliveryResult.ACCEPTED:
            self._settle(delivery.operations)

    def reject(self, operation: Operation, *, message: str) -> None:
        """The endpoint refuses this record: keep its words as a problem of the plan."""
        words = f"the endpoint rejected the record: {message}"
        hint = "Correct the record or the mapping; the next run sends it again."
        refused = Problem(Code.RECORD_REJECTED, words, hint=hint, key=operation.key)
        with self._database.write() as connection:
            rejected = update(change).where(change.c.id == operation.change_id)
            connection.execute(rejected.values(status=Status.REJECTED.value))
            self._plans.add_problems(connection, self._plan_id, [refused])
        self._settle([operation])

    def release(self, operations: Sequence[Operation]) -> None:
        """Give operations back that were claimed and not sent."""
        with self._settled:
            back = [(self._held.pop(one.change_id), one) for one in operations]
            self._waiting = deque(sorted([*back, *self._waiting], key=itemgetter(0)))
            self._settled.notify_all()

    def _ready(self, size: int) -> int:
        """How many of those who wait, at most ``size``, are behind nobody whom others have."""
        earliest = min(self._held.values(), default=math.inf)
        first = itertools.islice(self._waiting, size)
        return sum(1 for _ in itertools.takewhile(lambda one: one[0] <= earliest, first))

    def _take(self, number: int) -> tuple[Operation, ...]:
        taken = [self._waiting.popleft() for _ in range(number)]
        self._held |= {operation.change_id: wave for wave, operation in taken}
        return tuple(operation for _, operation in taken)

    def _settle(self, operations: Sequence[Operation]) -> None:
        """Nobody waits for these people any more."""
        with self._settled:
            for one in operations:
                self._held.pop(one.change_id, None)
            self._settled.notify_all()

    def _accept(self, connection: Connection, delivery: Delivery, now: float) -> None:
        ids = [one.change_id for one in delivery.operations]
        values = {"status": Status.ACCEPTED.value, "delivery_id": delivery.id}
        accepted = update(change).where(change.c.id == bindparam("change_id"))
        vault, digest, rest = self._vault, self._vault.digest, self._vault.rest
        rows: list[dict[str, Any]] = [
            {"change_id": one.change_id, "user_digest": digest(one.body)} for one in delivery.operations
        ]
        if vault.values is Values.DIGEST:
            # Sent: from here on the values are not needed any more.
            for row, one in zip(rows, delivery.operations, strict=True):
                row["body"] = rest(self._pipeline, one.key, one.body)
        connection.execute(
            accepted.values(values | {name: bindparam(name) for name in rows[0] if name != "change_id"}), rows
        )
        known, new, users = self._acknowledge
        connection.execute(known, {"ids": ids, "at": now, "by": delivery.id})
        connection.execute(new, {"ids": ids, "at": now, "by": delivery.id})
        connection.execute(users, {"ids": ids})
        connection.execute(self._wait_for_log, {"ids": ids, "at": now, "by": delivery.id})
        self._await_managers(connection, ids)
        keys = [one.key for one in delivery.operations]
        allocations.accept(connection, self._pipeline, self._plan_id, keys)

    def _await_managers(self, connection: Connection, ids: Sequence[int]) -> None:
        """Note who was accepted before the manager whom the record names: the endpoint leaves that empty."""
        rows = connection.execute(_ACCEPTED_MANAGERS, {"ids": ids}).all()
        people = [row[0] for row in rows]
        connection.execute(delete(awaited_manager).where(awaited_manager.c.person_id.in_(people)))
        early = [{"person_id": row[0], "external_id": row[1]} for row in rows if row[1] and not row[2]]
        if early:
            connection.execute(insert(awaited_manager), early)

    def tally(self) -> DeliveryCounts:
        """What has become of the plan so far: people by status, and calls."""
        sent = schema.delivery
        by_result = select(sent.c.result, func.count(), func.sum(sent.c.operations)).group_by(sent.c.result)
        refused = (problem.c.plan_id == self._plan_id, problem.c.code == Code.RECORD_REJECTED.value)
        with self._database.read() as connection:
            rows = connection.execute(by_result.where(sent.c.plan_id == self._plan_id)).all()
            rejected = connection.execute(
                select(func.count()).select_from(problem).where(*refused)
            ).scalar_one()
            planned = self._plans.counts(connection, self._plan_id).to_send
        calls = {row[0]: row[1] for row in rows}
        accepted = sum(int(row[2]) for row in rows if row[0] == DeliveryResult.ACCEPTED.value)
        return DeliveryCounts(
            accepted=accepted,
            rejected=rejected,
            remaining=planned - accepted - rejected,
            calls=sum(calls.values()),
            throttled=calls.get(DeliveryResult.THROTTLED.value, 0),
        )

    def _load(self) -> bool:
        """Take in the next page, if there is one."""
        with self._database.read() as connection:
            page = self._queue.after(connection, self._page)
        if page is not None:
            self._page = page.number
            self._waiting.extend((page.wave, one) for one in page.operations)
        return page is not None

    def _wait(self, connection: Connection, now: float) -> float:
        limits = self._limits
        # A request in flight has no end yet; it counts as if it ended now.
        end = func.coalesce(schema.delivery.c.ended_at, literal(now))
        query = select(end).where(
            schema.delivery.c.scope == limits.scope,
            # Nobody waits longer than LOST_AFTER for an answer: what was sent earlier has left the window.
            schema.delivery.c.sent_at > now - limits.window - LOST_AFTER,
            end > now - limits.window,
        )
        nth = connection.execute(query.order_by(end.desc()).offset(limits.burst - 1).limit(1)).scalar()
        return 0.0 if nth is None else max(float(nth) + limits.window - now, 0.001)

    def _check_budget(self, connection: Connection, now: float) -> None:
        limits = self._limits
        calls, first = used_calls(connection, limits.scope, now)
        if first is not None and calls >= limits.daily_calls:
            minutes = max(round((first + DAY - now) / 60), 1)
            message = f"{calls} of {limits.daily_calls} calls of 24 hours are used; {self._left(connection)}"
            hint = f"A call is free in {minutes} minutes: run `scimport resume {self._pipeline}` then."
            raise BudgetError(Problem(Code.BUDGET_EXHAUSTED, message, hint=hint))

    def _left(self, connection: Connection) -> str:
        """Who is still to be sent, in words."""
        planned = change.c.plan_id == self._plan_id, change.c.status == Status.PLANNED.value
        query = select(change.c.kind, func.count()).where(*planned).group_by(change.c.kind)
        counts = {row[0]: row[1] for row in connection.execute(query)}
        order = (ChangeKind.LEAVER, ChangeKind.JOINER, ChangeKind.MOVER, ChangeKind.UNCHANGED)
        words = [_WORDS[kind].format(counts[kind]) for kind in order if kind in counts]
        return f"still staged, and sent in this order: {', '.join(words)}"


def _ensure_pace(database: Database, connection: Connection, scope: str) -> None:
    database.insert_many(connection, pace, ("scope", "not_before"), [(scope, 0.0)])


def _close_lost(connection: Connection, plan_id: str, now: float) -> None:
    """Requests without an end are of a process that is gone: their people are sent again."""
    lost = (schema.delivery.c.plan_id == plan_id, schema.delivery.c.ended_at.is_(None))
    connection.execute(
        update(schema.delivery).where(*lost).values(ended_at=now, result=DeliveryResult.FAILED.value)
    )


def _acknowledgement(dialect: str) -> tuple[UpdateBase, UpdateBase, UpdateBase]:
    """Accepted changes become people as last acknowledged: those known before, new ones, the users of both.

    People are not upserted: PostgreSQL would use up an id for each conflict, and ids are kept dense.
    Parameters of all: ``ids`` of changes; of the first two: ``at`` (seconds), ``by`` (delivery).
    """
    copied = ["key", "external_id", "active", "row_digest", "user_digest", "name_digest", "attempt"]
    accepted = and_(change.c.id.in_(bindparam("ids", expanding=True)), plan.c.id == change.c.plan_id)
    same = and_(person.c.pipeline == plan.c.pipeline, person.c.key == change.c.key)
    changed: dict[str, Any] = {name: change.c[name] for name in copied} | {
        "acknowledged_at": bindparam("at"),
        "delivery_id": bindparam("by"),
    }
    known = update(person).where(accepted, same).values(changed)
    unknown = select(
        plan.c.pipeline, *(change.c[name] for name in copied), bindparam("at"), bindparam("by")
    ).where(accepted, ~select(person.c.id).where(same).exists())
    columns = ["pipeline", *copied, "acknowledged_at", "delivery_id"]
    new = insert(person).from_select(columns, unknown.order_by(change.c.key))
    users = select(person.c.id, change.c.body).where(accepted, same)
    return known, new, _upsert(dialect, person_user, ["person_id", "body"], users, ["person_id"])


def _accepted_managers() -> Select[Any]:
    """Of accepted changes (parameter ``ids``): the person's id, the manager, whether that one is known."""
    manager = person.alias()
    of_manager = and_(manager.c.pipeline == plan.c.pipeline, manager.c.external_id == change.c.manager)
    is_known = select(manager.c.id).where(of_manager).exists()
    accepted = and_(change.c.id.in_(bindparam("ids", expanding=True)), plan.c.id == change.c.plan_id)
    same = and_(person.c.pipeline == plan.c.pipeline, person.c.key == change.c.key)
    return select(person.c.id, change.c.manager, is_known).where(accepted, same)


_ACCEPTED_MANAGERS = _accepted_managers()


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
