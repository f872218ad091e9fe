"""Removes what is old from the state, and one person from everything that it knows.

What is still needed survives however old it is: requests that the day's budget counts, plans that are not
finished, the runs that guards compare with, and whatever is about people whose outcome is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete, func, or_, select, update

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem, Status
from scimport.state.calls import DAY
from scimport.state.database import Database
from scimport.state.outbox import LOST_AFTER
from scimport.state.outcomes import WAITING
from scimport.state.plans import Plans, PlanState
from scimport.state.schema import (
    WORDED,
    allocation,
    awaited_manager,
    change,
    delivery,
    outcome,
    person,
    person_user,
    plan,
    problem,
    queue,
    run,
    stretch,
)

LEAST = DAY + LOST_AFTER
"""Seconds that everything is kept: what is younger counts for the budget, or its plan may yet be sent."""

COMPARED = 30
"""Finished runs of a pipeline that are kept: the guard `rows` looks at ten whole ones among them."""

_FINISHED = (PlanState.DONE.value, PlanState.DISCARDED.value)


@dataclass(frozen=True, slots=True)
class Ages:
    """After how many seconds what is removed; ``None`` for never.

    Attributes:
        plans: Finished plans, with their changes and problems.
        runs: Runs, and the requests that they sent.
        outcomes: The endpoint's words about people.
    """

    plans: float | None = None
    runs: float | None = None
    outcomes: float | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was removed, in rows; ``outcomes`` are people whose endpoint's words were."""

    plans: int = 0
    changes: int = 0
    problems: int = 0
    runs: int = 0
    deliveries: int = 0
    outcomes: int = 0


def expire(database: Database, ages: Ages, *, at_most: int | None = None, dry_run: bool = False) -> Removed:
    """Remove what is older than the ages say.

    Args:
        database: The state.
        ages: After how long what goes; never less than a day.
        at_most: Rows of each kind; the rest is for the next time.
        dry_run: Only count.
    """
    with database.read() as connection:
        now = database.now(connection)
    sweep = _Sweep(database, at_most, dry_run=dry_run)
    found: dict[str, int] = {}
    if ages.plans is not None:
        old = select(plan.c.id).where(_old_plan(now - max(ages.plans, LEAST)))
        found["changes"] = sweep(change, change.c.plan_id.in_(old))
        found["problems"] = sweep(problem, problem.c.plan_id.in_(old))
        sweep.order(old)
        wanted = _old_plan(now - max(ages.plans, LEAST))
        left = [select(one.c.id).where(one.c.plan_id == plan.c.id).exists() for one in (change, problem)]
        found["plans"] = sweep(plan, wanted if dry_run else and_(wanted, ~or_(*left)))
    if ages.runs is not None:
        before = now - max(ages.runs, LEAST)
        found["runs"] = sweep(run, _old_run(database, before))
        found["deliveries"] = sweep(delivery, _old_delivery(before))
    if ages.outcomes is not None:
        found["outcomes"] = sweep.words(now - ages.outcomes)
    return Removed(**found)


class _Sweep:
    """Removes rows, page by page, up to a bound."""

    def __init__(self, database: Database, at_most: int | None, *, dry_run: bool) -> None:
        self._database, self._at_most, self._dry_run = database, at_most, dry_run

    def __call__(self, table: Table, condition: ColumnElement[bool]) -> int:
        return self._each(table.c.id, condition, lambda ids: delete(table).where(table.c.id.in_(ids)))

    def order(self, plans: Select[Any]) -> None:
        """Remove the order in which plans were sent: a row for some hundred people."""
        if not self._dry_run:
            with self._database.write() as connection:
                connection.execute(delete(queue).where(queue.c.plan_id.in_(plans)))

    def words(self, before: float) -> int:
        return self._each(
            outcome.c.person_id,
            and_(outcome.c.noted_at < before, WORDED),
            lambda ids: (
                update(outcome).where(outcome.c.person_id.in_(ids)).values(reason="", recommended_action="")
            ),
        )

    def _each(self, number: ColumnElement[Any], condition: ColumnElement[bool], statement: Any) -> int:
        if self._dry_run:
            with self._database.read() as connection:
                query = select(func.count()).select_from(select(number).where(condition).subquery())
                return int(connection.execute(query).scalar_one())
        done = 0
        while self._at_most is None or done < self._at_most:
            page = min(_PAGE, (self._at_most or done + _PAGE) - done)
            with self._database.write() as connection:
                ids = connection.execute(select(number).where(condition).limit(page)).scalars().all()
                if not ids:
                    break
                connection.execute(statement(ids))
                done += len(ids)
        return done


_PAGE = 1000


def _is_waited_for() -> ColumnElement[bool]:
    """Whether a delivery has people whose outcome is not known yet."""
    of_it = outcome.c.delivery_id == delivery.c.id, outcome.c.status.in_((WAITING, Status.UNCONFIRMED.value))
    return select(outcome.c.person_id).where(*of_it).exists()


def _old_plan(before: float) -> ColumnElement[bool]:
    waited_for = select(delivery.c.id).where(delivery.c.plan_id == plan.c.id, _is_waited_for()).exists()
    return and_(plan.c.created_at < before, plan.c.state.in_(_FINISHED), ~waited_for)


def _old_delivery(before: float) -> ColumnElement[bool]:
    unfinished = select(plan.c.id).where(plan.c.state.not_in(_FINISHED))
    return and_(delivery.c.sent_at < before, ~_is_waited_for(), delivery.c.plan_id.not_in(unfinished))


def _old_run(database: Database, before: float) -> ColumnElement[bool]:
    unfinished = select(plan.c.id).where(plan.c.state.not_in(_FINISHED))
    old = and_(run.c.started_at < before, run.c.plan_id.not_in(unfinished))
    return and_(old, run.c.id.not_in(_compared(database)))


def _compared(database: Database) -> list[str]:
    """The last runs of each pipeline, and those that guards compare with."""
    kept: list[str] = []
    with database.read() as connection:
        for name in _pipelines(connection):
            newest = select(run.c.id).where(run.c.pipeline == name).order_by(run.c.started_at.desc())
            kept += connection.execute(newest.limit(1)).scalars()
            kept += connection.execute(newest.where(run.c.state == "done").limit(COMPARED)).scalars()
    return kept


def _pipelines(connection: Connection) -> Iterator[str]:
    """The pipelines that have run, each found from the one before, not by a look at every run."""
    name: str | None = ""
    while (
        name := connection.execute(select(func.min(run.c.pipeline)).where(run.c.pipeline > name)).scalar()
    ) is not None:
        yield name


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was known of a person in one pipeline, in rows.

    Attributes:
        people: 1 if the endpoint had ever accepted the person.
        changes: Changes of plans.
        problems: Problems of records.
        discarded: Plans that were staged and would have sent the person: they are discarded.
    """

    people: int = 0
    changes: int = 0
    problems: int = 0
    discarded: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def forget(database: Database, pipeline: str, key: str, *, dry_run: bool = False) -> Forgotten:
    """Remove a person from all that the state knows of a pipeline, which the caller holds.

    Args:
        database: The state.
        pipeline: Name of the pipeline.
        key: Key of the person's record.
        dry_run: Only count.

    Raises:
        UsageError: A plan with the person is being sent.
    """
    with database.write() as connection:
        plans = list(connection.execute(select(plan.c.id, plan.c.state).where(plan.c.pipeline == pipeline)))
        mine = [row[0] for row in plans]
        known = connection.execute(
            select(person.c.id).where(person.c.pipeline == pipeline, person.c.key == key)
        ).scalar()
        changes = and_(change.c.plan_id.in_(mine), change.c.key == key)
        problems = and_(problem.c.plan_id.in_(mine), problem.c.key == key)
        concerned = set(connection.execute(select(change.c.plan_id).where(changes)).scalars())
        staged = [row[0] for row in plans if row[0] in concerned and row[1] == PlanState.STAGED.value]
        found = Forgotten(
            people=int(known is not None),
            changes=_count(connection, change, changes),
            problems=_count(connection, problem, problems),
            discarded=tuple(staged),
        )
        if dry_run:
            return found
        _check_not_sent(pipeline, [row[0] for row in plans if row[1] == PlanState.APPLYING.value])
        for plan_id in staged:
            Plans(database, pipeline).set_state(connection, plan_id, PlanState.DISCARDED)
        for table in (outcome, person_user, awaited_manager):
            connection.execute(delete(table).where(table.c.person_id == known))
        allotted = and_(allocation.c.pipeline == pipeline, allocation.c.key == key)
        connection.execute(delete(allocation).where(allotted))
        connection.execute(delete(person).where(person.c.id == known))
        connection.execute(delete(change).where(changes))
        connection.execute(delete(problem).where(problems))
        # Among them is who is in the same lines of a file; they are read once more, and kept anew.
        connection.execute(delete(stretch).where(stretch.c.pipeline == pipeline))
        _unname(connection, mine, key)
    return found


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _check_not_sent(pipeline: str, applying: Sequence[str]) -> None:
    if applying:
        message = f"the plan {applying[0]} of {pipeline} is not sent to its end"
        hint = f"Finish it with `scimport resume {pipeline}`, or give it up with `scimport discard`."
        raise UsageError(Problem(Code.PLAN_REFUSED, message, hint=hint))


def _unname(connection: Connection, plan_ids: Sequence[str], key: str) -> None:
    """Guards name the first keys that they count."""
    query = select(plan.c.id, plan.c.stopped).where(plan.c.id.in_(plan_ids), plan.c.stopped != "{}")
    for plan_id, stopped in connection.execute(query).all():
        problems = orjson.loads(stopped)
        named = [{**one, "keys": [each for each in one.get("keys", ()) if each != key]} for one in problems]
        if named != problems:
            values = {"stopped": orjson.dumps(named).decode()}
            connection.execute(update(plan).where(plan.c.id == plan_id).values(values))
