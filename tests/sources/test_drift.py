from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem, Severity
from scimport.project import Project
from scimport.sources.drift import SteadySource, open_steady

CONTRACT: dict[str, Any] = {
    "id": {"required": True},
    "Cost Center": None,
    "hired": {"type": "date", "format": "%d.%m.%Y"},
}


@pytest.fixture
def steady(tmp_path: Path) -> Callable[..., SteadySource]:
    """Opens a source of these lines with this contract."""

    def opened(*lines: str, drift: dict[str, str] | None = None, **contract: Any) -> SteadySource:
        (tmp_path / "sources").mkdir(exist_ok=True)
        (tmp_path / "people.csv").write_text("\n".join(lines))
        data = {"kind": "csv", "path": "people.csv", "key": "id", "columns": CONTRACT | contract}
        text = yaml.safe_dump(data | ({"drift": drift} if drift else {}), sort_keys=False)
        (tmp_path / "sources/people.yml").write_text(text)
        return open_steady(Project(tmp_path).source("people"), tmp_path)

    return opened


def rows(source: SteadySource) -> list[list[object]]:
    with source:
        return [list(row) for batch in source.batches(7) for row in batch.rows]


def stopped(steady: Callable[..., SteadySource], *lines: str, **settings: Any) -> tuple[Problem, ...]:
    with pytest.raises(SourceError) as caught:
        rows(steady(*lines, **settings))
    return caught.value.problems


def test_nothing_has_changed(steady: Callable[..., SteadySource]) -> None:
    source = steady("id,Cost Center,hired", "1,2,01.02.2026")
    assert rows(source) == [["1", "2", "01.02.2026"]]
    assert source.warnings == []


def test_reading_again_ends_what_was_read_before(steady: Callable[..., SteadySource]) -> None:
    with steady("id,Cost Center,hired", *(f"{n},2,01.02.2026" for n in range(30))) as source:
        first = source.batches(7)
        next(first)
        assert sum(len(batch.rows) for batch in source.batches(7)) == 30
        assert list(first) == []
        again = source.batches(7)
        next(again)
    assert list(again) == []


class TestMissing:
    def test_stops(self, steady: Callable[..., SteadySource]) -> None:
        (problem,) = stopped(steady, "id,Cost Center", "1,2")
        assert (problem.code, problem.file, problem.line) == (
            Code.MISSING_COLUMN,
            "sources/people.yml",
            8,
        )

    @pytest.mark.parametrize("mode", ["accept", "warn"])
    def test_is_blank(self, steady: Callable[..., SteadySource], mode: str) -> None:
        source = steady("id,Cost Center", "1,2", drift={"missing": mode})
        assert source.columns == ("id", "Cost Center", "hired")
        assert rows(source) == [["1", "2", None]]
        told = [(one.code, one.severity) for one in source.warnings]
        assert told == ([(Code.MISSING_COLUMN, Severity.WARNING)] if mode == "warn" else [])


class TestRenamed:
    def test_stops(self, steady: Callable[..., SteadySource]) -> None:
        (problem,) = stopped(steady, "id,CostCentre,hired", "1,2,")
        assert problem.code is Code.RENAMED_COLUMN
        assert "'CostCentre'" in problem.message

    def test_is_read_under_its_old_name(self, steady: Callable[..., SteadySource]) -> None:
        source = steady("hired,COST_CENTER,id", ",2,1", drift={"renamed": "warn"})
        assert source.columns == ("hired", "Cost Center", "id")
        assert [one.code for one in source.warnings] == [Code.RENAMED_COLUMN]

    def test_of_two_that_resemble_it_none_is(self, steady: Callable[..., SteadySource]) -> None:
        (problem,) = stopped(
            steady, "id,Cost Center 1,Cost Center 2,hired", "1,2,3,", drift={"renamed": "accept"}
        )
        assert problem.code is Code.MISSING_COLUMN

    def test_key_is_never_guessed(self, steady: Callable[..., SteadySource]) -> None:
        (problem,) = stopped(steady, "ID,Cost Center,hired", drift={"renamed": "accept", "missing": "accept"})
        assert (problem.code, problem.field) == (Code.MISSING_COLUMN, "id")


class TestNew:
    LINES = ("id,Cost Center,hired,salary", "1,2,,3")

    def test_is_accepted(self, steady: Callable[..., SteadySource]) -> None:
        assert steady(*self.LINES).warnings == []

    def test_warns_and_stops(self, steady: Callable[..., SteadySource]) -> None:
        assert [one.code for one in steady(*self.LINES, drift={"new": "warn"}).warnings] == [Code.NEW_COLUMN]
        (problem,) = stopped(steady, *self.LINES, drift={"new": "stop"})
        assert "'salary'" in problem.message


class TestRetyped:
    HEADER = "id,Cost Center,hired"

    def lines(self, other: int, same: int = 0) -> list[str]:
        return [f"{n},x,2026-02-01" for n in range(other)] + [f"{n},x,01.02.2026" for n in range(same)]

    def test_stops_with_one_problem(self, steady: Callable[..., SteadySource]) -> None:
        (problem,) = stopped(steady, self.HEADER, *self.lines(3000))
        assert (problem.code, problem.field) == (Code.RETYPED_COLUMN, "columns.hired")
        assert "2026" not in problem.message + problem.hint

    def test_warns(self, steady: Callable[..., SteadySource]) -> None:
        source = steady(self.HEADER, *self.lines(1500), drift={"retyped": "warn"})
        assert len(rows(source)) == 1500
        assert [one.code for one in source.warnings] == [Code.RETYPED_COLUMN]

    @pytest.mark.parametrize(("other", "same"), [(19, 0), (80, 20), (0, 0)])
    def test_too_few_to_judge(self, steady: Callable[..., SteadySource], other: int, same: int) -> None:
        source = steady(self.HEADER, *self.lines(other, same))
        assert len(rows(source)) == other + same
        assert source.warnings == []
