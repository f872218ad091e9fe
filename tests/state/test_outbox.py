from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from scimport.apps.outbox import Delivery, DeliveryResult, Wait
from scimport.digests import digest_user
from scimport.errors import BudgetError
from scimport.model import Change, ChangeKind, DeliveryCounts, PlanCounts, Status
from scimport.project.config import AppConfig
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox, limits_of
from scimport.state.people import Known, People, Person
from scimport.state.plans import Plans
from scimport.state.queue import Queue
from scimport.state.schema import delivery, person


def _planned(database: Database, keys: list[str], mark: bytes = b"1") -> str:
    plans = Plans(database, "employees")
    with database.write() as connection:
        plan = plans.create(connection)
        changes = [
            Change(key, ChangeKind.JOINER, Status.PLANNED, f"x{key}", True, 0, mark * 16, mark * 16, b"{}")
            for key in keys
        ]
        plans.stage(connection, plan, changes)
        plans.finish_building(connection, plan, PlanCounts(to_send=len(keys)))
    return plan


def _send(outbox: StateOutbox, result: DeliveryResult = DeliveryResult.ACCEPTED, size: int = 50) -> Delivery:
    sent = outbox.begin(outbox.claim(size))
    assert isinstance(sent, Delivery)
    outbox.finish(sent, http_status=202, result=result, request_id="theirs")
    return sent


def test_everybody_is_claimed_once_in_order(database: Database) -> None:
    keys = [f"{n:04}" for n in range(1203)]
    outbox = StateOutbox(database, "employees", _planned(database, keys), Limits("t"))
    claimed: list[str] = []
    while operations := outbox.claim():
        assert len(operations) == 50 or len(claimed) == 1200
        claimed += [one.key for one in operations]
    assert claimed == keys
    assert outbox.tally().remaining == 1203


def _in_waves(database: Database, *waves: list[str]) -> StateOutbox:
    keys = [key for wave in waves for key in wave]
    plan = _planned(database, keys)
    with database.write() as connection:
        ids = {row["key"]: row["id"] for row in Plans(database, "employees").changes(connection, plan)}
        queue = Queue(database.vault, "employees", plan)
        queue.keep(connection, [[ids[key] for key in wave] for wave in waves])
    return StateOutbox(database, "employees", plan, Limits("t"))


def test_a_later_wave_waits_until_the_ones_before_are_settled(database: Database) -> None:
    outbox = _in_waves(database, ["d", "c"], ["b", "a"])
    first, second = outbox.claim(1), outbox.claim(1)
    assert [one.key for one in (*first, *second)] == ["d", "c"]
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(outbox.claim, 2)
        sent = outbox.begin(first)
        assert isinstance(sent, Delivery)
        outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
        assert not late.done()
        outbox.reject(second[0], message="no")
        assert [one.key for one in late.result(timeout=60)] == ["b", "a"]


def test_a_request_holds_several_waves_unless_others_have_people_of_the_first(database: Database) -> None:
    outbox = _in_waves(database, ["d"], ["b", "a"], ["c"])
    together = outbox.claim(3)
    assert [one.key for one in together] == ["d", "b", "a"]
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(outbox.claim, 50)
        outbox.release(together[1:])
        outbox.release(together[:1])
        # What was given back comes in its order, before the wave that waited.
        assert [one.key for one in late.result(timeout=60)] in (["d", "b", "a", "c"], ["d", "a", "b", "c"])


def test_what_is_released_comes_next(database: Database) -> None:
    outbox = StateOutbox(database, "employees", _planned(database, ["a", "b", "c"]), Limits("t"))
    outbox.release(outbox.claim(2))
    assert [one.key for one in outbox.claim()] == ["a", "b", "c"]


def test_accepted_people_are_known_from_then_on(database: Database) -> None:
    outbox = StateOutbox(database, "employees", _planned(database, ["b", "a", "c"]), Limits("t"))
    people = People(database, "employees")
    _send(outbox, size=2)
    with database.read() as connection:
        first, second = map(Known._make, sorted(people.lookup(connection, ["a", "nobody", "b", "c"])))
        assert first == Known(0, first.id, True, b"1" * 16, digest_user(b"{}"))
        assert second == Known(2, second.id, True, b"1" * 16, digest_user(b"{}"))
        assert people.count(connection) == (2, 2)
        assert people.id_range(connection) == tuple(sorted((first.id, second.id)))
        assert list(People(database, "contractors").lookup(connection, ["a"])) == []
    assert outbox.tally() == DeliveryCounts(accepted=2, remaining=1, calls=1)
    _send(StateOutbox(database, "employees", _planned(database, ["a"], b"2"), Limits("t")))
    with database.read() as connection:
        assert list(people.lookup(connection, ["a"])) == [
            Known(0, first.id, True, b"2" * 16, digest_user(b"{}"))
        ]
        pages = list(people.listed(connection, [first.id, 10**6]))
        assert pages == [[Person(first.id, "a", "xa", b"{}", 0)]]
        assert list(People(database, "contractors").listed(connection, [first.id])) == []


@pytest.mark.parametrize("result", [one for one in DeliveryResult if one is not DeliveryResult.ACCEPTED])
def test_what_is_not_accepted_stays_planned(database: Database, result: DeliveryResult) -> None:
    outbox = StateOutbox(database, "employees", _planned(database, ["a"]), Limits("t"))
    _send(outbox, result)
    assert outbox.tally().remaining == 1
    with database.read() as connection:
        assert People(database, "employees").count(connection) == (0, 0)


def test_a_rejected_record_is_not_sent_again(database: Database) -> None:
    plan = _planned(database, ["a", "b"])
    outbox = StateOutbox(database, "employees", plan, Limits("t"))
    (first, _) = outbox.claim()
    outbox.reject(first, message="no such domain")
    assert outbox.tally().remaining == 1
    plans = Plans(database, "employees")
    with database.read() as connection:
        assert [(row["key"], row["status"]) for row in plans.changes(connection, plan)] == [
            ("a", "rejected"),
            ("b", "planned"),
        ]
        (problem,) = plans.problems(connection, plan)
    assert (problem.code, problem.key) == ("record-rejected", "a")
    assert "no such domain" in problem.message


def test_the_pace_counts_a_call_until_the_window_after_its_end(database: Database) -> None:
    keys = [str(n) for n in range(9)]
    outbox = StateOutbox(database, "employees", _planned(database, keys), Limits("t", burst=3, window=5.0))
    flying = [outbox.begin(outbox.claim(1)) for _ in range(3)]
    waits = outbox.begin(outbox.claim(1))
    assert isinstance(waits, Wait)
    assert waits.seconds == pytest.approx(5, abs=0.1)  # nothing has ended yet
    for sent in flying:
        assert isinstance(sent, Delivery)
        outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
    with database.write() as connection:
        connection.execute(update(delivery).values(ended_at=database.now(connection) - 4.0))
    early = outbox.begin(outbox.claim(1))
    assert isinstance(early, Delivery)
    assert early.due - time.monotonic() == pytest.approx(1, abs=0.2)
    outbox.withdraw(early)
    assert outbox.tally().calls == 3
    with database.write() as connection:
        connection.execute(update(delivery).values(ended_at=database.now(connection) - 5.1))
    assert isinstance(outbox.begin(outbox.claim(1)), Delivery)


def test_without_limits_only_a_wish_of_the_endpoint_holds_calls_back(database: Database) -> None:
    keys = [f"{n:03}" for n in range(60)]
    config = AppConfig.model_validate({"target": "entra-id", "endpoint": "sandbox", "limits": "none"})
    outbox = StateOutbox(database, "employees", _planned(database, keys), limits_of(config, "t"))
    flying = [outbox.begin(outbox.claim(1)) for _ in range(50)]
    assert [one.due for one in flying if isinstance(one, Delivery)] == [0.0] * 50
    sent = flying[0]
    assert isinstance(sent, Delivery)
    outbox.finish(sent, http_status=429, result=DeliveryResult.THROTTLED, retry_after=30.0)
    assert isinstance(outbox.begin(outbox.claim(1)), Wait)


def test_what_need_not_be_written_at_once_is_written_with_the_next_request(database: Database) -> None:
    outbox = StateOutbox(database, "employees", _planned(database, [*"abcd"]), Limits("t"))
    for written in (lambda: outbox.begin(outbox.claim(1)), outbox.flush):
        before = outbox.tally().accepted
        sent = outbox.begin(outbox.claim(1))
        assert isinstance(sent, Delivery)
        outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED, at_once=False)
        assert outbox.tally().accepted == before
        written()
        assert outbox.tally().accepted == before + 1


def test_requests_of_many_threads_are_written_down_together(database: Database) -> None:
    keys = [f"{n:04}" for n in range(1000)]
    outbox = StateOutbox(database, "employees", _planned(database, keys), Limits("t", 0, daily_calls=0))

    def work(_: int) -> None:
        while operations := outbox.claim(10):
            sent = outbox.begin(operations)
            assert isinstance(sent, Delivery)
            outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED, at_once=False)
        outbox.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert outbox.tally() == DeliveryCounts(accepted=1000, calls=100)
    with database.read() as connection:
        assert len(People(database, "employees").lookup(connection, keys)) == 1000
        assert connection.execute(select(delivery.c.id).where(delivery.c.ended_at.is_(None))).all() == []
        by = select(person.c.delivery_id, func.count()).group_by(person.c.delivery_id)
        assert {count for _, count in connection.execute(by)} == {10}


def test_the_pace_is_shared_by_all_outboxes_of_a_scope(database: Database) -> None:
    one = StateOutbox(database, "employees", _planned(database, [*"ab"]), Limits("t", burst=1))
    two = StateOutbox(database, "contractors", _planned(database, ["a"]), Limits("t", burst=1))
    other = StateOutbox(database, "other", _planned(database, ["a"]), Limits("u", burst=1))
    sent = _send(one, size=1)
    assert sent.due == 0.0
    later = two.begin(two.claim())
    assert isinstance(later, Delivery)
    assert later.due - time.monotonic() == pytest.approx(5, abs=1)
    assert isinstance(one.begin(one.claim()), Wait)
    assert isinstance(other.begin(other.claim()), Delivery)


def test_retry_after_holds_everybody_of_the_scope(database: Database) -> None:
    one = StateOutbox(database, "employees", _planned(database, ["a", "b"]), Limits("t"))
    sent = one.begin(one.claim(1))
    assert isinstance(sent, Delivery)
    one.finish(sent, http_status=429, result=DeliveryResult.THROTTLED, retry_after=30.0)
    two = StateOutbox(database, "contractors", _planned(database, ["a"]), Limits("t"))
    waits = two.begin(two.claim())
    assert isinstance(waits, Wait)
    assert waits.seconds == pytest.approx(30, abs=1)


def test_the_days_calls_are_counted_over_24_hours(database: Database) -> None:
    outbox = StateOutbox(database, "employees", _planned(database, list("abcd")), Limits("t", daily_calls=2))
    _send(outbox, size=1)
    _send(outbox, size=1)
    with pytest.raises(BudgetError, match="2 of 2"):
        outbox.begin(outbox.claim(1))
    with database.write() as connection:
        first = connection.execute(select(delivery.c.id).limit(1)).scalar_one()
        yesterday = database.now(connection) - 86_401
        connection.execute(
            update(delivery).where(delivery.c.id == first).values(sent_at=yesterday, ended_at=yesterday)
        )
    _send(outbox, size=1)


def test_requests_of_a_process_that_is_gone_are_closed(database: Database) -> None:
    plan = _planned(database, ["a"])
    gone = StateOutbox(database, "employees", plan, Limits("t"))
    sent = gone.begin(gone.claim())
    assert isinstance(sent, Delivery)
    assert str(uuid.UUID(sent.request_id)) == sent.request_id
    again = StateOutbox(database, "employees", plan, Limits("t"))
    assert again.tally().remaining == 1
    with database.read() as connection:
        row = connection.execute(select(delivery.c.result, delivery.c.ended_at, delivery.c.operations)).one()
    assert row.result == "failed"
    assert row.ended_at is not None
    assert row.operations == 1
    assert [one.key for one in again.claim()] == ["a"]
