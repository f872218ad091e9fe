from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import insert

from scimport.state import Database
from scimport.state.people import People
from scimport.state.schema import person
from scimport.state.stretches import Stretch, Stretches, number


def stretch(n: int) -> Stretch:
    digest = blake2b(str(n).encode(), digest_size=16).digest()
    return Stretch(number(digest), digest, n, b"\0" * 8 * n, b"", b"\xff" * 16 * n)


def keep(database: Database, pipeline: str, *new: Stretch, found: tuple[Stretch, ...] = ()) -> None:
    """What a plan does that has met these."""
    stretches = Stretches(database, pipeline)
    with database.write() as connection:
        stretches.meet(connection, [one.id for one in found], new)
        stretches.forget_others(connection)


def known(database: Database, *wanted: Stretch) -> dict[bytes, Stretch]:
    with database.read() as connection:
        return Stretches(database, "staff").lookup(connection, [one.digest for one in wanted])


def test_a_stretch_is_found_by_its_digest_as_long_as_plans_meet_it(database: Database) -> None:
    one, two, three = map(stretch, (1, 0, 2000))
    keep(database, "staff", one, two)
    assert known(database, one, two, three) == {one.digest: one, two.digest: two}
    keep(database, "staff", three, found=(two,))
    assert known(database, one, two, three) == {two.digest: two, three.digest: three}


def test_each_pipeline_has_its_own(database: Database) -> None:
    keep(database, "staff", stretch(1))
    keep(database, "others", stretch(2))
    keep(database, "others")
    assert known(database, stretch(1), stretch(2)).keys() == {stretch(1).digest}


def test_what_begins_alike_is_not_the_same(database: Database) -> None:
    one = stretch(1)
    keep(database, "staff", one)
    other = one._replace(digest=one.digest[:8] + b"another.")
    assert known(database, other).keys() == {one.digest}
    keep(database, "staff", other, found=(one,))
    assert known(database, one, other) == {one.digest: one}


def test_digests_of_rows_are_of_people_of_the_pipeline(database: Database) -> None:
    same = {"active": True, "user_digest": b"", "acknowledged_at": 0.0, "delivery_id": 0, "external_id": ""}
    rows = [
        same | {"id": n, "pipeline": pipeline, "key": f"K{n}", "row_digest": f"row {n}".encode()}
        for n, pipeline in ((1, "staff"), (2, "others"), (3, "staff"), (4, "staff"))
    ]
    with database.write() as connection:
        connection.execute(insert(person), rows)
        found = People(database, "staff").row_digests(connection, [4, 1, 1, 2, 7])
    assert found == {1: b"row 1", 4: b"row 4"}
