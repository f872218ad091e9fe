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
from time import monotonic

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, update

from scimport.apps.outbox import Delivery, DeliveryResult, Operation, Wait
from scimport.codes import Code
from scimport.errors import BudgetError
from scimport.model import ChangeKind, DeliveryCounts, Problem, Status
from scimport.project.config import AppConfig
from scimport.state import schema
from scimport.state.acknowledgement import Acknowledgement
from scimport.state.calls import DAY, used_calls
from scimport.state.database import Database
from scimport.state.plans import Plans
from scimport.state.queue import Queue
from scimport.state.schema import change, pace, problem
from scimport.state.together import Together

LOST_AFTER = 120.0
"""Seconds after which a request without an end is taken for lost with its process."""

_TICK = 0.001  # SQLite's clock tells milliseconds.
_AT_ONCE = Wait(0.0)
_BEGUN = insert(schema.delivery)
_ENDED = (
    update(schema.delivery)
    .where(schema.delivery.c.id == bindparam("of"))
    .values(
        ended_at=bindparam("ended"),
        result=bindparam("came_to"),
        http_status=bindparam("status"),
        request_id=bindparam("theirs"),
    )
)
_NOT_BEFORE = select(pace.c.not_before).where(pace.c.scope == bindparam("scope")).with_for_update()
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
        burst: Calls in any window; 0 for any number.
        window: Seconds of the window.
        daily_calls: Calls in any 24 hours; 0 for any number.
    """

    scope: str
    burst: int = 40
    window: float = 5.0
    daily_calls: int = 2000


def limits_of(app: AppConfig, scope: str) -> Limits:
    """The limits that an app's calls are kept to.

    Args:
        app: The app as the pipeline has it.
        scope: What shares them: the tenant of its endpoint.
    """
    if app.limits == "none":
        return Limits(scope, burst=0, daily_calls=0)
    return Limits(scope, daily_calls=app.daily_calls)


@dataclass(slots=True)
class _Begin:
    """A request that wants to be sent, and what came of that."""

    operations: tuple[Operation, ...]
    slot: Delivery | Wait = _AT_ONCE
    refusal: BudgetError | None = None


@dataclass(slots=True)
class _End:
    """How a request ended; ``at`` is when it did, by this process's own clock."""

    delivery: Delivery
    result: DeliveryResult
    http_status: int | None
    request_id: str
    retry_after: float | None
    at: float


class StateOutbox:
    """The planned changes of one plan, as :class:`scimport.apps.outbox.Outbox` in the state database.

    A call takes part in the pace from before it is sent until ``window`` seconds after its answer: the
    endpoint counts it at some moment between the two, so no window of the endpoint's own ever holds more
    than ``burst`` calls, whatever the latency and however many processes share the scope. A call whose room
    is that of one that has ended already is written down before its time, so that it is sent in time.

    Requests of several threads that begin and end at the same time are written down in one transaction.

    Args:
        database: The state database.
        pipeline: Name of the pipeline.
        plan_id: Its plan, staged or applying. Only one process may drain it at a time (see ``locks``).
        limits: The endpoint's limits.
    """

    def __init__(self, database: Database, pipeline: str, plan_id: str, limits: Limits) -> None:
        self._database = database
        self._pipeline = pipeline
        self._plans = Plans(database, pipeline)
        self._plan_id = plan_id
        self._limits = limits
        self._queue = Queue(database.vault, pipeline, plan_id)
        self._page = 0
        self._settled = threading.Condition()
        self._waiting: deque[tuple[int, Operation]] = deque()
        self._held: dict[int, int] = {}
        self._acknowledgement = Acknowledgement(database, pipeline, plan_id)
        self._journal = Together(database, self._write)
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
        begin = _Begin(tuple(operations))
        self._journal.do(begin)
        if begin.refusal is not None:
            raise begin.refusal
        return begin.slot

    def withdraw(self, delivery: Delivery) -> None:
        """A request that was written down is not sent after all."""
        with self._database.write() as connection:
            connection.execute(delete(schema.delivery).where(schema.delivery.c.id == delivery.id))

    def finish(
        self,
        delivery: Delivery,
        *,
        http_status: int | None,
        result: DeliveryResult,
        request_id: str = "",
        retry_after: float | None = None,
        at_once: bool = True,
    ) -> None:
        """Write down how a request ended; its people are acknowledged if it was accepted.

        When the endpoint throttles and says for how long, everybody who shares the scope waits.
        """
        end = _End(delivery, result, http_status, request_id[:255], retry_after, monotonic())
        self._journal.do(end) if at_once else self._journal.later(end)
        if result is DeliveryResult.ACCEPTED:
            self._settle(delivery.operations)

    def flush(self) -> None:
        """Write down what was to be written with the next request."""
        self._journal.flush()

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

    def _write(self, connection: Connection, jobs: Sequence[_Begin | _End]) -> None:
        """Write down what has ended, which makes room for what begins."""
        if ended := [job for job in jobs if isinstance(job, _End)]:
            self._end(connection, ended)
        if begun := [job for job in jobs if isinstance(job, _Begin)]:
            self._begin(connection, begun)

    def _end(self, connection: Connection, jobs: Sequence[_End]) -> None:
        # In this order: what lies between the two makes an end later, never earlier.
        here = monotonic()
        now = self._database.now(connection)
        rows = [
            {
                "of": job.delivery.id,
                # When it ended and not when that is written: the pace counts from there.
                "ended": now - (here - job.at),
                "came_to": job.result.value,
                "status": job.http_status,
                "theirs": job.request_id,
            }
            for job in jobs
        ]
        connection.execute(_ENDED, rows)
        for job in jobs:
            if job.result is DeliveryResult.THROTTLED and job.retry_after:
                mine = pace.c.scope == self._limits.scope
                connection.execute(update(pace).where(mine).values(not_before=now + job.retry_after))
        if accepted := [job.delivery for job in jobs if job.result is DeliveryResult.ACCEPTED]:
            self._acknowledgement.keep(connection, accepted, now)

    def _begin(self, connection: Connection, jobs: Sequence[_Begin]) -> None:
        # Whoever shares the scope waits here, so that the time is asked for behind it.
        not_before = float(connection.execute(_NOT_BEFORE, {"scope": self._limits.scope}).scalar_one())
        now = self._database.now(connection)
        here = monotonic()
        for job in jobs:
            early = self._early(connection, now)
            if not_before > now or early is None:
                job.slot = Wait(max(not_before - now, self._limits.window if early is None else early))
                continue
            try:
                self._check_budget(connection, now)
            except BudgetError as error:
                job.refusal = error
            else:
                due = here + early if early else 0.0
                job.slot = self._insert(connection, job.operations, now + early, due)

    def _insert(
        self, connection: Connection, operations: tuple[Operation, ...], at: float, due: float
    ) -> Delivery:
        request_id = str(uuid.uuid4())
        row = {
            "plan_id": self._plan_id,
            "scope": self._limits.scope,
            "client_request_id": request_id,
            "operations": len(operations),
            "sent_at": at,
            "request_id": "",
        }
        (number,) = connection.execute(_BEGUN, row).inserted_primary_key or (0,)
        return Delivery(number, request_id, operations, due)

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

    def _early(self, connection: Connection, now: float) -> float | None:
        """Seconds until the pace has room for one more call; None where that is up to calls in flight."""
        limits, sent = self._limits, schema.delivery.c
        if not limits.burst:
            return 0.0
        # A request in flight has no end yet, and will end after now.
        end = func.coalesce(sent.ended_at, literal(now))
        query = select(sent.ended_at).where(
            sent.scope == limits.scope,
            # Nobody waits longer than LOST_AFTER for an answer: what was sent earlier has left the window.
            sent.sent_at > now - limits.window - LOST_AFTER,
            end > now - limits.window,
        )
        newest = query.order_by(end.desc(), sent.ended_at.is_not(None)).offset(limits.burst - 1).limit(1)
        nth = connection.execute(newest).first()
        if nth is None:
            return 0.0
        return None if nth[0] is None else max(float(nth[0]) + limits.window + _TICK - now, 0.0)

    def _check_budget(self, connection: Connection, now: float) -> None:
        limits = self._limits
        if not limits.daily_calls:
            return
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
