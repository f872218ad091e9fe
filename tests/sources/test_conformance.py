"""What every source must do, whatever it reads."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.project.config import CsvSourceConfig, SqlSourceConfig
from scimport.sources import Source, open_source

COLUMNS = ("id", "name", "note")
ROWS = [(f"{n:05}", f"Näme {n}", "two\nlines" if n % 7 == 0 else "") for n in range(1234)]
KINDS = ("csv", "csv.gz", "csv files", "sqlite", "postgresql", "mariadb")

Open = Callable[..., Source]


def write_csv(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def csv_config(kind: str, root: Path) -> CsvSourceConfig:
    write_csv(root / "people.csv", ROWS)
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


@pytest.fixture(params=KINDS)
def open_it(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    kind: str = request.param
    config: CsvSourceConfig | SqlSourceConfig
    if kind.startswith("csv"):
        config = csv_config(kind, tmp_path)
    elif kind == "sqlite":
        config = sql_config(f"sqlite:///{tmp_path}/people.db")
    else:
        config = sql_config(request.getfixturevalue(f"{kind}_url"))

    def opened(**changes: object) -> Source:
        return open_source(config.model_copy(update=changes), name="people", root=tmp_path)

    return opened


def test_source(open_it: Open) -> None:
    """One test, so that each database is filled once."""
    reads_all_rows_once_in_order(open_it)
    reads_again(open_it)
    closes_at_any_time(open_it)
    refuses_too_few_rows(open_it)
    wants_its_key(open_it)


def reads_all_rows_once_in_order(open_it: Open) -> None:
    for size in (1, 7, 500, 5000):
        with open_it() as source:
            assert source.columns == COLUMNS
            batches = list(source.batches(size))
        assert all(0 < len(batch.rows) <= size for batch in batches)
        assert all(len(batch.rows) == len(batch.positions) for batch in batches)
        rows = [row for batch in batches for row in batch.rows]
        assert [tuple(row) for row in rows] == ROWS
        assert {type(row) for row in rows} <= {list, tuple}
        positions = [position for batch in batches for position in batch.positions]
        assert all(before < after for before, after in itertools.pairwise(positions))
        assert positions[0] > 0
        assert positions[-1] < 2**63
        places = [source.place(position) for position in positions]
        assert len(set(places)) == len(ROWS)
        assert all(place.file and (place.line is None) != (place.row is None) for place in places)
        assert source.place(0).file == places[0].file


def reads_again(open_it: Open) -> None:
    with open_it() as source:
        first = source.batches(10)
        assert [tuple(row) for row in next(first).rows] == ROWS[:10]
        again = [tuple(row) for batch in source.batches(100) for row in batch.rows]
        assert again == ROWS
        assert list(first) == []
        assert [tuple(row) for batch in source.batches(100) for row in batch.rows] == ROWS


def closes_at_any_time(open_it: Open) -> None:
    source = open_it()
    source.close()
    source.close()
    source = open_it()
    batches = source.batches(10)
    next(batches)
    source.close()
    assert list(batches) == []
    source.close()


def refuses_too_few_rows(open_it: Open) -> None:
    with open_it(min_rows=len(ROWS)) as source:
        assert sum(len(batch.rows) for batch in source.batches(100)) == len(ROWS)
    seen: list[object] = []
    with open_it(min_rows=len(ROWS) + 1) as source:
        with pytest.raises(SourceError) as caught:
            seen.extend(row for batch in source.batches(100) for row in batch.rows)
        assert caught.value.problems[0].code is Code.TOO_FEW_ROWS
        assert f"{len(ROWS)} rows" in caught.value.problems[0].message
    assert len(seen) == len(ROWS)


def wants_its_key(open_it: Open) -> None:
    with pytest.raises(SourceError) as caught:
        open_it(key="nmae")
    (problem,) = caught.value.problems
    assert problem.code is Code.MISSING_COLUMN
    assert problem.hint == "Did you mean 'name'?"
