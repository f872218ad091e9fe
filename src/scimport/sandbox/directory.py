"""A directory of the tenant, Entra ID or Active Directory: its users, and which person of an app each is."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from scimport.sandbox.attributes import COLUMNS, Target
from scimport.sandbox.bulk import User


@dataclass(slots=True)
class Person:
    """A user of a directory.

    Attributes:
        id: Row in the database.
        guid: Object id.
        attributes: Values by attribute of the directory.
    """

    id: int
    guid: str
    attributes: dict[str, Any]


class Directory:
    """The directory of one app, as it looks in one transaction.

    Args:
        connection: The database, in a transaction.
        app: Row of the app.
        target: Its kind; apps of one kind share one directory.
    """

    def __init__(self, connection: sqlite3.Connection, app: int, target: Target) -> None:
        self._connection = connection
        self._app = app
        self._target = target
        self._people: dict[str, Person] = {}
        self._matches: dict[str, list[Person]] = {}
        self._known: set[str] = set()
        self._links: dict[str, tuple[int, bytes]] = {}
        self._references: dict[str, Person] = {}

    @property
    def linked(self) -> int:
        """How many people were linked who were not before."""
        return sum(source not in self._known for source in self._links)

    def load(self, sources: Iterable[str]) -> None:
        """Look many people up at once: by the link that provisioning left, else by the matching attribute."""
        wanted = set(sources)
        linked = self._connection.execute(
            "SELECT source, user.id, guid, attributes FROM link JOIN user ON user.id = link.user"  # noqa: S608 - marks
            f" WHERE app = ? AND source IN ({_marks(wanted)})",
            (self._app, *wanted),
        )
        self._people = {row[0]: _person(row) for row in linked}
        self._known = set(self._people)
        if fresh := {source.casefold() for source in wanted - self._known}:
            self._matches = {source: [] for source in fresh}
            rows = self._connection.execute(
                "SELECT match, id, guid, attributes FROM user"  # noqa: S608 - marks
                f" WHERE directory = ? AND match IN ({_marks(fresh)})",
                (self._target.template, *fresh),
            )
            for row in rows:
                self._matches[row[0]].append(_person(row))

    def linked_person(self, source: str) -> Person | None:
        """The user whom this app has linked to a loaded person."""
        return self._people.get(source)

    def find(self, attribute: str, value: str) -> list[Person]:
        """The users who have a value, without regard to case; of many the first two."""
        column = self._target.columns.get(attribute)
        if column == "match" and value.casefold() in self._matches:
            return self._matches[value.casefold()]
        where, parameters = self._where(attribute, value)
        rows = self._connection.execute(
            f"SELECT '', id, guid, attributes FROM user WHERE {where} LIMIT 2",  # noqa: S608 - own words
            parameters,
        )
        return [_person(row) for row in rows]

    def _where(self, attribute: str, value: str) -> tuple[str, tuple[str, ...]]:
        """The condition for users who have a value; an attribute without a column is looked for in all."""
        column = self._target.columns.get(attribute)
        if column:
            return f"directory = ? AND {column} = ?", (self._target.template, value.casefold())
        path = f'$."{attribute}"'
        return "directory = ? AND lower(CAST(attributes AS TEXT) ->> ?) = ?", (
            self._target.template,
            path,
            value.lower(),
        )

    def resolve(self, source: str) -> Person | None:
        """The user whom this app has provisioned for a person, loaded or not: what references point to."""
        if source in self._links or source in self._known:
            return self._people[source]
        if source in self._references:
            return self._references[source]
        row = self._connection.execute(
            "SELECT source, user.id, guid, attributes FROM link JOIN user ON user.id = link.user"
            " WHERE app = ? AND source = ?",
            (self._app, source),
        ).fetchone()
        if row is None:
            return None
        self._references[source] = person = _person(row)
        return person

    def is_taken(self, attribute: str, value: str, person: Person | None = None) -> bool:
        """Whether another user has a value."""
        where, parameters = self._where(attribute, value)
        row = self._connection.execute(
            f"SELECT 1 FROM user WHERE {where} AND id <> ?",  # noqa: S608 - own words
            (*parameters, person.id if person else 0),
        ).fetchone()
        return row is not None

    def add(self, attributes: dict[str, Any], at: int) -> Person:
        """Create a user."""
        guid, names = str(uuid4()), self._names(attributes)
        row = self._connection.execute(
            f"INSERT INTO user (directory, guid, {', '.join(COLUMNS)}, created, modified, attributes)"  # noqa: S608 - own words
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._target.template, guid, *names, at, at, orjson.dumps(attributes)),
        ).lastrowid
        person = Person(row or 0, guid, attributes)
        if (match := names[0] or "") in self._matches:
            self._matches[match].append(person)
        return person

    def update(self, person: Person, at: int) -> None:
        """Write the changed attributes of a user."""
        self._connection.execute(
            f"UPDATE user SET {' = ?, '.join(COLUMNS)} = ?, modified = ?, attributes = ? WHERE id = ?",  # noqa: S608 - own words
            (*self._names(person.attributes), at, orjson.dumps(person.attributes), person.id),
        )

    def link(self, source: str, person: Person, user: User) -> None:
        """Remember which user a person is, and what was received last."""
        self._people[source] = person
        self._links[source] = (person.id, orjson.dumps(user))

    def close(self) -> None:
        """Write the links."""
        self._connection.executemany(
            "INSERT INTO link (app, source, user, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (app, source) DO UPDATE SET user = excluded.user, body = excluded.body",
            ((self._app, source, user, body) for source, (user, body) in self._links.items()),
        )

    def _names(self, attributes: Mapping[str, Any]) -> tuple[str | None, ...]:
        """The values of the columns, without regard to case."""
        values = {
            column: str(attributes[name]).casefold()
            for name, column in self._target.columns.items()
            if attributes.get(name) is not None
        }
        return tuple(values.get(column) for column in COLUMNS)


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _person(row: tuple[str, int, str, bytes]) -> Person:
    return Person(row[1], row[2], orjson.loads(row[3]))
