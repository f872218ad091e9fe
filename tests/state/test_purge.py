from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Change, ChangeKind, PlanCounts, Problem, RunSummary, Severity, Status
from scimport.state import Database, runs
from scimport.state.calls import DAY
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.outcomes import Outcome, Outcomes
from scimport.state.plans import Plans, PlanState
from scimport.state.purge import Ages, Removed, expire, forget
from scimport.state.schema import change, delivery, metadata, outcome, person, person_user, plan, problem, run

OLD = 100 * DAY
ALL = Ages(plans=30 * DAY, runs=30 * DAY, outcomes=30 * DAY)


def load(database: Database, *keys: str, state: PlanState = PlanState.DONE, name: str = "staff") -> str:
    """A run whose plan has these people; they are accepted unless the plan stays staged."""
    plans = Plans(database, name)
    run_id = runs.start(database, name)
    with database.write() as connection:
        plan_id = plans.create(connection)
        changes = [
            Change(key, ChangeKind.JOINER, Status.PLANNED, key, True, n, b"r", b"", b"{}")
            for n, key in enumerate(keys)
        ]
        plans.stage(connection, plan_id, changes)
        wrong = [Problem(Code.CONTRACT_VALUES, "no", key=key, value="v") for key in keys]
        plans.add_problems(connection, plan_id, wrong)
        plans.finish_building(connection, plan_id, PlanCounts(to_send=len(keys)))
    if state is not PlanState.STAGED:
        outbox = StateOutbox(database, name, plan_id, Limits("t"))
        sent = outbox.begin(outbox.claim())
        assert isinstance(sent, Delivery)
        outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
        with database.write() as connection:
            plans.set_state(connection, plan_id, state)
    runs.end(database, RunSummary(name, run_id, plan_id, whole=True), "done")
    return plan_id


def confirm(database: Database, *keys: str) -> None:
    outcomes = Outcomes(database, "staff")
    with database.write() as connection:
        known = [
            Outcome(one, Status.PROVISIONED, 1.0, reason="words") for one in outcomes.find(connection, keys)
        ]
        outcomes.keep(connection, known, database.now(connection))


def age(database: Database, seconds: float = OLD) -> None:
    """Let everything that is there have happened so long ago."""
    with database.write() as connection:
        for column in (
            plan.c.created_at,
            delivery.c.sent_at,
            delivery.c.ended_at,
            run.c.started_at,
            outcome.c.noted_at,
        ):
            connection.execute(update(column.table).values({column.name: column - seconds}))


def count(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (plan, change, problem, run, delivery, person)
        }


def test_what_is_old_and_not_needed_goes(database: Database) -> None:
    load(database, "K1", "K2")
    confirm(database, "K1", "K2")
    age(database)
    load(database, "K3")
    before = count(database)
    told = expire(database, ALL, dry_run=True)
    assert count(database) == before
    removed = expire(database, ALL)
    # The old run is one of those that guards compare with.
    assert removed == told == Removed(plans=1, changes=2, problems=2, runs=0, deliveries=1, outcomes=2)
    assert count(database) == {"plan": 1, "change": 1, "problem": 1, "run": 2, "delivery": 1, "person": 3}
    with database.read() as connection:
        assert set(connection.execute(select(outcome.c.reason)).scalars()) == {""}
    assert expire(database, ALL) == Removed()


def test_people_who_are_not_confirmed_keep_their_delivery(database: Database) -> None:
    load(database, "K1", "K2")
    confirm(database, "K1")
    age(database)
    assert expire(database, ALL) == Removed(outcomes=1)
    with database.read() as connection:
        assert [one.key for one in Outcomes(database, "staff").find(connection, ["K2"])] == ["K2"]


@pytest.mark.parametrize("state", [PlanState.STAGED, PlanState.APPLYING])
def test_plans_that_are_not_finished_stay_whole(database: Database, state: PlanState) -> None:
    load(database, "K1", state=state)
    age(database)
    confirm(database, "K1")
    before = count(database)
    expire(database, ALL)
    assert count(database) == before


def test_nothing_goes_within_a_day(database: Database) -> None:
    load(database, "K1")
    confirm(database, "K1")
    age(database, DAY - 60)
    load(database, "K2")
    before = count(database)
    expire(database, Ages(plans=0, runs=0))
    assert count(database) == before


def test_guards_keep_the_runs_that_they_compare_with(database: Database) -> None:
    for n in range(3):
        load(database, "K1")
        for _ in range(20):
            runs.end(
                database, RunSummary("staff", runs.start(database, "staff"), ""), "failed" if n else "done"
            )
    usual = runs.usual_rows(database, "staff")
    age(database)
    assert expire(database, ALL).runs > 0
    assert runs.usual_rows(database, "staff") == usual


def test_a_bound_leaves_the_rest_for_the_next_time(database: Database) -> None:
    load(database, *(f"K{n}" for n in range(5)))
    confirm(database, *(f"K{n}" for n in range(5)))
    age(database)
    assert expire(database, ALL, at_most=3) == Removed(changes=3, problems=3, deliveries=1, outcomes=3)
    assert expire(database, ALL, at_most=3) == Removed(plans=1, changes=2, problems=2, outcomes=2)


def test_a_person_is_forgotten(database: Database) -> None:
    plan_id = load(database, "K1", "K2")
    confirm(database, "K1", "K2")
    other = load(database, "K1", name="guests")
    staged = load(database, "K1", state=PlanState.STAGED)
    with database.write() as connection:
        stop = Problem(Code.GUARD_LEAVERS, "too many", Severity.ERROR, keys=("K1", "K2"))
        Plans(database, "staff").review(connection, staged, {}, [stop])
    told = forget(database, "staff", "K1", dry_run=True)
    assert forget(database, "staff", "K1") == told
    assert (told.people, told.changes, told.problems, told.discarded) == (1, 2, 2, (staged,))
    assert not forget(database, "staff", "K1")
    with database.read() as connection:
        for table in (change, problem):
            left = select(func.count()).where(table.c.key == "K1", table.c.plan_id.in_((plan_id, staged)))
            assert connection.execute(left).scalar_one() == 0
        left_in = select(person.c.pipeline).where(person.c.key == "K1")
        assert list(connection.execute(left_in).scalars()) == ["guests"]
        assert len(connection.execute(select(person_user)).all()) == 2
        assert len(connection.execute(select(outcome)).all()) == 2
        stopped = connection.execute(select(plan.c.stopped).where(plan.c.id == staged)).scalar_one()
    assert "K1" not in stopped
    assert "K2" in stopped
    assert other


def test_nobody_is_taken_out_of_a_plan_that_is_sent(database: Database) -> None:
    load(database, "K1", state=PlanState.APPLYING)
    before = count(database)
    with pytest.raises(UsageError) as caught:
        forget(database, "staff", "K1")
    assert caught.value.problems[0].code is Code.PLAN_REFUSED
    assert count(database) == before


def test_every_table_that_has_keys_is_purged() -> None:
    assert {table.name for table in metadata.tables.values() if "key" in table.c} == {
        "person",
        "change",
        "problem",
        "allocation",
    }
    assert {table.name for table in metadata.tables.values() if "person_id" in table.c} == {
        "person_user",
        "outcome",
        "awaited_manager",
    }
