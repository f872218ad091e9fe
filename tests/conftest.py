"""What all tests share: real databases, each test in one of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

POSTGRESQL = os.environ.get("SCIMPORT_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test")
MARIADB = os.environ.get("SCIMPORT_TEST_MARIADB", "mysql+pymysql://root:@127.0.0.1:3306/test")


@contextmanager
def _database_of_its_own(url: str) -> Iterator[str]:
    name = f"scimport_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        connection = server.connect()
    except OperationalError as error:
        if os.environ.get("SCIMPORT_REQUIRE_DATABASES"):
            raise
        pytest.skip(
            f"no server answers at {server.url.render_as_string(hide_password=True)}: {type(error).__name__}"
        )
    with connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield server.url.set(database=name).render_as_string(hide_password=False)
        finally:
            force = " WITH (FORCE)" if server.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP DATABASE {name}{force}"))
    server.dispose()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    with _database_of_its_own(POSTGRESQL) as url:
        yield url


@pytest.fixture
def mariadb_url() -> Iterator[str]:
    """A MariaDB database of the test's own."""
    with _database_of_its_own(MARIADB) as url:
        yield url
