"""A directory of the tenant, Entra ID or Active Directory: its users, and which person of an app each is."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from scimport.sandbox.attributes import EntryError, Target
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
        self._ambiguous: set[str] = set()
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
        if fresh := wanted - self._known:
            self._match(fresh)

    def _match(self, sources: Collection[str]) -> None:
        """Match people who have no link yet."""
        rows = self._connection.execute(
            "SELECT match, id, guid, attributes FROM user"  # noqa: S608 - marks
            f" WHERE directory = ? AND match IN ({_marks(sources)})",
            (self._target.template, *sources),
        )
        for row in rows:
            if row[0] in self._people:
                self._ambiguous.add(row[0])
            self._people[row[0]] = _person(row)

    def find(self, source: str) -> Person | None:
        """The user who is a loaded person.

        Raises:
            EntryError: when several users have the matching value.
        """
        if source in self._ambiguous:
            raise EntryError("DuplicateTargetEntries", "More than one entry of the target system matches.")
        return self._people.get(source)

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

    def is_taken(self, column: str, value: str, person: Person | None = None) -> bool:
        """Whether another user has a unique name; ``column`` is one of ``Target.names``."""
        row = self._connection.execute(
            f"SELECT 1 FROM user WHERE directory = ? AND {column} = ? AND id <> ?",  # noqa: S608 - one of three constants
            (self._target.template, value.casefold(), person.id if person else 0),
        ).fetchone()
        return row is not None

    def add(self, source: str, attributes: dict[str, Any], at: int) -> Person:
        """Create a user."""
        guid = str(uuid4())
        names = self._names(attributes)
        row = self._connection.execute(
            "INSERT INTO user (directory, guid, match, upn, account, dn, created, modified, attributes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._target.template,
                guid,
                source,
                names.get("upn"),
                names.get("account"),
                names.get("dn"),
                at,
                at,
                orjson.dumps(attributes),
            ),
        ).lastrowid
        self._people[source] = person = Person(row or 0, guid, attributes)
        return person

    def update(self, person: Person, at: int) -> None:
        """Write the changed attributes of a user."""
        names = self._names(person.attributes)
        self._connection.execute(
            "UPDATE user SET upn = ?, account = ?, dn = ?, modified = ?, attributes = ? WHERE id = ?",
            (
                names.get("upn"),
                names.get("account"),
                names.get("dn"),
                at,
                orjson.dumps(person.attributes),
                person.id,
            ),
        )

    def link(self, source: str, person: Person, user: User) -> None:
        """Remember which user a person is, and what was received last."""
        self._links[source] = (person.id, orjson.dumps(user))

    def close(self) -> None:
        """Write the links."""
        self._connection.executemany(
            "INSERT INTO link (app, source, user, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (app, source) DO UPDATE SET user = excluded.user, body = excluded.body",
            ((self._app, source, user, body) for source, (user, body) in self._links.items()),
        )

    def _names(self, attributes: dict[str, Any]) -> dict[str, str]:
        """The values that must be unique, by column."""
        return {
            column: attributes[name].casefold()
            for column, name in self._target.names
            if attributes.get(name) is not None
        }


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _person(row: tuple[str, int, str, bytes]) -> Person:
    return Person(row[1], row[2], orjson.loads(row[3]))
