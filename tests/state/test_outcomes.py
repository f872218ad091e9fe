from __future__ import annotations

import pytest
from sqlalchemy import select, update

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.model import Change, ChangeKind, PlanCounts, Status
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.outcomes import Outcome, OutcomeCounts, Outcomes, Story
from scimport.state.plans import Plans
from scimport.state.schema import change, outcome, person
from scimport.state.turns import take_turn


def deliver(database: Database, keys: list[str], pipeline: str = "staff") -> str:
    """Have people accepted; returns the id of their plan."""
    plans = Plans(database, pipeline)
    with database.write() as connection:
        plan = plans.create(connection)
        digest = b"1" * 16
        people = [
            Change(key, ChangeKind.JOINER, Status.PLANNED, f"x{key}", True, 0, digest, digest, b'{"a": "b"}')
            for key in keys
        ]
        plans.stage(connection, plan, people)
        plans.finish_building(connection, plan, PlanCounts(to_send=len(keys)))
    outbox = StateOutbox(database, pipeline, plan, Limits("t"))
    while operations := outbox.claim():
        sent = outbox.begin(operations)
        assert isinstance(sent, Delivery)
        outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
    return plan


def _keep(database: Database, outcomes: Outcomes, **statuses: Status) -> None:
    with database.write() as connection:
        found = {one.key: one for one in outcomes.find(connection, [f"x{key}" for key in statuses])}
        kept = [
            Outcome(found[key], status, 5.0, "Code", "words", "action", "change", "cycle")
            for key, status in statuses.items()
        ]
        outcomes.keep(connection, kept, 7.0)


def _statuses(database: Database, plan: str) -> dict[str, str]:
    with database.read() as connection:
        rows = connection.execute(select(change.c.key, change.c.status).where(change.c.plan_id == plan))
        return {row[0]: row[1] for row in rows}


def test_people_wait_until_there_is_an_outcome(database: Database) -> None:
    plan, outcomes = deliver(database, ["a", "b", "c", "d"]), Outcomes(database, "staff")
    with database.read() as connection:
        assert outcomes.counts(connection) == OutcomeCounts(waiting=4)
        assert outcomes.newest_logged(connection) is None
        (found,) = outcomes.find(connection, ["xa", "nobody"])
        assert (found.key, found.external_id, found.plan_id, found.status) == ("a", "xa", plan, "waiting")
        assert outcomes.bodies(connection, [found.person_id]) == {found.person_id: b'{"a": "b"}'}
        oldest = outcomes.oldest_waiting(connection)
        assert oldest is not None
        assert oldest[0] == found.sent_at <= oldest[1] <= database.now(connection)
    _keep(database, outcomes, a=Status.PROVISIONED, b=Status.REJECTED, c=Status.SKIPPED)
    with database.read() as connection:
        assert outcomes.counts(connection) == OutcomeCounts(1, 1, 1, 1, 0)
        assert outcomes.newest_logged(connection) == 5.0
        (listed,) = outcomes.listed(connection, Status.REJECTED, 9)
        assert listed == Story("b", "rejected", listed.delivered_at, 5.0, "Code", "words", "action")
        assert list(outcomes.listed(connection, Status.UNCONFIRMED, 9)) == []
    assert _statuses(database, plan) == {
        "a": "provisioned",
        "b": "rejected",
        "c": "skipped",
        "d": "accepted",
    }
    _keep(database, outcomes, b=Status.PROVISIONED)
    with database.read() as connection:
        assert outcomes.counts(connection) == OutcomeCounts(2, 1, 0, 1, 0)


def test_a_new_delivery_is_waited_for_anew(database: Database) -> None:
    first, outcomes = deliver(database, ["a", "b"]), Outcomes(database, "staff")
    _keep(database, outcomes, a=Status.REJECTED, b=Status.PROVISIONED)
    second = deliver(database, ["a"])
    with database.read() as connection:
        assert outcomes.counts(connection) == OutcomeCounts(provisioned=1, waiting=1)
        assert Outcomes(database, "staff", first).counts(connection) == OutcomeCounts(provisioned=1)
        assert Outcomes(database, "staff", second).counts(connection) == OutcomeCounts(waiting=1)
        (found,) = outcomes.find(connection, ["xa"])
        assert (found.plan_id, found.status, found.logged_at) == (second, "waiting", None)
    _keep(database, outcomes, a=Status.PROVISIONED)
    assert _statuses(database, first) == {"a": "rejected", "b": "provisioned"}
    assert _statuses(database, second) == {"a": "provisioned"}


def test_who_waits_too_long_is_unconfirmed_and_may_still_turn_up(database: Database) -> None:
    keys = [f"{n:04}" for n in range(1203)]
    plan, outcomes = deliver(database, keys), Outcomes(database, "staff")
    _keep(database, outcomes, **{"0007": Status.PROVISIONED})
    with database.write() as connection:
        early = outcome.c.person_id.in_(select(person.c.id).where(person.c.key.in_(keys[:1100])))
        connection.execute(update(outcome).where(early).values(accepted_at=50.0))
        assert outcomes.give_up(connection, 49.0, 7.0) == []
        sizes = []
        while page := outcomes.give_up(connection, 50.0, 7.0):
            sizes.append(len(page))
        assert sizes == [500, 500, 99]
        assert outcomes.give_up(connection, 50.0, 7.0) == []
        assert outcomes.counts(connection) == OutcomeCounts(provisioned=1, waiting=103, unconfirmed=1099)
        assert [one.key for one in outcomes.listed(connection, Status.UNCONFIRMED, 2)] == ["0000", "0001"]
    assert _statuses(database, plan)["0003"] == "unconfirmed"
    _keep(database, outcomes, **{"0003": Status.PROVISIONED})
    with database.read() as connection:
        assert outcomes.counts(connection) == OutcomeCounts(provisioned=2, waiting=103, unconfirmed=1098)


def test_pipelines_do_not_see_each_other(database: Database) -> None:
    deliver(database, ["a"])
    deliver(database, ["a", "b"], "guests")
    staff, guests = Outcomes(database, "staff"), Outcomes(database, "guests")
    _keep(database, guests, a=Status.REJECTED)
    with database.write() as connection:
        assert staff.counts(connection) == OutcomeCounts(waiting=1)
        assert staff.newest_logged(connection) is None
        assert [one.key for one in staff.find(connection, ["xa", "xb"])] == ["a"]
        assert [one.key for one in staff.give_up(connection, 1e12, 7.0)] == ["a"]
        assert guests.counts(connection) == OutcomeCounts(rejected=1, waiting=1)


def test_turns_lie_apart_for_all_who_share_them(database: Database) -> None:
    waits = [take_turn(database, "log t", 10.0) for _ in range(3)]
    assert waits == pytest.approx([0.0, 10.0, 20.0], abs=0.5)
    assert take_turn(database, "log u", 10.0) == 0.0
