from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

import scimport.state.database as module
from scimport.errors import StateError
from scimport.state import Database
from scimport.state.database import Filling
from scimport.state.schema import lock, metadata, problem


def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": database.dialect == "postgresql"}
        )
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(Path(module.__file__).parent / "migrations")).get_current_head() == module.HEAD


def test_opening_again_keeps_what_is_there(state_url: str) -> None:
    first = Database(state_url)
    with first.write() as connection:
        assert first.insert_many(connection, lock, ("pipeline", "owner", "until"), [("a", "me", 1.0)]) == 1
    first.close()
    again = Database(state_url)
    with again.read() as connection:
        assert connection.execute(select(lock.c.owner)).scalars().all() == ["me"]
    again.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(StateError) as caught:
        Database(url)
    assert [problem.code for problem in caught.value.problems] == ["state-too-new"]


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/deep/state.db")
    with database.write() as connection:
        database.insert_many(connection, lock, ("pipeline", "owner", "until"), [("a", "me", 1.0)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}
    database.close()


def test_the_clock_is_the_time_of_day(database: Database) -> None:
    with database.read() as connection:
        assert database.now(connection) == pytest.approx(time.time(), abs=2)


def test_taken_keys_are_passed_over_and_counted(database: Database) -> None:
    columns = ("pipeline", "owner", "until")
    with database.write() as connection:
        assert database.insert_many(connection, lock, columns, [("a", "me", 1.0)]) == 1
        assert database.insert_many(connection, lock, columns, [("a", "you", 1.0), ("b", "you", 1.0)]) == 1
        assert database.insert_many(connection, lock, columns, []) == 0
        found = connection.execute(select(lock.c.pipeline, lock.c.owner).order_by(lock.c.pipeline)).all()
    assert [tuple(row) for row in found] == [("a", "me"), ("b", "you")]


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            database.insert_many(connection, lock, ("pipeline", "owner", "until"), [("a", "me", 1.0)])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with database.read() as connection:
        assert connection.execute(select(lock)).all() == []


def test_other_faults_are_not_hidden(database: Database) -> None:
    rows = [("a", "x", 1.0), ("b", "y", 1.0)]
    with database.write() as connection:
        database.insert_many(connection, lock, ("pipeline", "owner", "until"), rows)
    with database.engine.begin() as connection, pytest.raises(IntegrityError):
        connection.execute(update(lock).values(pipeline="same"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be used"),
        ("oracle+nothing://x", "cannot be used"),
        ("postgresql+psycopg://root:hidden-word@127.0.0.1:1/test", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_problem(url: str, words: str) -> None:
    with pytest.raises(StateError) as caught:
        Database(url)
    assert [problem.code for problem in caught.value.problems] == ["state-unreachable"]
    assert words in str(caught.value)
    assert "hidden-word" not in f"{caught.value} {caught.value.problems}"


def test_many_rows_are_inserted_whatever_is_in_them(database: Database) -> None:
    texts = ["", "Åse", "a\tb\nc\\d", "'", '"', "\\N", "x" * 3000, *map(str, range(20))]
    columns = (
        "plan_id",
        "code",
        "severity",
        "message",
        "hint",
        "file",
        "line",
        "row",
        "key",
        "field",
        "value",
    )
    rows = [("p", "c", "s", one, "", "", n or None, 2**40, one, "", one) for n, one in enumerate(texts)]
    with database.write() as connection:
        assert database.insert_many(connection, problem, columns, rows) == len(rows)
        query = select(problem.c.message, problem.c.line, problem.c.row).order_by(problem.c.id)
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [(one, n or None, 2**40) for n, one in enumerate(texts)]


def test_many_rows_with_taken_keys_are_inserted_but_for_those(database: Database) -> None:
    columns = ("pipeline", "owner", "until")
    with database.write() as connection:
        first = [(f"p{n}", "me", 1.5) for n in range(0, 40, 2)]
        assert database.insert_many(connection, lock, columns, first) == 20
        assert (
            database.insert_many(connection, lock, columns, [(f"p{n}", "you", 2.5) for n in range(40)]) == 20
        )
        query = select(lock.c.owner, lock.c.until, func.count()).group_by(lock.c.owner, lock.c.until)
        found = {tuple(row) for row in connection.execute(query)}
    assert found == {("me", 1.5, 20), ("you", 2.5, 20)}


def test_no_value_is_in_the_fault_of_a_row_that_does_not_fit(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    rows = [("p" * 300, "secret-owner", 1.0), *((f"p{n}", "me", 1.0) for n in range(20))]
    with database.write() as connection, pytest.raises(DBAPIError) as caught:
        database.insert_many(connection, lock, ("pipeline", "owner", "until"), rows)
    assert "ppp" not in str(caught.value)
    database.close()


def test_tables_that_are_filled_are_analysed_meanwhile(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    filling = Filling(database, lock)
    known = text("SELECT reltuples FROM pg_class WHERE relname = 'lock'")
    seen = []
    with database.write() as connection:
        for start in range(0, 3000, 500):
            rows = [(f"p{n}", "me", 1.0) for n in range(start, start + 500)]
            database.insert_many(connection, lock, ("pipeline", "owner", "until"), rows)
            filling.add(connection, 500)
            seen.append(connection.execute(known).scalar_one())
    assert seen == [-1, 1000, 1000, 1000, 1000, 1000]
    database.close()
