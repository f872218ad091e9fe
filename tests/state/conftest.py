from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.conftest import MARIADB, POSTGRESQL, database_of_its_own

from scimport.state import Database
from scimport.state.schema import metadata


@pytest.fixture(scope="session")
def sqlite_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("state") / "state.db"
    with closing(Database(f"sqlite:///{path}")):
        pass
    return path


@pytest.fixture(scope="session")
def postgresql_state() -> Iterator[str]:
    """A database with all tables, for one test after the other."""
    with database_of_its_own(POSTGRESQL) as url, closing(Database(url)):
        yield url


@pytest.fixture(scope="session")
def mariadb_state() -> Iterator[str]:
    """The same on the other server."""
    with database_of_its_own(MARIADB) as url, closing(Database(url)):
        yield url


def _empty(url: str) -> str:
    """Take everything out of a database: making its tables anew takes a second."""
    engine = create_engine(url)
    with engine.begin() as connection:
        # Where a test that failed has left a transaction open, the next one must not wait for ever.
        variable = (
            "lock_timeout = '20s'" if engine.dialect.name == "postgresql" else "innodb_lock_wait_timeout = 20"
        )
        connection.execute(text(f"SET {variable}"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A state database of each kind, with nothing in it."""
    origin = request.getfixturevalue(f"{request.param}_state")
    if request.param != "sqlite":
        return _empty(origin)
    return f"sqlite:///{shutil.copy(origin, tmp_path)}"


@pytest.fixture
def database(state_url: str) -> Iterator[Database]:
    database = Database(state_url)
    yield database
    database.close()
