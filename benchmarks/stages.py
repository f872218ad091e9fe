"""What each stage of a plan costs by itself, against the hand-written script that does all of them.

    python benchmarks/stages.py [--rows 20000] [--rounds 3] [--json FILE]

Extracting is measured from a CSV file, from SQLite, and from PostgreSQL and MariaDB where a server answers
(``SCIMPORT_TEST_POSTGRESQL``, ``SCIMPORT_TEST_MARIADB``: SQLAlchemy URLs). What a stage takes in is made
before, outside of the measurement. By hand is 1, CPU time on one core; 5 means that all of the script takes
five times as long as this stage.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr
from sqlalchemy import Column, MetaData, String, Table, create_engine, insert
from sqlalchemy.exc import SQLAlchemyError

import ours
import people
from pipeline import environment, print_speeds, reference, speed_row
from sandwich import Variant, compare
from scimport.apps.bulk import bulk_request
from scimport.apps.outbox import MAX_OPERATIONS, Operation
from scimport.inputs import opened
from scimport.plan.builder import BATCH
from scimport.plan.examine import SLICE, Examiner, Wanted
from scimport.plan.records import Input, Mapper
from scimport.plan.staging import Staging
from scimport.project.source_config import SqlSourceConfig
from scimport.sources.base import Source
from scimport.sources.sql import SqlSource
from scimport.state import Database
from scimport.state.people import People
from scimport.streaming import streaming

SERVERS = {
    "PostgreSQL": os.environ.get("SCIMPORT_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test"),
    "MariaDB": os.environ.get("SCIMPORT_TEST_MARIADB", "mysql+pymysql://root:@127.0.0.1:3306/test"),
}
TABLE = "scimport_benchmark_people"


def measure(count: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Measure all stages; returns the rows of the table."""
    path = people.csv_file(count)
    project = ours.project(path)
    with opened(project, project.pipeline(ours.NAME), datetime.now(UTC)) as source, streaming():
        stages = _Stages(source, count, folder)
        from_sql = [_from_sql(name, url, count) for name, url in _databases(count, folder)]
        variants = [*from_sql, *stages.variants()]
        speeds = compare(reference(path), variants, rounds)
    return [speed_row(name, speed) for name, speed in speeds.items()]


class _Stages:
    """The stages of one source, each with what it takes in."""

    def __init__(self, source: Input, count: int, folder: Path) -> None:
        self._source, self._count, self._folder = source, count, folder
        self._mapper = Mapper(source)
        self._batches = [*source.source.batches(BATCH)]
        columns = source.source.columns
        picked = [[row[columns.index(name)] for name in source.mapping.columns] for row in self._rows()]
        self._slices = [picked[n : n + SLICE] for n in range(0, count, SLICE)]
        made = [user for some in self._slices for user in source.mapping.users(some)]
        self._users = [user for user in made if isinstance(user, dict)]
        self._bodies = [orjson.dumps(user) for user in self._users]
        self._is_valid = source.validator.of(source.mapping)

    def variants(self) -> Iterator[Variant]:
        yield _variant("extract: CSV", lambda: _read(self._source.source))
        yield _variant("map", self._map)
        yield _variant("validate", self._validate)
        yield _variant("serialise: users and requests", self._serialise)
        yield Variant("compare: digests and look-ups, all known", self._compare)
        yield Variant("stage: new people, SQLite", self._stage)

    def _rows(self) -> Iterator[Any]:
        for batch in self._batches:
            yield from batch.rows

    def _map(self) -> int:
        return sum(len(self._source.mapping.users(some)) for some in self._slices)

    def _validate(self) -> int:
        return sum(map(self._is_valid, self._users))

    def _serialise(self) -> int:
        operations = [Operation(n, "", orjson.dumps(user)) for n, user in enumerate(self._users)]
        for n in range(0, len(operations), MAX_OPERATIONS):
            bulk_request(operations[n : n + MAX_OPERATIONS])
        return len(operations)

    @contextmanager
    def _compare(self) -> Iterator[Callable[[], int]]:
        state = self._folder / "known.db"
        if not state.exists():
            with ours.ready_plan(people.csv_file(self._count), state) as plan:
                plan()
            ours.acknowledge(state)
        database = Database(f"sqlite:///{state}")
        examiner = Examiner(self._source, People(database, ours.NAME), Wanted(), b"")
        with database.read() as connection:
            yield lambda: sum(len(examiner.examine(connection, batch).same) for batch in self._batches)
        database.close()

    @contextmanager
    def _stage(self) -> Iterator[Callable[[], int]]:
        state = self._folder / "staged.db"
        ours.make_state(state)
        database = Database(f"sqlite:///{state}")
        staging = Staging(database, ours.NAME, self._source.source)
        with database.write() as connection:
            staging.begin(connection)
        wanted = Wanted(known=False, plan_id=staging.plan_id)
        examiner = Examiner(self._source, People(database, ours.NAME), wanted, b"")
        with database.read() as connection:
            parts = [examiner.examine(connection, one).joiners for one in self._batches]

        def stage() -> int:
            with database.write() as connection:
                return sum(staging.put_joiners(connection, part) for part in parts)

        yield stage
        database.close()


def _variant(name: str, work: Callable[[], int]) -> Variant:
    @contextmanager
    def ready() -> Iterator[Callable[[], int]]:
        yield work

    return Variant(name, ready)


def _read(source: Source) -> int:
    return sum(len(batch.rows) for batch in source.batches(BATCH))


def _databases(count: int, folder: Path) -> Iterator[tuple[str, str]]:
    """The databases that answer, with the people in a table of each."""
    for name, url in {"SQLite": f"sqlite:///{folder}/source.db", **SERVERS}.items():
        try:
            _fill(url, count)
        except SQLAlchemyError as error:
            print(f"{name} is left out: {type(error).__name__}")
        else:
            yield name, url


def _fill(url: str, count: int) -> None:
    engine = create_engine(url)
    table = Table(TABLE, MetaData(), *(Column(name, String(200)) for name in people.COLUMNS))
    with engine.begin() as connection:
        table.drop(connection, checkfirst=True)
        table.create(connection)
        rows = [dict(zip(people.COLUMNS, row, strict=True)) for row in people.rows(count)]
        for start in range(0, count, 1000):
            connection.execute(insert(table), rows[start : start + 1000])
    engine.dispose()


def _from_sql(name: str, url: str, count: int) -> Variant:
    query = f"SELECT * FROM {TABLE}"  # noqa: S608 - our own name
    config = SqlSourceConfig(url=SecretStr(url), query=query, key="EmployeeId")

    @contextmanager
    def ready() -> Iterator[Callable[[], int]]:
        with SqlSource(config, name="people", root=ours.PROJECT) as source:
            yield lambda: _all(_read(source), count)

    return Variant(f"extract: {name}", ready)


def _all(found: int, count: int) -> int:
    assert found == count
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    people.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=people.CACHE) as name:
        rows = measure(arguments.rows, arguments.rounds, Path(name))
    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"{arguments.rows:,} people, {arguments.rounds} rounds, CPU time on one core; by hand is 1.\n")
    print_speeds(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
