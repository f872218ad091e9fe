"""A SQL query as a source: streamed from a server-side cursor, read only, values with their types."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, CursorResult, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.project.source_config import SqlSourceConfig, query_file
from scimport.project.values import did_you_mean
from scimport.redaction import hide, hide_rows
from scimport.sources.base import Batch, Source, check_rows
from scimport.sources.columns import bad_names, missing_key
from scimport.sources.files import not_found
from scimport.sources.sql_faults import Query

# Rows fetched at a time: with fewer, a small batch would cost a journey to the server.
_FETCH = 500
_CONNECT_SECONDS = 15
# A source must not write, whatever its query says. Where this is not known, the account's rights see to it.
_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
# The extra of scimport that installs a driver, and how a URL asks for that driver.
_DRIVERS = {
    "postgresql": ("postgresql", "postgresql+psycopg"),
    "mysql": ("mysql", "mysql+pymysql"),
    "mariadb": ("mysql", "mariadb+pymysql"),
}


class SqlSource(Source):
    """The rows of a query, as plain tuples of typed values; NULL is ``None``.

    A row's position is its number in the result, from 1. The query runs when the source is opened, and again
    for every call of ``batches`` but the first.

    Args:
        config: What the source's file says.
        name: Name of the source; problems are placed in its file.
        root: The project folder.

    Raises:
        SourceError: No connection, the query fails, or its columns are not as they should be.
    """

    def __init__(self, config: SqlSourceConfig, *, name: str, root: Path) -> None:
        self._file = _source_file(name, root)
        self._min_rows = config.min_rows
        url = _located(config.url.get_secret_value(), root, self._file)
        self._query = Query(self._file, url, _sql(config.query, root), config.params)
        self._statement = text(self._query.sql)
        _check_params(self._statement.compile().params, self._query)
        self._engine = _engine(self._query)
        self._running: Generator[Batch] | None = None
        self._connection: Connection | None = None
        self._result: CursorResult[Any] | None = None
        try:
            self.columns = _checked_columns(self._execute(), config.key, self._file)
        except BaseException:
            self.close()
            raise

    def batches(self, size: int) -> Iterator[Batch]:
        """Read all rows of the query."""
        if self._running is not None:
            self.close()
        self._running = self._read(size)
        return self._running

    def place(self, position: int) -> Place:
        """Say which row of the query it is."""
        return Place(self._file, row=position or None)

    def close(self) -> None:
        """Close the connection; the server stops sending."""
        if self._running is not None:
            self._running.close()
            self._running = None
        result, connection = self._result, self._connection
        self._result = self._connection = None
        if result is not None:
            _abandon(result)
        if connection is not None:
            # Nothing was written: a rollback would only find out that the server has gone in the meantime.
            connection.invalidate()
            connection.close()

    def _execute(self) -> CursorResult[Any]:
        self._connection = _connected(self._engine, self._query)
        with self._query.running():
            # Values are given here, not to the statement: it would cast them to the types that it guesses.
            self._result = self._connection.execute(
                self._statement, dict(self._query.params), execution_options={"stream_results": True}
            )
        return self._result

    def _read(self, size: int) -> Generator[Batch]:
        result, found = self._result or self._execute(), 0
        with self._query.running():
            # Without a size, partitions() of a text() statement would be one of all rows.
            for part in result.partitions(size * max(1, _FETCH // size)):
                rows = list(map(tuple, part))
                for begin in range(0, len(rows), size):
                    some = rows[begin : begin + size]
                    yield Batch(some, range(found + 1, found + 1 + len(some)))
                    found += len(some)
        check_rows(found, self._min_rows, self._file)


def _source_file(name: str, root: Path) -> str:
    suffix = "yaml" if (root / "sources" / f"{name}.yaml").is_file() else "yml"
    return f"sources/{name}.{suffix}"


def _sql(query: str, root: Path) -> str:
    """The SQL itself, read from its file if the query names one."""
    name = query_file(query)
    if name is None:
        return query
    path = root / "sources" / name
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SourceError(not_found(path, root)) from None
    except (OSError, UnicodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeError) else error.strerror
        message = f"the query cannot be read: {reason}"
        raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, file=f"sources/{name}")) from None


def _located(url: str, root: Path, file: str) -> URL:
    """Parse the URL, with the path of a SQLite file made absolute.

    Raises:
        SourceError: It is not a URL, or the SQLite file is not there (SQLite itself would make a new one).
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Their messages may quote a password with signs in it that should have been encoded.
        hint = (
            "Write dialect+driver://user:password@host:port/database; in the password, @ is %40 and / is %2F."
        )
        raise SourceError(
            Problem(Code.DATABASE_UNREACHABLE, "the URL of the database cannot be read", hint=hint, file=file)
        ) from None
    database = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or database in ("", ":memory:") or database.startswith("file:"):
        return parsed
    path = root.absolute() / database
    if not path.is_file():
        raise SourceError(not_found(path, root))
    return parsed.set(database=str(path))


def _check_params(names: Collection[str], query: Query) -> None:
    """Make sure that every parameter of the query has a value, and every value a parameter."""
    problems = [
        Problem(
            Code.MISSING_KEY,
            f"the query binds :{name}, and params: has no {name}",
            hint=did_you_mean(name, query.params)
            or f"Add it; a colon that is part of the SQL is written \\:{name}.",
            file=query.file,
            field=f"params.{name}",
        )
        for name in sorted(names)
        if name not in query.params
    ] + [
        Problem(
            Code.UNKNOWN_KEY,
            f"params: has {name}, and the query does not bind :{name}",
            hint=did_you_mean(name, names) or "Use it in the query, or take it out.",
            file=query.file,
            field=f"params.{name}",
        )
        for name in query.params
        if name not in names
    ]
    if problems:
        raise SourceError(problems)


def _engine(query: Query) -> Engine:
    url, dialect = query.url, query.url.get_backend_name()
    hide(url.password or "")
    hide_rows()
    options: dict[str, Any] = {}
    if dialect == "postgresql" and "connect_timeout" not in url.query:
        # A host that does not answer at all would be waited for until TCP gives up (PyMySQL waits 10 s).
        options["connect_timeout"] = _CONNECT_SECONDS
    try:
        return create_engine(url, poolclass=NullPool, connect_args=options, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        if dialect in _DRIVERS:
            extra, wanted = _DRIVERS[dialect]
            hint = f"Run pip install 'scimport[{extra}]', and begin the URL with {wanted}://."
        else:
            hint = "Install the SQLAlchemy dialect and driver of this database."
        missing = getattr(error, "name", None) or f"SQLAlchemy dialect {url.drivername}"
        message = f"no driver for {url.drivername}: {missing} is not installed"
        raise SourceError(Problem(Code.DATABASE_UNREACHABLE, message, hint=hint, file=query.file)) from None


def _connected(engine: Engine, query: Query) -> Connection:
    with query.connecting():
        connection = engine.connect()
        if statement := _READ_ONLY.get(engine.dialect.name):
            connection.exec_driver_sql(statement)
        return connection


def _checked_columns(result: CursorResult[Any], key: str, file: str) -> tuple[str, ...]:
    if not result.returns_rows:
        hint = "Write a SELECT."
        raise SourceError(
            Problem(Code.QUERY_FAILED, "the query returns no rows at all", hint=hint, file=file)
        )
    columns = tuple(result.keys())
    lost = missing_key(columns, key, file=file)
    if problems := [lost] if lost else list(bad_names(columns, file=file)):
        raise SourceError(problems)
    return columns


def _abandon(result: CursorResult[Any]) -> None:
    """Close a result that may have more rows; its connection is of no use then."""
    unread: Any = getattr(result.cursor, "_result", None)
    if getattr(unread, "unbuffered_active", False):
        # PyMySQL would first read everything that the query has left, which can take hours.
        unread.unbuffered_active = False
    result.close()
