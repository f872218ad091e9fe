"""The provisioning log: written by entry, read by ``$filter``, ``$orderby``, ``$top`` and ``$skiptoken``.

``https://learn.microsoft.com/graph/api/provisioningobjectsummary-list``
"""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from scimport.sandbox import clock
from scimport.sandbox.engine import Entry, Work
from scimport.sandbox.graph import GraphError, invalid
from scimport.sandbox.settings import Settings

Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Query:
    """A reading of the log.

    Attributes:
        where: SQL conditions over ``log`` and ``app``, joined with AND.
        values: Their parameters.
        newest_first: Order by time.
        top: Entries of a page.
        after: Time and row of the last entry of the page before.
    """

    where: tuple[str, ...]
    values: tuple[object, ...]
    newest_first: bool
    top: int
    after: Position | None


def write(
    connection: sqlite3.Connection, app: int, cycle: str, work: Work, settings: Settings, at: int
) -> None:
    """Write what became of the people of one request."""
    guids = settings.source_identity == "guid"
    connection.executemany(
        "INSERT INTO log (app, activity, cycle, change, action, status, source, facts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                app,
                at,
                cycle,
                str(uuid4()),
                entry.action,
                entry.status,
                str(uuid5(NAMESPACE_URL, f"{app}/{entry.source}")) if guids else entry.source,
                orjson.dumps(_facts(entry, work.milliseconds)),
            )
            for entry in work.entries
        ],
    )


def _facts(entry: Entry, milliseconds: int) -> dict[str, Any]:
    """What the columns do not say, as short as it goes: most entries are never read."""
    return {
        "source": entry.source,
        "name": entry.name,
        "active": entry.active,
        "imported": entry.imported,
        "code": entry.code,
        "reason": entry.reason,
        "guid": entry.guid,
        "changes": entry.changes,
        "unresolved": entry.unresolved,
        "scope": entry.scope,
        "out": entry.out,
        "ms": milliseconds,
    }


# Graph's own samples spell jobId both ways and status by its old and new name.
_FIELDS: Final[Mapping[str, str]] = {
    "jobid": "app.job",
    "cycleid": "log.cycle",
    "changeid": "log.change",
    "activitydatetime": "log.activity",
    "serviceprincipal/id": "app.principal",
    "sourceidentity/id": "log.source",
    "provisioningaction": "log.action",
    "action": "log.action",
    "provisioningstatusinfo/status": "log.status",
    "statusinfo/status": "log.status",
}
_OPERATORS: Final = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_CLAUSE = re.compile(r"\s*([\w/]+)\s+(eq|ne|gt|ge|lt|le)\s+('(?:[^']|'')*'|[^\s']+)\s*")
_CONTAINS = re.compile(r"\s*contains\(\s*([\w/]+)\s*,\s*('(?:[^']|'')*')\s*\)\s*")
_AND = re.compile(r"and\s")


def parse(parameters: Mapping[str, str], settings: Settings) -> Query:
    """The query of a request.

    Args:
        parameters: ``$filter`` (eq, ne, gt, ge, lt, le and contains, joined with ``and``), ``$orderby``
            (activityDateTime), ``$top`` and ``$skiptoken``.
        settings: The sizes of pages.

    Raises:
        GraphError: 400.
    """
    where, values = parse_filter(parameters.get("$filter", ""))
    order = parameters.get("$orderby", "activityDateTime desc").split()
    if not order or order[0].lower() != "activitydatetime" or order[1:] not in ([], ["asc"], ["desc"]):
        raise invalid("Invalid $orderby: the log is ordered by activityDateTime, asc or desc.")
    top = parameters.get("$top", str(settings.log_page_size))
    if not re.fullmatch(r"0*[1-9]\d{0,8}", top):
        raise invalid("Invalid $top: it must be a positive integer.")
    token = parameters.get("$skiptoken")
    return Query(
        where=where,
        values=values,
        newest_first=order[1:] == ["desc"],
        top=min(int(top), settings.log_page_limit),
        after=_position(token) if token else None,
    )


def parse_filter(text: str) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """SQL conditions of a ``$filter``, and their parameters.

    Raises:
        GraphError: 400, when it is not understood.
    """
    conditions: list[str] = []
    values: list[object] = []
    position = 0
    while text.strip() and position < len(text):
        if conditions:
            joined = _AND.match(text, position)
            if joined is None:
                raise _not_understood()
            position = joined.end()
        condition, value, position = _clause(text, position)
        conditions.append(condition)
        values.append(value)
    return tuple(conditions), tuple(values)


def _clause(text: str, position: int) -> tuple[str, object, int]:
    """One condition at a position: its SQL, its parameter, and where it ends."""
    if found := _CONTAINS.match(text, position):
        column = _column(found[1])
        return f"instr({column}, ?) > 0", _literal(column, found[2]), found.end()
    if found := _CLAUSE.match(text, position):
        column = _column(found[1])
        return f"{column} {_OPERATORS[found[2]]} ?", _literal(column, found[3]), found.end()
    raise _not_understood()


def _column(field: str) -> str:
    column = _FIELDS.get(field.lower())
    if column is None:
        raise invalid(f"Invalid filter clause: the property '{field}' cannot be filtered by.")
    return column


def _literal(column: str, text: str) -> object:
    """The value of a condition: a time, or a string in single quotes (which is case-sensitive)."""
    quoted = text.startswith("'")
    value = text[1:-1].replace("''", "'") if quoted else text
    if column == "log.activity":
        try:
            return clock.instant(value)
        except ValueError:
            raise invalid(
                "Invalid filter clause: activityDateTime is compared with a date and time."
            ) from None
    if not quoted:
        raise _not_understood()
    return value


def _not_understood() -> GraphError:
    return invalid(
        "Invalid filter clause: it is not understood at the position of its operator or its string."
    )


def _position(token: str) -> Position:
    try:
        activity, row = base64.urlsafe_b64decode(token).split(b".")
        return int(activity), int(row)
    except (ValueError, binascii.Error):
        raise invalid("Invalid $skiptoken.") from None


def token_of(position: Position) -> str:
    """The ``$skiptoken`` of the page after an entry."""
    return base64.urlsafe_b64encode(b"%d.%d" % position).decode()


def read(
    connection: sqlite3.Connection, query: Query, settings: Settings, at: int
) -> tuple[list[sqlite3.Row], Position | None]:
    """The rows of one page, and where the next begins; None at the end."""
    oldest = at - settings.log_retention_days * clock.DAY if settings.log_retention_days else 0
    where = ["log.activity > ?", "log.activity <= ?", *query.where]
    values = [oldest, at - round(settings.log_lag * clock.SECOND), *query.values]
    if query.after:
        where.append(f"(log.activity, log.id) {'<' if query.newest_first else '>'} (?, ?)")
        values += query.after
    order = "DESC" if query.newest_first else "ASC"
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    rows = cursor.execute(
        "SELECT log.*, app.job, app.principal, app.application, app.name AS app_name, app.target FROM log"  # noqa: S608 - own words
        f" JOIN app ON app.id = log.app WHERE {' AND '.join(where)}"
        f" ORDER BY log.activity {order}, log.id {order} LIMIT ?",
        (*values, query.top + 1),
    ).fetchall()
    page = rows[: query.top]
    return page, (page[-1]["activity"], page[-1]["id"]) if len(rows) > query.top else None
