from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scimport import engines
from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.errors import SourceError
from scimport.plan import Selection
from scimport.project import Project
from scimport.sources import csv_blocks
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.schema import change, person, problem
from scimport.worker import Work
from scimport.workers import Workers

SOURCE = """
kind: csv
path: people.csv
key: id
columns:
  status: {values: [A, T]}
  since: {type: date}
"""
MAPPING = """
where: kind != "X"
functions: [shout]
user:
  externalId: "{{ id }}"
  userName: "{{ name | lower }}@acme.example"
  displayName: "{{ name | shout }}"
  active: '{{ status == "A" }}'
  enterprise:
    manager: {value: "{{ boss }}"}
"""
FUNCTIONS = """
import sys

def shout(text: str) -> str:
    print("a word between the answers", file=sys.stderr)
    print("and one more")
    return text.upper()
"""
PIPELINE = """
source: people
mapping: people
leavers: deactivate
app: {{target: entra-id, endpoint: sandbox}}
engine: {{workers: {workers}}}
"""
HEADER = "id,name,status,kind,boss,since"


class Plant:
    """A project whose pieces are small, so that a few hundred people are many of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("pipelines", "sources", "mappings"):
            (root / folder).mkdir(parents=True)
        (root / "sources" / "people.yml").write_text(SOURCE)
        (root / "mappings" / "people.yml").write_text(MAPPING)
        (root / "mappings" / "functions.py").write_text(FUNCTIONS)
        self.engine("1")

    def engine(self, workers: str) -> None:
        (self.root / "pipelines" / "people.yml").write_text(PIPELINE.format(workers=workers))

    def people(self, rows: list[str]) -> None:
        (self.root / "people.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    def plan(self, **wanted: Any) -> PipelineRun:
        with PipelineRun(Project(self.root), "people", Selection(**wanted)) as run:
            while run.extract():
                pass
            run.plan()
        return run

    def load(self) -> dict[str, Any]:
        """Plan, have everybody accepted, and give all that the state knows then."""
        plan_id = self.plan().summary.plan_id
        database = Database(Project(self.root).state_url)
        outbox = StateOutbox(database, "people", plan_id, Limits("t", burst=10_000, daily_calls=10_000))
        while operations := outbox.claim():
            sent = outbox.begin(operations)
            assert isinstance(sent, Delivery)
            outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
        with database.read() as connection:
            known = {
                table.name: [
                    {name: value for name, value in row._mapping.items() if name not in _OWN}
                    for row in connection.execute(select(table).order_by(table.c.id))
                ]
                for table in (change, problem, person)
            }
        database.close()
        return known


_OWN = ("plan_id", "delivery_id", "accepted_at", "acknowledged_at", "updated_at")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "SIZE", 700)


@pytest.fixture
def plants(tmp_path: Path) -> tuple[Plant, Plant]:
    one, two = Plant(tmp_path / "one"), Plant(tmp_path / "two")
    two.engine("2")
    return one, two


def _rows(seed: int) -> list[str]:
    """People with whatever there is in files: blanks, wrong words, keys again, line breaks, bosses."""
    draw = random.Random(seed)
    rows = []
    for n in range(400):
        number = draw.choice((n, n, n, n, draw.randrange(400)))
        name = draw.choice((f"P{number}", f"P{number}", f'"P{number}\nJr."', f"Q{n}"))
        status, kind = draw.choice("AAAAAAT?"), draw.choice(("", "", "", "X"))
        boss = draw.choice(("", f"{draw.randrange(400)}", "nobody"))
        rows.append(f"{number},{name},{status},{kind},{boss},2026-01-0{draw.randrange(10)}")
    return rows


def test_it_does_not_matter_how_many_examine(plants: tuple[Plant, Plant]) -> None:
    first = _rows(1)
    second = [row for row in first if not row.endswith("7")] + _rows(2)[:50]
    for rows in (first, second, second):
        for plant in plants:
            plant.people(rows)
        one, two = (plant.load() for plant in plants)
        assert one == two
    assert one["person"]
    assert one["problem"]


def test_several_processes_have_examined(
    plants: tuple[Plant, Plant], capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = plants
    for plant in plants:
        plant.people(_rows(3))
    one.plan()
    assert _started() == []
    with PipelineRun(Project(two.root), "people", Selection()) as run:
        run.extract(1)
        assert len(_started()) == 2
        while run.extract():
            pass
        run.plan()
    assert _started() == []
    assert "a word between the answers" in capfd.readouterr().err


def test_a_process_that_is_killed_costs_nobody(plants: tuple[Plant, Plant]) -> None:
    for plant in plants:
        plant.people(_rows(4))
    expected = plants[0].plan().summary.plan
    with PipelineRun(Project(plants[1].root), "people", Selection()) as run:
        run.extract(1)
        for victim in _started():
            os.kill(victim, signal.SIGKILL)
        while run.extract():
            pass
        run.plan()
    assert run.summary.plan == expected


def test_a_source_that_cannot_be_read_says_the_same(plants: tuple[Plant, Plant]) -> None:
    told = []
    for plant in plants:
        plant.people([*_rows(5), "7,one cell too many,A,,,,"])
        with pytest.raises(SourceError) as caught:
            plant.plan()
        told.append(caught.value.problems)
    assert told[0] == told[1]
    assert _started() == []


def test_too_few_rows_are_too_few_for_several_too(plants: tuple[Plant, Plant]) -> None:
    plant = plants[1]
    plant.people(_rows(6))
    (plant.root / "sources" / "people.yml").write_text(SOURCE + "min_rows: 401\n")
    with pytest.raises(SourceError, match="400 rows"):
        plant.plan()


def test_a_column_that_is_of_another_type_stops_before_anybody_is_examined(
    plants: tuple[Plant, Plant],
) -> None:
    plant = plants[1]
    plant.people([f"{n},P{n},A,,,yesterday" for n in range(200)])
    (plant.root / "sources" / "people.yml").write_text(SOURCE + "drift: {retyped: stop}\n")
    with pytest.raises(SourceError, match="since"):
        plant.plan()
    assert _started() == []


@pytest.mark.parametrize("what", ["unique", "override", "cp037"])
def test_what_only_one_process_can_do_is_done_by_one(
    plants: tuple[Plant, Plant], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = plants[1]
    plant.people([f"{n},P{n},A,,,2026-01-01" for n in range(200)])
    if what == "unique":
        (plant.root / "mappings" / "people.yml").write_text(MAPPING.replace("lower", "lower | unique"))
    elif what == "override":
        correction = "- {key: '7', column: name, value: Bob, reason: so, expires: 2099-01-01}\n"
        (plant.root / "sources" / "overrides.yml").write_text(f"people:\n  {correction}")
    else:
        text = (plant.root / "people.csv").read_text()
        (plant.root / "people.csv").write_text(text, encoding="cp037")
        (plant.root / "sources" / "people.yml").write_text(SOURCE + "encoding: cp037\n")
    monkeypatch.setattr(engines, "Workers", None)
    assert plant.plan().summary.plan.joiners == 200


def test_a_large_source_has_all_processors(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = plants[0]
    text = PIPELINE.partition("engine")[0].format()
    (plant.root / "pipelines" / "people.yml").write_text(text)
    plant.people(_rows(7))
    asked: list[int] = []

    def counted(work: Work, number: int) -> Workers:
        asked.append(number)
        return Workers(work, number)

    monkeypatch.setattr(engines, "Workers", counted)
    monkeypatch.setattr(engines, "cores", lambda: 2)
    plant.plan()
    assert asked == []
    monkeypatch.setattr(engines, "LARGE", 1000)
    plant.plan()
    assert asked == [2]


def _started() -> list[int]:
    """Ids of the worker processes that this one has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"scimport.worker" in command and parent == os.getpid():
            found.append(int(path.name))
    return found
