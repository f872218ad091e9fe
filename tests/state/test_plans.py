from __future__ import annotations

from scimport.codes import Code
from scimport.model import Change, ChangeKind, PlanCounts, Problem, Severity, Status
from scimport.state import Database
from scimport.state.people import People
from scimport.state.plans import KEEP_PLANS, Plans, PlanState, Staged


def _change(key: str, status: Status = Status.PLANNED, position: int = 0) -> Change:
    kind = ChangeKind.JOINER if status is Status.PLANNED else ChangeKind.INVALID
    return Change(key, kind, status, f"x-{key}", True, position, b"r" * 16, b"u" * 16, b"{}")


def test_a_plan_keeps_its_changes_in_order(database: Database) -> None:
    plans = Plans(database, "employees")
    with database.write() as connection:
        plan = plans.create(connection)
        assert plans.stage(connection, plan, [_change("b"), _change("a"), _change("c", Status.INVALID)]) == 3
        assert plans.stage(connection, plan, [_change("a"), _change("d")]) == 1
        plans.finish_building(connection, plan, PlanCounts(read=4, joiners=3))
    with database.read() as connection:
        found = [(row["key"], row["status"], bytes(row["body"])) for row in plans.changes(connection, plan)]
        assert found == [
            (key, status, b"{}")
            for key, status in [("b", "planned"), ("a", "planned"), ("c", "invalid"), ("d", "planned")]
        ]
        assert plans.counts(connection, plan) == PlanCounts(read=4, joiners=3)
        staged = plans.staged(connection, plan, ["a", "c", "nobody"])
    assert staged == {
        "a": Staged("a", ChangeKind.JOINER, Status.PLANNED, True, 0, b"r" * 16, b"u" * 16, b"{}"),
        "c": Staged("c", ChangeKind.INVALID, Status.INVALID, True, 0, b"r" * 16, b"u" * 16, b"{}"),
    }


def test_what_is_dropped_is_not_in_the_plan(database: Database) -> None:
    plans = Plans(database, "employees")
    with database.write() as connection:
        plan = plans.create(connection)
        plans.stage(connection, plan, [_change("a"), _change("b", Status.INVALID), _change("c")])
        first = next(iter(plans.changes(connection, plan)))["id"]
        plans.drop(connection, [first, first + 2, *range(10_000, 11_000)])
        plans.drop(connection, [])
        assert [row["key"] for row in plans.changes(connection, plan)] == ["b"]


def test_only_a_plan_that_is_applying_is_unfinished(database: Database) -> None:
    plans = Plans(database, "employees")
    with database.write() as connection:
        plan = plans.create(connection)
        for state, unfinished in [
            (PlanState.STAGED, None),
            (PlanState.APPLYING, plan),
            (PlanState.DONE, None),
        ]:
            plans.set_state(connection, plan, state)
            assert plans.unfinished(connection) == unfinished
            assert Plans(database, "contractors").unfinished(connection) is None


def test_history_is_bounded(database: Database) -> None:
    plans = Plans(database, "employees")
    made = []
    with database.write() as connection:
        for _ in range(KEEP_PLANS + 3):
            made.append(plans.create(connection))
            plans.stage(connection, made[-1], [_change("a")])
    with database.read() as connection:
        kept = [plan for plan in made if list(plans.changes(connection, plan))]
    assert len(kept) == KEEP_PLANS + 1
    assert kept[-1] == made[-1]


def test_problems_come_back_as_they_were(database: Database) -> None:
    plans = Plans(database, "employees")
    problem = Problem(
        Code.CONTRACT_TYPE,
        "is not a date",
        Severity.WARNING,
        "write it",
        "a.csv",
        7,
        None,
        "K1",
        "Hired",
        "x",
    )
    with database.write() as connection:
        plans.add_problems(connection, "p", [problem, problem])
        plans.add_problems(connection, "p", [])
        assert list(plans.problems(connection, "p")) == [problem, problem]
        plans.drop_problems(connection, "p", "K1")
        assert list(plans.problems(connection, "p")) == []


def test_external_ids_that_collide_are_found(database: Database) -> None:
    plans = Plans(database, "employees")
    with database.write() as connection:
        plan = plans.create(connection)
        twins = [
            Change(key, ChangeKind.JOINER, Status.PLANNED, external, position=n)
            for n, (key, external) in enumerate([("a", "X"), ("b", "Y"), ("c", "X"), ("d", "Z")])
        ]
        plans.stage(connection, plan, twins)
        assert plans.external_id_collisions(connection, plan) == [("a", 0), ("c", 2)]
        assert People(database, "employees").count(connection) == (0, 0)
