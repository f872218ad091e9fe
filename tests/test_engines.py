from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.plants import MAPPING, PIPELINE, SOURCE, Plant, people_of

from scimport import engines
from scimport.errors import SourceError
from scimport.plan import Selection, builder
from scimport.project import Project
from scimport.sources import csv_blocks
from scimport.stages import PipelineRun
from scimport.worker import Work
from scimport.workers import Workers


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "SIZE", 700)


@pytest.fixture
def plants(tmp_path: Path) -> tuple[Plant, Plant]:
    one, two = Plant(tmp_path / "one"), Plant(tmp_path / "two")
    two.engine("workers: 2")
    return one, two


def test_it_does_not_matter_how_many_examine(plants: tuple[Plant, Plant]) -> None:
    first = people_of(1)
    second = [row for row in first if not row.endswith("7")] + people_of(2)[:50]
    for rows in (first, second):
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
        plant.people(people_of(3))
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
        plant.people(people_of(4))
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
        plant.people([*people_of(5), "7,one cell too many,A,,,,"])
        with pytest.raises(SourceError) as caught:
            plant.plan()
        told.append(caught.value.problems)
    assert told[0] == told[1]
    assert _started() == []


def test_too_few_rows_are_too_few_for_several_too(plants: tuple[Plant, Plant]) -> None:
    plant = plants[1]
    plant.people(people_of(6))
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


@pytest.mark.parametrize("what", ["override", "cp037", "sql"])
def test_what_one_process_must_read_is_mapped_by_several(
    plants: tuple[Plant, Plant], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keys that occur again are settled batch by batch.
    monkeypatch.setattr(engines, "BATCH", 30)
    monkeypatch.setattr(builder, "BATCH", 30)
    rows = people_of(8)
    for plant in plants:
        plant.people(rows)
        if what == "override":
            correction = "- {key: '7', column: name, value: Bob, reason: so, expires: 2099-01-01}\n"
            (plant.root / "sources" / "overrides.yml").write_text(f"people:\n  {correction}")
        elif what == "cp037":
            text = (plant.root / "people.csv").read_text()
            (plant.root / "people.csv").write_text(text, encoding="cp037")
            (plant.root / "sources" / "people.yml").write_text(SOURCE + "encoding: cp037\n")
        else:
            plant.to_sqlite()
    one, two = (plant.load() for plant in plants)
    assert one == two
    assert one["change"]


def test_unique_values_are_given_by_one_process(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = plants[1]
    plant.people([f"{n},P{n},A,,,2026-01-01" for n in range(200)])
    (plant.root / "mappings" / "people.yml").write_text(MAPPING.replace("lower", "lower | unique"))
    monkeypatch.setattr(engines, "Workers", None)
    assert plant.plan().summary.plan.joiners == 200


def test_a_large_source_has_all_processors(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = plants[0]
    text = PIPELINE.partition("engine")[0].format()
    (plant.root / "pipelines" / "people.yml").write_text(text)
    plant.people(people_of(7))
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
