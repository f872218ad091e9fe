"""The provisioning service: matches the people of one request, writes them to a directory, says what it did.

``https://learn.microsoft.com/entra/identity/app-provisioning/how-provisioning-works``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

from scimport.sandbox import clock
from scimport.sandbox.attributes import ENTRA, TARGETS, Absence, Context, EntryError, flow, manager_of
from scimport.sandbox.bulk import User
from scimport.sandbox.directory import Directory, Person
from scimport.sandbox.settings import Settings

Change = tuple[str, Any, Any]


@dataclass(slots=True)
class Entry:
    """What became of one person.

    Attributes:
        source: ``externalId``; empty when there is none.
        name: ``displayName``.
        active: ``active`` as it was received.
        imported: ``Add`` or ``Update``.
        action: ``provisioningAction`` of the log.
        status: ``success``, ``failure`` or ``skipped``.
        code: Error code of the log, or empty.
        reason: Words that go with it.
        guid: Object id of the user in the directory, or empty.
        changes: Attribute, old value and new value.
        unresolved: ``externalId`` of a manager who is not there.
    """

    source: str
    name: str
    active: str
    imported: str = "Add"
    action: str = "create"
    status: str = "success"
    code: str = ""
    reason: str = ""
    guid: str = ""
    changes: list[Change] = field(default_factory=list)
    unresolved: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What processing one request came to: an entry for each operation, in order.

    Attributes:
        entries: What became of each person.
        execution: The task execution as a job shows it (synchronizationTaskExecution).
        linked: How many people the app has more than before.
        milliseconds: How long it took, for each operation.
    """

    entries: tuple[Entry, ...]
    execution: dict[str, Any]
    linked: int
    milliseconds: int


def process(
    connection: sqlite3.Connection, app: int, target: str, users: Sequence[User], settings: Settings, at: int
) -> Work:
    """Provision the users of one request.

    Args:
        connection: The database, in a transaction.
        app: Row of the app.
        target: Its kind, a key of ``attributes.TARGETS``.
        users: The SCIM users, as received.
        settings: The tenant's choices.
        at: The time it happens, in microseconds.
    """
    began = monotonic()
    batch = _Batch(connection, app, target, settings, at)
    entries = batch.run(users)
    took = monotonic() - began
    execution = _execution(entries, at, at + round(took * clock.SECOND))
    return Work(entries, execution, batch.directory.linked, max(1, round(took * 1000 / len(users))))


class _Batch:
    """One request on its way through the service."""

    def __init__(
        self, connection: sqlite3.Connection, app: int, target: str, settings: Settings, at: int
    ) -> None:
        self._target = TARGETS[target]
        self._settings = settings
        self._at = at
        self._seen: set[str] = set()
        self._late: list[tuple[Entry, Person, str]] = []
        self.directory = Directory(connection, app, self._target)

    def run(self, users: Sequence[User]) -> tuple[Entry, ...]:
        """Users first, references to people further down the request after them."""
        self.directory.load(_text(user.get("externalId")) for user in users)
        entries = tuple(self._entry(user) for user in users)
        for entry, person, manager in self._late:
            self._resolve_late(entry, person, manager)
        self.directory.close()
        return entries

    def _entry(self, user: User) -> Entry:
        entry = Entry(
            _text(user.get("externalId")), _text(user.get("displayName")), _text(user.get("active"))
        )
        try:
            self._provision(entry, user)
        except EntryError as error:
            entry.status, entry.code, entry.reason = error.status, error.code, error.reason
        return entry

    def _provision(self, entry: Entry, user: User) -> None:
        """Create or update one user.

        Raises:
            EntryError: when the service does not write this entry.
        """
        source = entry.source
        if not source:
            raise EntryError("ImportSkipped", "The matching attribute is missing in the source.", "skipped")
        if source in self._seen and self._settings.repeated_external_id == "fail":
            raise EntryError(
                "DuplicateSourceEntries", "Several entries of the source have the same matching value."
            )
        self._seen.add(source)
        person = self.directory.find(source)
        if person:
            entry.imported, entry.action, entry.guid = "Update", "update", person.guid
        context = Context(self._settings, self.directory.is_taken, {})
        values = flow(self._target, user, person.attributes if person else None, context)
        manager = self._reference(values, user, person)
        person = self._update(entry, person, values) if person else self._create(entry, source, values)
        entry.guid = person.guid
        self.directory.link(source, person, user)
        if manager:
            self._late.append((entry, person, manager))

    def _reference(self, values: dict[str, Any], user: User, person: Person | None) -> str:
        """Add the manager to the values; returns the ``externalId`` of one who is not there yet."""
        manager = manager_of(user)
        if isinstance(manager, str) and manager:
            if found := self.directory.resolve(manager):
                values[self._target.reference[0]] = self._pointer(found)
                return ""
            return manager
        if self._settings.flow_nulls and person and manager is not Absence.OUTSIDE:
            values[self._target.reference[0]] = None
        return ""

    def _pointer(self, person: Person) -> str:
        """What a reference to a user holds: the object id, or the distinguished name."""
        return str(person.attributes.get(self._target.reference[1], person.guid))

    def _create(self, entry: Entry, source: str, values: dict[str, Any]) -> Person:
        values.setdefault(*self._target.enabled)
        if missing := [name for name in self._target.required if name not in values]:
            raise EntryError("MandatoryFieldsMissing", f"Missing: {', '.join(missing)}.")
        entry.changes = [(name, None, value) for name, value in values.items()]
        # Names that were chosen for being free need no second look.
        if self._target is ENTRA or not self._settings.number_names:
            self._check_names(values, None)
        return self.directory.add(source, values, self._at)

    def _update(self, entry: Entry, person: Person, values: dict[str, Any]) -> Person:
        old = person.attributes
        changes = [(name, old.get(name), value) for name, value in values.items() if old.get(name) != value]
        if not changes:
            entry.action, entry.status = "other", "skipped"
            return person
        flag, enabled = self._target.enabled
        if (flag, enabled, not enabled) in changes:
            entry.action = "disable"
        entry.changes = changes
        self._check_names({name: value for name, _, value in changes}, person)
        person.attributes = {name: value for name, value in {**old, **values}.items() if value is not None}
        self.directory.update(person, self._at)
        return person

    def _check_names(self, values: dict[str, Any], person: Person | None) -> None:
        """Refuse a name that another user has: nothing checks it before the directory does."""
        for column, name in self._target.names:
            value = values.get(name)
            if value is not None and self.directory.is_taken(column, value, person):
                raise EntryError("EntryConflict", f"Another object has the same value for property {name}.")

    def _resolve_late(self, entry: Entry, person: Person, manager: str) -> None:
        """Look again for a manager who was not there in the first pass, but may follow in the request."""
        found = self.directory.resolve(manager)
        name = self._target.reference[0]
        if found is None:
            entry.unresolved = manager
        elif person.attributes.get(name) != (pointer := self._pointer(found)):
            entry.changes.append((name, person.attributes.get(name), pointer))
            person.attributes[name] = pointer
            self.directory.update(person, self._at)
            if entry.action == "other":
                entry.action, entry.status = "update", "success"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _execution(entries: tuple[Entry, ...], began: int, ended: int) -> dict[str, Any]:
    """The counts of Graph's synchronizationTaskExecution."""
    failures = sum(entry.status == "failure" for entry in entries)
    exports = sum(entry.action != "other" and entry.status != "skipped" for entry in entries)
    return {
        "activityIdentifier": str(uuid4()),
        "state": "EntryLevelErrors" if failures else "Succeeded",
        "timeBegan": clock.iso(began),
        "timeEnded": clock.iso(ended),
        "countEntitled": len(entries),
        "countEntitledForProvisioning": len(entries),
        "countEscrowed": failures,
        "countEscrowedRaw": failures,
        "countExported": exports - failures,
        "countExports": exports,
        "countImported": len(entries),
        "countImportedDeltas": len(entries),
        "countImportedReferenceDeltas": sum(bool(entry.unresolved) for entry in entries),
        "error": None,
    }
