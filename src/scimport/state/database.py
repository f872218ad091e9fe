"""The connection to the state database: SQLite by default, PostgreSQL where several machines share it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from scimport.codes import Code
from scimport.errors import StateError
from scimport.model import Problem
from scimport.private import private_folder
from scimport.redaction import hide, hide_rows
from scimport.state.keyring import unlocked
from scimport.state.vault import KEEP, Keeping, Vault

HEAD = "0009"
"""The newest migration: a database that says this needs no migrating."""

_COPIED = 10
"""Rows that are worth a COPY."""

_CLOCKS = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
    "mariadb": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}


_PRAGMAS = (
    # Records of about 1 kB waste less of a larger page: a twentieth of a plan's time. It counts when the file
    # is made.
    "page_size = 16384",
    "journal_mode = WAL",
    # A power cut may lose the last transactions, never the file: what they acknowledged is sent again.
    "synchronous = NORMAL",
    "wal_autocheckpoint = 2000",
    "cache_size = -16384",
    "busy_timeout = 60000",
)


class Database:
    """One state database.

    Args:
        url: A SQLAlchemy URL. A SQLite file is created, with its folder, readable by its owner alone.
        keeping: How it is to be kept, which must be how it is kept; ``None`` for who changes that.

    Raises:
        StateError: It cannot be reached, a newer scimport has changed it, or it is kept otherwise.
    """

    def __init__(self, url: str, keeping: Keeping | None = KEEP) -> None:
        self.engine = _engine(url)
        self.dialect = self.engine.dialect.name
        self.by_psycopg = self.engine.dialect.driver == "psycopg"
        self._clock = text(_CLOCKS.get(self.dialect, "SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP)"))
        try:
            _migrate(self.engine)
        except (OperationalError, DBAPIError) as error:
            raise _unreachable(self.engine.url, error) from error
        self.vault = Vault()
        """Seals and opens people's values."""
        if keeping is not None:
            try:
                self.vault = unlocked(self, keeping)
            except StateError:
                self.close()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and writes nothing."""
        with self._refusals(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end; on SQLite the only one that writes."""
        with (
            self._refusals(),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the database's clock, which every process that shares it agrees on."""
        return float(connection.execute(self._clock).scalar_one())

    def insert_many(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Insert ``rows`` (values in the order of ``columns``), passing over those whose key is taken.

        Returns:
            How many rows were inserted.
        """
        if not rows:
            return 0
        if self.dialect == "sqlite":
            # The driver's own cursor takes tuples as they are; SQLAlchemy's way costs a third more a row.
            cursor = connection.connection.cursor()
            cursor.executemany(_insert_or_ignore(table.name, tuple(columns)), rows)
            return int(cursor.rowcount)
        if self.by_psycopg and len(rows) >= _COPIED:
            # A key that is taken stops all of it; SQLAlchemy says without values what else is wrong.
            driver = _driver(self.engine)
            with suppress(driver.IntegrityError, driver.DataError), connection.begin_nested():
                return _copied(connection, table, columns, rows)
        return self._insert_each(connection, table, columns, rows)

    def _insert_each(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        ignoring = insert(table).prefix_with("IGNORE")
        statement = (
            postgresql.insert(table).on_conflict_do_nothing() if self.dialect == "postgresql" else ignoring
        )
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        return connection.execute(statement, named, execution_options={"preserve_rowcount": True}).rowcount

    def analyze(self, connection: Connection, *tables: Table) -> None:
        """Tell the database how much is in tables that have just been filled, where it decides by that.

        PostgreSQL finds out by itself a minute later, and takes the wrong index meanwhile. SQLite has no
        statistics, and so none that are old: its statements are written for the right index.
        """
        if self.dialect == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f'ANALYZE "{table.name}"')

    def compact(self) -> None:
        """Overwrite what was deleted or replaced, where the database is a file of ours (SQLite)."""
        if self.dialect == "sqlite":
            with self._refusals(), self.engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, _driver(self.engine).OperationalError) as error:
            raise _unreachable(self.engine.url, error) from error


class Filling:
    """Has tables analysed while they are filled: with a thousand rows more, ten thousand, and so on.

    Args:
        database: The state database.
        tables: What is filled.
    """

    def __init__(self, database: Database, *tables: Table) -> None:
        self._database, self._tables = database, tables
        self._rows, self._next = 0, 1000

    def add(self, connection: Connection, rows: int) -> None:
        """There are so many rows more in each table."""
        self._rows += rows
        if self._rows >= self._next:
            self._next *= 10
            self._database.analyze(connection, *self._tables)


def _copied(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> int:
    """Insert rows by PostgreSQL's COPY, which costs this process a fifth of what statements do."""
    copy, types = _copy_from(table, tuple(columns))
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(copy) as stream:
        stream.set_types(types)
        for row in rows:
            stream.write_row(row)
    return len(rows)


@cache
def _copy_from(table: Table, columns: tuple[str, ...]) -> tuple[str, list[str]]:
    names = ", ".join(f'"{name}"' for name in columns)
    kinds = [table.c[name].type for name in columns]
    types = ["int8" if isinstance(kind, BigInteger) else _COPIED_AS[kind.python_type] for kind in kinds]
    return f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)', types


_COPIED_AS: dict[type, str] = {int: "int4", bool: "bool", float: "float8", bytes: "bytea", str: "text"}


def _driver(engine: Engine) -> Any:
    """The module of the driver, for its exceptions: what its own cursors raise."""
    return engine.dialect.dbapi


@cache
def _insert_or_ignore(table: str, columns: tuple[str, ...]) -> str:
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    return f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - our own names


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        hide(parsed.password or "")
        hide_rows()
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return create_engine(
            parsed, pool_pre_ping=True, isolation_level="READ COMMITTED", hide_parameters=True
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        hint = (
            "Write it as dialect+driver://user@host/database, and install the driver (scimport[postgresql])."
        )
        message = f"the state URL cannot be used: {type(error).__name__}"
        raise StateError(Problem(Code.STATE_UNREACHABLE, message, hint=hint)) from error


def _sqlite(url: URL) -> Engine:
    if url.database:
        path = Path(url.database)
        private_folder(path.parent)
        # People's data: for its owner alone. SQLite gives -wal and -shm the mode of the file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    engine = create_engine(
        url, connect_args={"timeout": 60, "check_same_thread": False}, hide_parameters=True
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions late and by guess; _begin_sqlite does it.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write must say so at once: a reader cannot be promoted while another writes.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    # Whoever only reads must not wait for somebody who writes.
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        found = _revision(connection)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            message = f"the state database is of a newer scimport (revision {found}; this one knows {HEAD})"
            raise StateError(Problem(Code.STATE_TOO_NEW, message, hint="Upgrade scimport on this machine."))
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def _upgrade(connection: Connection) -> None:
    # Imported here: a database that is up to date, which is nearly always, does without.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(7306364)"
        )  # two first starts at the same time
        if _revision(connection) == HEAD:
            return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _unreachable(url: URL, error: SQLAlchemyError) -> StateError:
    words = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    message = f"the state database {url.render_as_string(hide_password=True)} cannot be used: {words}"
    hint = "Check SCIMPORT_STATE_URL or scimport.toml, and that the database is up and has room."
    return StateError(Problem(Code.STATE_UNREACHABLE, message, hint=hint))
