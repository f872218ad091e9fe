"""What every source must do, whatever it reads."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from tests.sources.workbooks import write_workbook

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.project.source_config import (
    AnySourceConfig,
    CsvSourceConfig,
    ExcelSourceConfig,
    FixedColumn,
    FixedSourceConfig,
    JsonlSourceConfig,
    SqlSourceConfig,
    TrailerConfig,
)
from scimport.sources import Source, open_source

COLUMNS = ("id", "name", "note")
ROWS = [(f"{n:05}", f"Näme {n}", "two\nlines" if n % 7 == 0 else "") for n in range(1234)]
FILES = ("csv", "csv.gz", "csv files", "csv with more around it", "excel", "fixed", "jsonl")
KINDS = (*FILES, "sqlite", "postgresql", "mariadb")
# Lines of fixed width hold no line breaks, and their cells are as wide as their columns.
FIXED_ROWS = [(f"{one:6}", f"{name:12}", f"{' '.join(note.split()):10}") for one, name, note in ROWS]

Open = Callable[..., Source]


def write_csv(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def file_config(kind: str, root: Path) -> AnySourceConfig:
    if kind == "excel":
        write_workbook(root / "people.xlsx", {"People": [COLUMNS, *ROWS]})
        return ExcelSourceConfig(path="people.xlsx", key="id")
    if kind == "jsonl":
        lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in ROWS]
        (root / "people.jsonl").write_text("\n".join(lines), "utf-8")
        return JsonlSourceConfig(path="people.jsonl", key="id")
    if kind == "fixed":
        (root / "people.txt").write_text("\n".join("".join(row) for row in FIXED_ROWS), "utf-8")
        places = {"id": (1, 6), "name": (7, 12), "note": (19, 10)}
        columns = {name: FixedColumn(start=start, width=width) for name, (start, width) in places.items()}
        return FixedSourceConfig(path="people.txt", key="id", columns=columns)
    return csv_config(kind, root)


def csv_config(kind: str, root: Path) -> CsvSourceConfig:
    write_csv(root / "people.csv", ROWS)
    if kind == "csv with more around it":
        rows = (root / "people.csv").read_bytes().partition(b"\n")[2]
        (root / "people.csv").write_bytes(b"\xef\xbb\xbfPeople\n\n" + rows + b"Total;1234\r\n\n")
        trailer = TrailerConfig(pattern=r"Total;(\d+)")
        return CsvSourceConfig(path="people.csv", key="id", skip_head=2, names=COLUMNS, trailer=trailer)
    if kind == "csv.gz":
        (root / "people.csv.gz").write_bytes(gzip.compress((root / "people.csv").read_bytes()))
        return CsvSourceConfig(path="people.csv.gz", key="id")
    if kind == "csv files":
        for begin in range(0, len(ROWS), 500):
            write_csv(root / f"part-{begin:04}.csv", ROWS[begin : begin + 500])
        return CsvSourceConfig(path="part-*.csv", key="id")
    return CsvSourceConfig(path="people.csv", key="id")


def sql_config(url: str) -> SqlSourceConfig:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE people (id VARCHAR(9), name VARCHAR(99), note VARCHAR(99))"))
        named = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
        connection.execute(text("INSERT INTO people VALUES (:id, :name, :note)"), named)
    engine.dispose()
    return SqlSourceConfig(kind="sql", url=SecretStr(url), query="SELECT * FROM people ORDER BY id", key="id")


class Case(NamedTuple):
    """Opens a source with changed settings; the rows that it must read."""

    open: Open
    rows: Sequence[tuple[str, ...]]


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    kind: str = request.param
    config: AnySourceConfig
    if kind in FILES:
        config = file_config(kind, tmp_path)
    elif kind == "sqlite":
        config = sql_config(f"sqlite:///{tmp_path}/people.db")
    else:
        config = sql_config(request.getfixturevalue(f"{kind}_url"))

    def opened(**changes: object) -> Source:
        return open_source(config.model_copy(update=changes), name="people", root=tmp_path)

    return Case(opened, FIXED_ROWS if kind == "fixed" else ROWS)


def test_source(case: Case) -> None:
    """One test, so that each database is filled once."""
    reads_all_rows_once_in_order(case)
    reads_again(case)
    closes_at_any_time(case)
    refuses_too_few_rows(case)
    wants_its_key(case)


def reads_all_rows_once_in_order(case: Case) -> None:
    for size in (1, 7, 500, 5000):
        with case.open() as source:
            assert source.columns == COLUMNS
            batches = list(source.batches(size))
        assert all(0 < len(batch.rows) <= size for batch in batches)
        assert all(len(batch.rows) == len(batch.positions) for batch in batches)
        rows = [row for batch in batches for row in batch.rows]
        assert [tuple(row) for row in rows] == case.rows
        assert {type(row) for row in rows} <= {list, tuple}
        positions = [position for batch in batches for position in batch.positions]
        assert all(before < after for before, after in itertools.pairwise(positions))
        assert positions[0] > 0
        assert positions[-1] < 2**63
        places = [source.place(position) for position in positions]
        assert len(set(places)) == len(ROWS)
        assert all(place.file and (place.line is None) != (place.row is None) for place in places)
        assert source.place(0).file == places[0].file


def reads_again(case: Case) -> None:
    with case.open() as source:
        first = source.batches(10)
        assert [tuple(row) for row in next(first).rows] == case.rows[:10]
        again = [tuple(row) for batch in source.batches(100) for row in batch.rows]
        assert again == case.rows
        assert list(first) == []
        assert [tuple(row) for batch in source.batches(100) for row in batch.rows] == case.rows


def closes_at_any_time(case: Case) -> None:
    source = case.open()
    source.close()
    source.close()
    source = case.open()
    batches = source.batches(10)
    next(batches)
    source.close()
    assert list(batches) == []
    source.close()


def refuses_too_few_rows(case: Case) -> None:
    with case.open(min_rows=len(ROWS)) as source:
        assert sum(len(batch.rows) for batch in source.batches(100)) == len(ROWS)
    seen: list[object] = []
    with case.open(min_rows=len(ROWS) + 1) as source:
        with pytest.raises(SourceError) as caught:
            seen.extend(row for batch in source.batches(100) for row in batch.rows)
        assert caught.value.problems[0].code is Code.TOO_FEW_ROWS
        assert f"{len(ROWS)} rows" in caught.value.problems[0].message
    assert len(seen) == len(ROWS)


def wants_its_key(case: Case) -> None:
    with pytest.raises(SourceError) as caught:
        case.open(key="nmae")
    (problem,) = caught.value.problems
    assert problem.code is Code.MISSING_COLUMN
    assert problem.hint == "Did you mean 'name'?"
