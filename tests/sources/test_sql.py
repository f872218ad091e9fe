from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymysql import connections
from sqlalchemy import create_engine, text

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.project.source_config import SqlSourceConfig
from scimport.sources import Source, open_source

SERVERS = ("postgresql", "mariadb")
PEOPLE = """
    CREATE TABLE people (
        id VARCHAR(9), name VARCHAR(99), hired DATE, changed TIMESTAMP NULL, pay DECIMAL(9, 2), age INTEGER
    )
"""

Open = Callable[..., Source]
Refused = Callable[..., Problem]


def fill(url: str) -> str:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(PEOPLE))
        connection.execute(
            text(
                "INSERT INTO people VALUES"
                " ('001', 'Zoë', '2024-02-29', '2026-02-01 08:30:00', 12.50, 41),"
                " ('002', '100%', NULL, NULL, NULL, NULL)"
            )
        )
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind with the table ``people``."""
    if request.param == "sqlite":
        return fill(f"sqlite:///{tmp_path}/people.db")
    return fill(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return fill(f"sqlite:///{tmp_path}/people.db")


@pytest.fixture
def open_sql(tmp_path: Path) -> Open:
    def opened(url: str, query: str = "SELECT * FROM people ORDER BY id", **settings: Any) -> Source:
        values: dict[str, Any] = {"url": SecretStr(url), "query": query, "key": "id"} | settings
        return open_source(SqlSourceConfig(kind="sql", **values), name="people", root=tmp_path)

    return opened


@pytest.fixture
def rows(open_sql: Open) -> Callable[..., list[tuple[object, ...]]]:
    def read(*args: Any, **settings: Any) -> list[tuple[object, ...]]:
        with open_sql(*args, **settings) as source:
            return [tuple(row) for batch in source.batches(10) for row in batch.rows]

    return read


@pytest.fixture
def refused(open_sql: Open) -> Refused:
    def problem(*args: Any, **settings: Any) -> Problem:
        with pytest.raises(SourceError) as caught, open_sql(*args, **settings) as source:
            list(source.batches(10))
        (only,) = caught.value.problems
        return only

    return problem


Rows = Callable[..., list[tuple[object, ...]]]


def test_values_keep_their_types(url: str, rows: Rows) -> None:
    first, second = rows(url)
    if url.startswith("sqlite"):
        assert first == ("001", "Zoë", "2024-02-29", "2026-02-01 08:30:00", 12.5, 41)
    else:
        moment = datetime(2026, 2, 1, 8, 30)  # noqa: DTZ001 - the column has no time zone
        assert first == ("001", "Zoë", date(2024, 2, 29), moment, Decimal("12.50"), 41)
        assert type(first[4]) is Decimal
    assert second == ("002", "100%", None, None, None, None)


def test_booleans(postgresql_url: str, rows: Rows) -> None:
    assert rows(postgresql_url, "SELECT 1 AS id, true AS active, 'x'::text AS name") == [(1, True, "x")]


def test_parameters_are_bound(url: str, rows: Rows) -> None:
    query = "SELECT id FROM people WHERE hired >= :since AND age > :age AND name NOT LIKE '%\\:x'"
    assert rows(url, query, params={"since": "2020-01-01", "age": 40}) == [("001",)]
    assert rows(url, "SELECT id FROM people WHERE name = :name", params={"name": "' OR 1=1 --"}) == []
    assert rows(url, "SELECT id FROM people WHERE name LIKE '100%'") == [("002",)]
    nobody = "SELECT id FROM people WHERE name = :name OR :name IS NULL"
    if url.startswith("sqlite"):
        assert len(rows(url, nobody, params={"name": None})) == 2


def test_place(sqlite_url: str, open_sql: Open, tmp_path: Path) -> None:
    with open_sql(sqlite_url) as source:
        (batch,) = source.batches(10)
        assert list(batch.positions) == [1, 2]
        assert source.place(2) == Place("sources/people.yml", row=2)
        assert source.place(0) == Place("sources/people.yml")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/people.yaml").touch()
    assert open_sql(sqlite_url).place(1).file == "sources/people.yaml"


def test_read_in_another_thread(url: str, open_sql: Open) -> None:
    with open_sql(url) as source, ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: sum(len(batch.rows) for batch in source.batches(10))).result() == 2


def test_rows_are_plain_tuples(url: str, open_sql: Open) -> None:
    with open_sql(url) as source:
        assert {type(row) for batch in source.batches(10) for row in batch.rows} == {tuple}


class TestQuery:
    def test_in_a_file(self, tmp_path: Path, sqlite_url: str, rows: Rows, refused: Refused) -> None:
        (tmp_path / "sources").mkdir()
        (tmp_path / "sources/people.sql").write_bytes(b"\xef\xbb\xbfSELECT id\nFROM people -- all\n;\n")
        assert rows(sqlite_url, "people.sql") == [("001",), ("002",)]
        problem = refused(sqlite_url, "pepole.sql")
        assert (problem.code, problem.hint) == (Code.SOURCE_NOT_FOUND, "Did you mean sources/people.sql?")
        (tmp_path / "sources/people.sql").write_bytes(b"SELECT '\xff'")
        assert refused(sqlite_url, "people.sql").code is Code.SOURCE_UNREADABLE

    def test_ends_with_semicolon_and_comment(self, url: str, rows: Rows) -> None:
        assert rows(url, "SELECT id FROM people -- '\nORDER BY id;") == [("001",), ("002",)]

    def test_unknown_table(self, url: str, refused: Refused) -> None:
        problem = refused(url, "SELECT id FROM nowhere")
        assert (problem.code, problem.file) == (Code.QUERY_FAILED, "sources/people.yml")
        assert "nowhere" in problem.message

    def test_syntax(self, url: str, refused: Refused) -> None:
        problem = refused(url, "SELECT id FORM people")
        assert problem.code is Code.QUERY_FAILED
        assert "syntax" in problem.message
        assert "DECLARE" not in problem.message

    def test_values_of_parameters_are_in_no_message(self, url: str, refused: Refused) -> None:
        for query, secret in itertools.product(
            (
                "SELECT CAST(:name AS INTEGER) + nothing AS id",
                "SELECT :name id id FROM people",
                "SELECT id FROM people WHERE CAST(:name AS DATE) > hired FROM",
            ),
            ("hunter22", "hun'ter22"),
        ):
            problem = refused(url, query, params={"name": secret})
            assert problem.code is Code.QUERY_FAILED
            assert "ter22" not in repr(problem)

    def test_values_of_people_are_in_no_message(self, postgresql_url: str, refused: Refused) -> None:
        problem = refused(fill(postgresql_url), "SELECT id, CAST(name AS INTEGER) FROM people")
        assert problem.code is Code.QUERY_FAILED
        assert problem.message == 'the query failed: invalid input syntax for type integer: "***"'

    def test_fails_half_way(self, postgresql_url: str, open_sql: Open) -> None:
        query = "SELECT i AS id, 1 / (5000 - i) FROM generate_series(1, 9000) AS i"
        seen: list[object] = []
        with open_sql(postgresql_url, query) as source, pytest.raises(SourceError) as caught:
            seen.extend(row for batch in source.batches(100) for row in batch.rows)
        assert caught.value.problems[0].message == "the query failed: division by zero"
        assert 0 < len(seen) < 5000

    def test_names_twice_and_none(self, url: str, open_sql: Open) -> None:
        with pytest.raises(SourceError) as caught:
            open_sql(url, "SELECT id, name AS a, age AS a FROM people")
        (problem,) = caught.value.problems
        assert (problem.code, problem.field) == (Code.SOURCE_HEADER, "a")

    def test_no_rows_at_all(self, sqlite_url: str, refused: Refused) -> None:
        assert refused(sqlite_url, "PRAGMA user_version = 5").code is Code.QUERY_FAILED


class TestParameters:
    def test_missing(self, sqlite_url: str, refused: Refused) -> None:
        problem = refused(sqlite_url, "SELECT id FROM people WHERE age > :limit")
        assert (problem.code, problem.field) == (Code.MISSING_KEY, "params.limit")
        assert "\\:limit" in problem.hint

    def test_misspelt(self, sqlite_url: str, open_sql: Open) -> None:
        with pytest.raises(SourceError) as caught:
            open_sql(sqlite_url, "SELECT id FROM people WHERE age > :limit", params={"limti": 5})
        assert [problem.field for problem in caught.value.problems] == ["params.limit", "params.limti"]
        assert caught.value.problems[0].hint == "Did you mean 'limti'?"


class TestReadOnly:
    def test_queries_that_write(self, url: str, refused: Refused, rows: Rows) -> None:
        for query in (
            "DELETE FROM people",
            "INSERT INTO people (id) VALUES ('9') RETURNING id",
            "DELETE FROM people RETURNING id",
            "CREATE TABLE more (id INTEGER)",
            "DROP TABLE people",
            "SELECT 1 AS id; DELETE FROM people",
        ):
            assert refused(url, query).code is Code.QUERY_FAILED
        assert len(rows(url)) == 2

    def test_functions_that_write(self, postgresql_url: str, refused: Refused, rows: Rows) -> None:
        fill(postgresql_url)
        engine = create_engine(postgresql_url)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS"
                    " 'DELETE FROM people; SELECT ''x''::text'"
                )
            )
        engine.dispose()
        assert "read-only" in refused(postgresql_url, "SELECT wipe() AS id").message
        lifted = "SELECT set_config('transaction_read_only', 'off', false) AS id, wipe()"
        assert refused(postgresql_url, lifted).code is Code.QUERY_FAILED
        assert len(rows(postgresql_url)) == 2


class TestSqliteFiles:
    def test_relative_to_the_project(self, sqlite_url: str, rows: Rows) -> None:
        assert sqlite_url
        assert len(rows("sqlite:///people.db")) == 2

    def test_not_there(self, tmp_path: Path, refused: Refused) -> None:
        problem = refused("sqlite:///sample_data/people.db")
        assert (problem.code, problem.file) == (Code.SOURCE_NOT_FOUND, "sample_data/people.db")
        assert not list(tmp_path.iterdir())

    def test_not_a_database(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "people.db").write_text("id,name\n" * 500)
        assert "not a database" in refused("sqlite:///people.db").message

    def test_text_that_cannot_be_decoded(self, sqlite_url: str, refused: Refused) -> None:
        problem = refused(sqlite_url, "SELECT 1 AS id, CAST(x'4a6f73e9' AS TEXT) AS name")
        assert "Jos" not in repr(problem)


class TestConnecting:
    def test_server_down(self, refused: Refused) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            for dialect in ("postgresql+psycopg", "mysql+pymysql", "mariadb+pymysql"):
                problem = refused(f"{dialect}://hr:hunter22@127.0.0.1:{port}/people?application_name=x")
                assert (problem.code, problem.file) == (Code.DATABASE_UNREACHABLE, "sources/people.yml")
                assert problem.hint.endswith(f": {dialect}://127.0.0.1:{port}/people")
                assert "refused" in problem.message or "no connection" in problem.message
                assert "hunter22" not in repr(problem)

    def test_wrong_password(self, mariadb_url: str, refused: Refused) -> None:
        problem = refused(mariadb_url.replace("root:@", "root:hunter22@"))
        assert problem.code is Code.DATABASE_UNREACHABLE
        assert "denied" in problem.message
        assert "hunter22" not in repr(problem)

    def test_unknown_database(self, postgresql_url: str, refused: Refused) -> None:
        problem = refused(postgresql_url + "_none")
        assert problem.code is Code.DATABASE_UNREACHABLE
        assert "does not exist" in problem.message

    @pytest.mark.parametrize("url", SERVERS, indirect=True)
    def test_cut_off(self, url: str, open_sql: Open, capfd: pytest.CaptureFixture[str]) -> None:
        wide = "SELECT a.id, REPEAT('x', 9000) FROM people a"
        many = ", ".join([wide, *(f"people p{n}" for n in range(15))])
        with open_sql(url, many) as source:
            batches = source.batches(100)
            next(batches)
            end_other_connections(url)
            with pytest.raises(SourceError) as caught:
                list(batches)
        assert caught.value.problems[0].code is Code.DATABASE_UNREACHABLE
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("url", SERVERS, indirect=True)
    def test_cut_off_after_the_last_row(self, url: str, open_sql: Open) -> None:
        with open_sql(url) as source:
            list(source.batches(100))
            end_other_connections(url)

    def test_driver_missing(self, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
        monkeypatch.setitem(sys.modules, "psycopg", None)
        problem = refused("postgresql+psycopg://hr:hunter22@db/people")
        assert problem.code is Code.DATABASE_UNREACHABLE
        assert "pip install 'scimport[postgresql]'" in problem.hint
        problem = refused("mysql://hr:hunter22@db/people")
        assert "MySQLdb" in problem.message
        assert "mysql+pymysql://" in problem.hint

    @pytest.mark.parametrize(
        "url",
        ["oracel://hr:hunter22@db/people", "postgresql://hr:hunter22/@db:x/people", "mysql+psycopg://db/x"],
    )
    def test_url_that_means_nothing(self, refused: Refused, url: str) -> None:
        problem = refused(url)
        assert problem.code is Code.DATABASE_UNREACHABLE
        assert "hunter22" not in repr(problem)

    def test_setting_that_the_driver_does_not_take(self, mariadb_url: str, refused: Refused) -> None:
        problem = refused(f"{mariadb_url}?nonsense=hunter22")
        assert problem.code is Code.DATABASE_UNREACHABLE
        assert "hunter22" not in repr(problem)


def end_other_connections(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        else:
            found = connection.execute(
                text(
                    "SELECT id FROM information_schema.processlist"
                    " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
                )
            )
            for (number,) in found.all():
                connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()


@pytest.mark.parametrize("server", SERVERS)
def test_streams(server: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Peak memory is the same for few rows and for many, and nobody waits for rows that are not wanted."""
    url = request.getfixturevalue(f"{server}_url")
    numbers = "generate_series(1, {0}) AS s(seq)" if server == "postgresql" else "seq_1_to_{0}"
    query = f"SELECT seq AS id, REPEAT('x', 500) AS name FROM {numbers}"  # noqa: S608 - a constant
    program = f"""
import resource
from pathlib import Path
from pydantic import SecretStr
from scimport.project.source_config import SqlSourceConfig
from scimport.sources import open_source
def peak(rows):
    config = SqlSourceConfig(kind="sql", url=SecretStr({url!r}), query={query!r}.format(rows), key="id")
    with open_source(config, name="people", root=Path({str(tmp_path)!r})) as source:
        assert sum(len(batch.rows) for batch in source.batches(200)) == rows
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, large = peak(2_000), peak(60_000)
assert large - small < 6_000, (small, large)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONWARNINGS": "error"})


def test_rows_that_are_not_wanted_are_not_fetched(
    mariadb_url: str, open_sql: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver would fetch all that is left, here 100 MB, before it closes a cursor."""

    def counted(self: object, size: int) -> Any:
        fetched.append(size)
        return read(self, size)

    fetched: list[int] = []
    driver: Any = connections.Connection
    read = driver._read_bytes
    monkeypatch.setattr(driver, "_read_bytes", counted)
    with open_sql(mariadb_url, "SELECT seq AS id, REPEAT('x', 500) FROM seq_1_to_200000") as source:
        next(source.batches(10))
    assert 5_000 < sum(fetched) < 10_000_000


def test_sqlite_and_csv_need_no_server_driver(tmp_path: Path) -> None:
    program = "import sys, scimport.sources; sys.exit(bool({'sqlalchemy', 'fsspec'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
