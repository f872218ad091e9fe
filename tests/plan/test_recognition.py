from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.plants import SOURCE, Plant, people_of

from scimport.plan import builder, examine, recognition
from scimport.project import Project
from scimport.sources import csv_blocks, csv_stretches
from scimport.state import Database
from scimport.state.purge import forget
from scimport.state.schema import person, stretch

QUIET = """
def shout(text: str) -> str:
    return text.upper()
"""
SAME = [f"{n},P{n},A,,,2026-01-01" for n in range(400)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "SIZE", 2000)
    monkeypatch.setattr(csv_blocks, "LANDMARK", 7)
    monkeypatch.setattr(csv_stretches, "LANDMARK", 7)
    monkeypatch.setattr(csv_stretches, "SHORTEST", 4)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Everybody has been accepted, and found unchanged once."""
    plant = Plant(tmp_path / "plant")
    plant.people(SAME)
    plant.load()
    assert plant.plan().summary.plan.unchanged == 400
    return plant


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of each batch were read, and not only recognised."""
    found: list[int] = []
    before = examine.Examiner.examine

    def counted(self: examine.Examiner, connection: Any, batch: Any, settle: Any = None) -> Any:
        found.append(len(batch.rows))
        return before(self, connection, batch, settle)

    monkeypatch.setattr(examine.Examiner, "examine", counted)
    return found


def test_only_the_first_lines_are_read_when_nothing_has_changed(plant: Plant, read: list[int]) -> None:
    assert plant.plan().summary.plan.unchanged == 400
    assert sum(read) < 130


def test_a_line_that_has_changed_is_read_with_its_neighbours(plant: Plant, read: list[int]) -> None:
    plant.plan()
    before = sum(read)
    plant.people([*SAME[:300], "300,Q300,A,,,2026-01-01", *SAME[301:]])
    counts = plant.plan().summary.plan
    assert (counts.read, counts.unchanged, counts.movers) == (400, 399, 1)
    assert sum(read) - 2 * before < 40


def test_who_is_missing_leaves_however_few_lines_are_read(plant: Plant, read: list[int]) -> None:
    plant.people([*SAME[:300], *SAME[310:]])
    counts = plant.plan().summary.plan
    assert (counts.read, counts.leavers) == (390, 10)
    assert sum(read) < 200


def _mapping(plant: Plant) -> None:
    path = plant.root / "mappings" / "people.yml"
    path.write_text(path.read_text().replace("acme.example", "acme.test"))


def _function(plant: Plant) -> None:
    path = plant.root / "mappings" / "functions.py"
    path.write_text(path.read_text().replace("upper()", "upper() + '!'"))


def _scope(plant: Plant) -> None:
    path = plant.root / "mappings" / "people.yml"
    path.write_text(path.read_text().replace('kind != "X"', 'id != "300"'))


def _source(change: Callable[[str], str]) -> Callable[[Plant], None]:
    def changed(plant: Plant) -> None:
        (plant.root / "sources" / "people.yml").write_text(change(SOURCE))

    return changed


def _never_mind(_: Plant) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "movers", "leavers"),
    [
        (_never_mind, 0, 0),
        (_mapping, 400, 0),
        (_function, 400, 0),
        (_scope, 0, 1),
        (_source(lambda text: text + "null_values: ['A']\n"), 0, 400),  # nobody is active
        (_source(lambda text: text + "trim: false\n"), 0, 0),
        (_source(lambda text: text.replace("[A, T]", "[B, T]") + "null_values: ['P7']\n"), 0, 0),
    ],
)
def test_what_is_read_otherwise_is_read_again(
    plant: Plant, change: Callable[[Plant], None], movers: int, leavers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(plant)
    counts = plant.plan().summary.plan
    assert (counts.movers, counts.leavers) == (movers, leavers)
    for module in (builder, recognition):
        monkeypatch.setattr(module, "can_recognise", lambda *_: False)
    assert plant.plan().summary.plan == counts


def test_who_is_to_be_compared_again_is(plant: Plant) -> None:
    def again(database: Database) -> None:
        with database.write() as connection:
            where = person.c.key == "300"
            connection.execute(update(person).where(where).values(row_digest=b"", user_digest=b""))

    _with_state(plant, again)
    assert plant.plan().summary.plan.movers == 1


def test_who_is_forgotten_is_new_and_so_is_what_the_file_looked_like(plant: Plant) -> None:
    _with_state(plant, lambda database: forget(database, "people", "300"))
    assert _stretches(plant) == 0
    assert plant.plan().summary.plan.joiners == 1


def test_a_number_of_a_person_that_another_pipeline_has_now_is_nobody(plant: Plant) -> None:
    def given_away(database: Database) -> None:
        with database.write() as connection:
            connection.execute(update(person).where(person.c.key == "300").values(pipeline="others"))

    _with_state(plant, given_away)
    assert plant.plan().summary.plan.joiners == 1


def test_a_file_that_was_before_is_no_file_of_today(plant: Plant) -> None:
    plant.people([*SAME[:300], "300,Q300,A,,,2026-01-01", *SAME[301:]])
    plant.load()
    plant.people(SAME)
    assert plant.plan().summary.plan.movers == 1


def test_stretches_that_a_plan_has_not_met_are_removed(plant: Plant) -> None:
    before = _stretches(plant)
    plant.people([row.replace("P", "Q") for row in SAME])
    plant.load()
    assert _stretches(plant) == 0
    plant.plan()
    assert before / 2 < _stretches(plant) < before * 2


def test_a_plan_of_some_keys_reads_every_line_and_removes_nothing(plant: Plant, read: list[int]) -> None:
    before = _stretches(plant)
    assert plant.plan(keys=frozenset({"7"})).summary.plan.read == 1
    assert sum(read) == 400
    assert plant.plan(full=True).summary.plan.to_send == 400
    assert _stretches(plant) == before


def test_a_byte_order_mark_is_one_at_the_beginning_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two exports in one file: the first row of the second one has another key.
    plant = Plant(tmp_path)
    names = "encoding: utf-8-sig\nnames: [id, name, status, kind, boss, since]\n"
    (plant.root / "sources" / "people.yml").write_text(SOURCE + names)
    text = "\ufeff" + "\n".join(SAME[:60]) + "\n"
    (plant.root / "people.csv").write_text(text * 2, encoding="utf-8")
    plant.load()
    counts = [plant.plan().summary.plan for _ in range(2)]
    for module in (builder, recognition):
        monkeypatch.setattr(module, "can_recognise", lambda *_: False)
    assert counts == [plant.plan().summary.plan] * 2
    assert (counts[0].unchanged, counts[0].repeated, counts[0].invalid) == (60, 59, 1)


@pytest.mark.parametrize("duplicates", ["reject", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_a_plan_is_the_same_as_if_every_line_were_read(
    tmp_path: Path, seed: int, duplicates: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Plant(tmp_path / "one"), Plant(tmp_path / "two")
    for plant in (one, two):
        (plant.root / "mappings" / "functions.py").write_text(QUIET)
        (plant.root / "sources" / "people.yml").write_text(f"{SOURCE}duplicates: {duplicates}\n")
    draw, rows = random.Random(seed), people_of(seed)
    for _ in range(5):
        for plant in (one, two):
            plant.people(rows)
        found = _sorted(one.load())
        with monkeypatch.context() as patch:
            for module in (builder, recognition):
                patch.setattr(module, "can_recognise", lambda *_: False)
            expected = _sorted(two.load())
        assert found == expected
        rows = _next_day(rows, draw)
    assert found["change"]


def _next_day(rows: list[str], draw: random.Random) -> list[str]:
    """Some lines are others, gone, new, there twice, or elsewhere."""
    rows = [row for row in rows if draw.random() > 0.01]
    for _ in range(6):
        n = draw.randrange(len(rows))
        what = draw.randrange(4)
        if what == 0:
            rows[n] = draw.choice(people_of(draw.randrange(1000)))
        elif what == 1:
            rows.insert(n, rows[draw.randrange(len(rows))])
        elif what == 2:
            rows.append(rows.pop(n))
        else:
            rows.insert(n, f"{draw.randrange(500, 600)},New,A,,,2026-02-02")
    return rows


def _sorted(known: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(rows, key=str) for name, rows in known.items()}


def _with_state(plant: Plant, work: Callable[[Database], object]) -> None:
    database = Database(Project(plant.root).state_url)
    work(database)
    database.close()


def _stretches(plant: Plant) -> int:
    database = Database(Project(plant.root).state_url)
    with database.read() as connection:
        found = connection.execute(select(func.count()).select_from(stretch)).scalar_one()
    database.close()
    return int(found)
