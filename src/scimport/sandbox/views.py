"""What the pages ask of the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson

from scimport.sandbox.apps import App


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
) -> list[dict[str, Any]]:
    """People of an app by key, with the attributes that the directory has.

    Args:
        connection: The database.
        app: The app.
        wanted: A key, else part of a key or of the attributes; empty for everybody.
        after: The last key of the page before; empty for the first page.
        top: People of a page.
    """
    if wanted and (exact := _people(connection, " AND source = :wanted", app, wanted, after, top)):
        return exact
    part = " AND (instr(lower(source), :wanted) OR instr(lower(CAST(attributes AS TEXT)), :wanted))"
    return _people(connection, part if wanted else "", app, wanted.lower(), after, top)


def _people(
    connection: sqlite3.Connection, chosen: str, app: App, wanted: str, after: str, top: int
) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT source, guid, modified, attributes FROM link JOIN user ON user.id = link.user"  # noqa: S608 - own words
        f" WHERE app = :app AND source > :after{chosen} ORDER BY source LIMIT :top",
        {"app": app.id, "after": after, "wanted": wanted, "top": top},
    )
    return [
        {"source": source, "guid": guid, "modified": modified, "attributes": orjson.loads(attributes)}
        for source, guid, modified, attributes in rows
    ]


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
