"""What a database says went wrong, in its own words, without anybody's values and without the password."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem

_QUOTED = re.compile(r"""(?<!\w)(["'`])(.*?)\1(?!\w)""", re.DOTALL)
# Parts of a statement, as MariaDB names them in quotes.
_CLAUSES = frozenset(("field list", "where clause", "on clause", "order clause", "group statement"))
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of which database, to word problems.

    Attributes:
        file: The source's file.
        url: The database.
        sql: The query as it is written.
        params: The values bound to its parameters.
    """

    file: str
    url: URL = field(repr=False)
    sql: str = field(repr=False)
    params: Mapping[str, object] = field(repr=False)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Turn what connecting raises into :class:`SourceError`."""
        try:
            yield
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own for settings they do not like
            raise SourceError(self._unreachable(error)) from None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Turn what running the query and fetching its rows raises into :class:`SourceError`."""
        try:
            yield
        except UnicodeError:
            message = "the database sent text that cannot be decoded"
            hint = "Name the right character set in the URL, such as ?charset=utf8mb4 for MariaDB."
            raise SourceError(Problem(Code.SOURCE_ENCODING, message, hint=hint, file=self.file)) from None
        except SQLAlchemyError as error:
            lost = isinstance(error, DBAPIError) and error.connection_invalidated
            raise SourceError(self._unreachable(error) if lost else self._failed(error)) from None

    def words(self, error: Exception) -> str:
        """Take the driver's message, without the password and without values that may be somebody's.

        A value of a parameter becomes its name. Text in quotes is masked unless the query or the URL has it
        too, such as the name of a table.
        """
        said = getattr(error, "orig", None) or error
        diagnosis = getattr(said, "diag", None)
        primary = getattr(diagnosis, "message_primary", None)
        number_and_words = len(said.args) == 2 and isinstance(said.args[0], int)
        words = " ".join(str(primary or (said.args[1] if number_and_words else said)).split())
        for name, value in self.params.items():
            words = _without(words, str(value), f":{name}")
        words = _without(words, str(self.url.password or ""), "***")
        return _QUOTED.sub(self._masked, words)[:_LONGEST]

    def _masked(self, found: re.Match[str]) -> str:
        quote, quoted = found.groups()
        known = {"", *_CLAUSES, self.url.host, self.url.database, self.url.username}
        parts = [quoted] if quoted in known or _has(self.sql, quoted) else quoted.split(".")
        is_known = all(part in known or _has(self.sql, part) for part in parts)
        return found[0] if is_known else f"{quote}***{quote}"

    def _unreachable(self, error: Exception) -> Problem:
        known = isinstance(error, DBAPIError | RuntimeError | OSError)
        words = self.words(error) if known else f"the driver does not take the URL ({type(error).__name__})"
        url = self.url
        shown = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
        hint = f"Look whether the database is up, and compare user, password and URL: {shown}"
        return Problem(Code.DATABASE_UNREACHABLE, f"no connection: {words}", hint=hint, file=self.file)

    def _failed(self, error: Exception) -> Problem:
        hint = "Run the query in the database's own client with the same account."
        return Problem(Code.QUERY_FAILED, f"the query failed: {self.words(error)}", hint=hint, file=self.file)


def _has(sql: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", sql, re.IGNORECASE) is not None


def _without(words: str, secret: str, instead: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: instead, words) if secret else words
