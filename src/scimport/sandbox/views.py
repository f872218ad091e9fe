"""What the pages ask of the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import orjson

from scimport.sandbox.apps import App

SEARCHED: Final = 10_000
"""People whose names a page looks at."""
_SHOWN: Final = ("displayName", "cn", "userPrincipalName", "mail")


def counts(connection: sqlite3.Connection, app: App) -> dict[str, int]:
    """Entries of an app to date by what was done, as ``create``, ``update`` and so on, and ``failure``."""
    rows = connection.execute("SELECT outcome, entries FROM tally WHERE app = ?", (app.id,))
    outcomes = ("create", "update", "disable", "stageddelete", "other", "failure")
    return {**dict.fromkeys(outcomes, 0), **dict(rows)}


def state(connection: sqlite3.Connection, app: App) -> dict[str, int]:
    """Counts that decide on quarantine: people who fail, and those disabled lately."""
    names = ("linked", "failing", "failing_references", "disables")
    row = connection.execute(f"SELECT {', '.join(names)} FROM app WHERE id = ?", (app.id,)).fetchone()  # noqa: S608 - own words
    return dict(zip(names, row, strict=True))


def people(
    connection: sqlite3.Connection, app: App, wanted: str, after: str, top: int
) -> tuple[list[dict[str, Any]], str]:
    """People of an app by key, with the attributes that the directory has.

    Args:
        connection: The database.
        app: The app.
        wanted: How a key begins; where none does, part of a name or an account. Empty for everybody.
        after: Where the page before has ended; empty for the first page.
        top: People of a page.

    Returns:
        The people, and where the next page begins; empty when nobody is left. A search for a name looks at
        ``SEARCHED`` people at most, so that its page may have few people, or none, and still go on.
    """
    if wanted and next(_people(connection, app, wanted, "", 1), None) is None:
        return _named(connection, app, wanted.casefold(), after, top)
    found = list(_people(connection, app, wanted, after, top + 1))
    return found[:top], found[top - 1]["source"] if len(found) > top else ""


def _named(
    connection: sqlite3.Connection, app: App, wanted: str, after: str, top: int
) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    last = ""
    for number, person in enumerate(_people(connection, app, "", after, SEARCHED + 1)):
        is_wanted = any(wanted in str(person["attributes"].get(name, "")).casefold() for name in _SHOWN)
        if number == SEARCHED or (is_wanted and len(found) == top):
            return found, last
        if is_wanted:
            found.append(person)
        last = person["source"]
    return found, ""


def _people(
    connection: sqlite3.Connection, app: App, begins: str, after: str, top: int
) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        "SELECT source, guid, modified, attributes FROM link JOIN user ON user.id = link.user"
        " WHERE app = :app AND source > :after AND source >= :begins AND source < :ends"
        " ORDER BY source LIMIT :top",
        {"app": app.id, "after": after, "begins": begins, "ends": f"{begins}\U0010ffff", "top": top},
    )
    for source, guid, modified, attributes in rows:
        yield {"source": source, "guid": guid, "modified": modified, "attributes": orjson.loads(attributes)}


def entry(connection: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    """One row of the provisioning log, with what is known of its app."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    row: sqlite3.Row | None = cursor.execute(
        "SELECT log.*, app.job, app.principal, app.application, app.name AS app_name, app.target FROM log"
        " JOIN app ON app.id = log.app WHERE log.id = ?",
        (number,),
    ).fetchone()
    return row


def flatten(user: dict[str, Any]) -> list[tuple[str, str]]:
    """A SCIM user as paths and values, in the words of mappings: ``emails[type eq "work"].value``."""
    return [
        pair
        for name, value in user.items()
        if name != "schemas"
        for pair in _flatten(value, name, ":" if name.startswith("urn:") else ".")
    ]


def _flatten(value: Any, path: str, mark: str = ".") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, f"{path}{mark}{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            kind = inner.get("type") if isinstance(inner, dict) else None
            rest = {name: part for name, part in inner.items() if name != "type"} if kind else inner
            yield from _flatten(rest, f'{path}[type eq "{kind}"]' if kind else f"{path}[{index}]")
    else:
        yield path, "" if value is None else str(value)
