from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select, update
from tests.state.test_vault import BODY

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.codes import Code
from scimport.digests import digest_user
from scimport.errors import LockedError, StateError
from scimport.model import Change, ChangeKind, PlanCounts, Problem, Status
from scimport.state import Database, history, locks
from scimport.state import rekey as module
from scimport.state.allocations import Allocation, Allocations
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.people import People
from scimport.state.plans import Plans, PlanState
from scimport.state.rekey import rekey
from scimport.state.schema import allocation, change, data_key, person, person_user, problem
from scimport.state.vault import Keeping, Values

A, B = b"a" * 32, b"b" * 32
KEEP = Keeping()
ENCRYPT, DIGEST = Keeping(Values.ENCRYPT, (A,)), Keeping(Values.DIGEST, (A,))
COUNT = 7


def body(n: int) -> bytes:
    return orjson.dumps(orjson.loads(BODY) | {"externalId": f"K{n}"})


@contextmanager
def opened(url: str, keeping: Keeping) -> Iterator[Database]:
    with closing(Database(url, keeping)) as database:
        yield database


def stage(database: Database, kind: ChangeKind = ChangeKind.JOINER) -> str:
    plans = Plans(database, "staff")
    with database.write() as connection:
        plan_id = plans.create(connection)
        users = [body(n) for n in range(COUNT)]
        digests = [b"" if kind is ChangeKind.JOINER else database.vault.digest(user) for user in users]
        changes = [
            Change(f"K{n}", kind, Status.PLANNED, f"K{n}", True, n, b"row", digest, user)
            for n, (user, digest) in enumerate(zip(users, digests, strict=True))
        ]
        plans.stage(connection, plan_id, changes)
        wrong = Problem(Code.CONTRACT_VALUES, "not allowed", key="K9", value="Quirky")
        plans.add_problems(connection, plan_id, [wrong])
        plans.finish_building(connection, plan_id, PlanCounts(to_send=COUNT))
    return plan_id


def send(database: Database, plan_id: str) -> list[bytes]:
    """Have the endpoint accept a plan; returns what it was sent."""
    outbox = StateOutbox(database, "staff", plan_id, Limits("t"))
    sent: list[bytes] = []
    while operations := outbox.claim():
        delivery = outbox.begin(operations)
        assert isinstance(delivery, Delivery)
        outbox.finish(delivery, http_status=202, result=DeliveryResult.ACCEPTED)
        sent += [one.body for one in operations]
    with database.write() as connection:
        Plans(database, "staff").set_state(connection, plan_id, PlanState.DONE)
    return sent


def stored(url: str) -> bytes:
    """Every value that the database holds, as it holds it."""
    with closing(Database(url, None)) as database, database.read() as connection:
        bodies = [
            bytes(one)
            for column in (person_user.c.body, change.c.body)
            for one in connection.execute(select(column)).scalars()
        ]
        return b"\n".join(
            [*bodies, *(v.encode() for v in connection.execute(select(problem.c.value)).scalars())]
        )


def known(database: Database) -> list[bytes]:
    """The people as last acknowledged, as the code reads them."""
    with database.read() as connection:
        ids = list(connection.execute(select(person.c.id)).scalars())
        return [one.body for page in People(database, "staff").listed(connection, ids) for one in page]


def test_encrypted_from_plan_to_acknowledgement(state_url: str) -> None:
    with opened(state_url, ENCRYPT) as database:
        plan_id = stage(database)
        assert b"zoe" not in stored(state_url)
        assert send(database, plan_id) == [body(n) for n in range(COUNT)]
        assert known(database) == [body(n) for n in range(COUNT)]
        mover = stage(database, ChangeKind.MOVER)
        with database.read() as connection:
            plans = Plans(database, "staff")
            assert next(iter(plans.modified(connection, mover))) == ("K0", body(0), body(0))
            assert [row["body"] for row in plans.changes(connection, mover)][1] == body(1)
            assert plans.staged(connection, mover, ["K2"])["K2"].body == body(2)
            assert [one.value for one in plans.problems(connection, mover)] == ["Quirky"]
            found = history.acknowledged(connection, database.vault, "staff", "K3")
            assert found is not None
            assert found.body == body(3)
            told = history.problems(connection, database.vault, "staff", "K9")
            assert [one.value for _, one in told] == ["Quirky", "Quirky"]
            digest = connection.execute(select(person.c.user_digest).limit(1)).scalar_one()
    assert bytes(digest) not in {digest_user(body(n)) for n in range(COUNT)}
    for word in (b"zoe", b"Quirky"):
        assert word not in stored(state_url)


def test_digests_from_acknowledgement_on(state_url: str) -> None:
    with opened(state_url, DIGEST) as database:
        plan_id = stage(database)
        assert send(database, plan_id) == [body(n) for n in range(COUNT)]
        assert b"digest:" in known(database)[0]
        mover = stage(database, ChangeKind.MOVER)
        with database.read() as connection:
            changed = list(Plans(database, "staff").modified(connection, mover))
        assert len(changed) == COUNT
        assert all(before == after for _, before, after in changed)
        with database.write() as connection:
            Plans(database, "staff").set_state(connection, mover, PlanState.DISCARDED)
        rest = stored(state_url)
    for word in (b"zoe", b"Quirky", b"\x01\0\0\0"):
        assert word not in rest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (KEEP, ENCRYPT),
        (ENCRYPT, KEEP),
        (ENCRYPT, Keeping(Values.ENCRYPT, (B, A))),
        (KEEP, DIGEST),
        (ENCRYPT, DIGEST),
    ],
    ids=lambda one: f"{one.values} {len(one.keys)}",
)
def test_a_conversion_keeps_what_is_known(state_url: str, before: Keeping, after: Keeping) -> None:
    with opened(state_url, before) as database:
        send(database, stage(database))
        staged = stage(database, ChangeKind.MOVER)
    if before.values is not after.values:
        with pytest.raises(StateError) as caught:
            Database(state_url, after)
        assert caught.value.problems[0].code is Code.STATE_VALUES
    assert rekey(state_url, Keeping(after.values, after.keys or before.keys)).rows
    only = Keeping(after.values, after.keys[:1])
    with opened(state_url, only) as database:
        with database.read() as connection:
            rows = connection.execute(select(person.c.user_digest, person.c.row_digest)).all()
            values = [one.value for one in Plans(database, "staff").problems(connection, staged)]
        assert {(bytes(row[0]), bytes(row[1])) for row in rows} == {
            (database.vault.digest(body(n)), b"") for n in range(COUNT)
        }
        assert values == ["***" if after is DIGEST else "Quirky"]
        if after is not DIGEST:
            assert known(database) == [body(n) for n in range(COUNT)]
        assert send(database, staged) == [body(n) for n in range(COUNT)]
    assert (b"zoe" in stored(state_url)) is (after is KEEP)
    if after is ENCRYPT and state_url.startswith("sqlite"):
        assert b"zoe" not in Path(state_url.removeprefix("sqlite:///")).read_bytes()


@pytest.mark.parametrize("pages", range(1, 8))
def test_an_interrupted_rotation_is_finished(
    state_url: str, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(state_url, ENCRYPT) as database:
        send(database, stage(database))
    monkeypatch.setattr(module, "PAGE", 3)
    write, left = module._write, [pages]

    def fail(*arguments: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        write(*arguments)  # type: ignore[arg-type]

    keys = Keeping(Values.ENCRYPT, (B, A))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_write", fail)
        with pytest.raises(KeyboardInterrupt):
            rekey(state_url, keys)
    with pytest.raises(StateError, match="is being converted") as caught:
        Database(state_url, keys)
    assert caught.value.problems[0].code is Code.STATE_VALUES
    with pytest.raises(StateError, match="is being converted"):
        rekey(state_url, DIGEST)
    rekey(state_url, keys)
    with opened(state_url, Keeping(Values.ENCRYPT, (B,))) as database:
        assert known(database) == [body(n) for n in range(COUNT)]


def test_another_key_changes_nothing(state_url: str) -> None:
    with opened(state_url, ENCRYPT) as database:
        send(database, stage(database))
    before = stored(state_url)
    for keys in ((B,), ()):
        for attempt in (Database, rekey):
            with pytest.raises(StateError) as caught:
                attempt(state_url, Keeping(Values.ENCRYPT, keys))
            assert caught.value.problems[0].code is Code.STATE_KEY
    assert stored(state_url) == before
    with opened(state_url, ENCRYPT) as database:
        assert len(known(database)) == COUNT


def test_digests_stay_under_another_key_and_cannot_become_values(state_url: str) -> None:
    with opened(state_url, DIGEST) as database:
        send(database, stage(database))
    before = stored(state_url)
    with pytest.raises(StateError, match="not there any more"):
        rekey(state_url, ENCRYPT)
    assert rekey(state_url, Keeping(Values.DIGEST, (B, A))).rewrapped
    assert stored(state_url) == before
    with opened(state_url, Keeping(Values.DIGEST, (B,))) as database:
        assert len(known(database)) == COUNT


def test_a_state_is_not_converted_under_a_run(state_url: str) -> None:
    with opened(state_url, KEEP) as database:
        stage(database)
        with locks.hold(database, "staff"), pytest.raises(LockedError):
            rekey(state_url, ENCRYPT)


def test_rows_cannot_be_swapped(state_url: str) -> None:
    with opened(state_url, ENCRYPT) as database:
        plan_id = stage(database)
        with database.write() as connection:
            other = connection.execute(select(change.c.body).where(change.c.key == "K1")).scalar_one()
            connection.execute(update(change).where(change.c.key == "K0").values(body=other))
        with pytest.raises(StateError) as caught:
            send(database, plan_id)
    assert caught.value.problems[0].code is Code.STATE_DAMAGED


def test_nothing_is_noted_where_values_are_kept(state_url: str) -> None:
    with opened(state_url, KEEP) as database, database.read() as connection:
        assert connection.execute(select(data_key)).all() == []
    assert rekey(state_url, KEEP).rows == 0


def test_values_that_were_allotted_are_brought_along(state_url: str) -> None:
    """They are found by their digests under the new key, and open under it alone."""
    value = Allocation("userName", "K1", "", "ann2", "@acme.example")
    with opened(state_url, KEEP) as database, database.write() as connection:
        Allocations(database.vault, "staff", "p").keep(connection, [value])
    rekey(state_url, ENCRYPT)
    with opened(state_url, ENCRYPT) as database, database.read() as connection:
        stored = bytes(connection.execute(select(allocation.c.value)).scalar_one())
        assert b"ann2" not in stored
        values = Allocations(database.vault, "staff", "p")
        assert values.of(connection, ["K1"]) == {("userName", "K1"): value}
        digest = database.vault.digest_name("ANN2@acme.example")
        assert values.taken(connection, "userName", [digest], with_names=True) == {digest: {"K1"}}
