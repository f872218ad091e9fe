"""The provisioning service: matches the people of one request, writes them to a directory, says what it did.

``https://learn.microsoft.com/entra/identity/app-provisioning/how-provisioning-works``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import uuid4

from scimport.sandbox import clock
from scimport.sandbox.attributes import AD, EntryError, Target, distinguished_name
from scimport.sandbox.bulk import User
from scimport.sandbox.directory import Directory, Person
from scimport.sandbox.flow import World, flow, matching_value
from scimport.sandbox.mappings import AttributeMapping, ObjectMapping
from scimport.sandbox.paths import Absence
from scimport.sandbox.settings import Settings
from scimport.sandbox.values import EvaluationError, Scope

Change = tuple[str, Any, Any]
REDACTED = "[Redact]"


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
        scope: What the clauses of the scoping filters came to.
        out: Whether the person is out of scope.
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
    scope: dict[str, bool] = field(default_factory=dict)
    out: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What one request is processed by.

    Attributes:
        app: Row of the app.
        target: The directory.
        mapping: The job's mappings.
        container: Distinguished name of the container for new users; empty in Entra ID.
        skip_out_of_scope: Whether a person who leaves the scope is left alone.
        deletes_left: Disables that may still be done; None for any number.
    """

    app: int
    target: Target
    mapping: ObjectMapping
    container: str = ""
    skip_out_of_scope: bool = False
    deletes_left: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What processing one request came to: an entry for each operation, in order.

    Attributes:
        entries: What became of each person.
        execution: The task execution as a job shows it (synchronizationTaskExecution).
        linked: How many people the app has more than before.
        milliseconds: How long it took, for each operation.
        disabled: How many were disabled.
        staged: Places of those whose disabling waits for somebody to allow it.
    """

    entries: tuple[Entry, ...]
    execution: dict[str, Any]
    linked: int
    milliseconds: int
    disabled: int
    staged: tuple[int, ...]


def process(
    connection: sqlite3.Connection, task: Task, users: Sequence[User], settings: Settings, at: int
) -> Work:
    """Provision the users of one request.

    Args:
        connection: The database, in a transaction.
        task: What they are processed by.
        users: The SCIM users, as received.
        settings: The tenant's choices.
        at: The time it happens, in microseconds.
    """
    began = monotonic()
    batch = _Batch(connection, task, settings, at)
    entries = batch.run(users)
    if task.mapping.redacted:
        for entry in entries:
            _redact(entry, task.mapping.redacted)
    took = monotonic() - began
    execution = _execution(entries, at, at + round(took * clock.SECOND))
    return Work(
        entries=entries,
        execution=execution,
        linked=batch.directory.linked,
        milliseconds=max(1, round(took * 1000 / len(users))),
        disabled=sum(entry.action == "disable" and entry.status == "success" for entry in entries),
        staged=tuple(place for place, entry in enumerate(entries) if entry.action == "stageddelete"),
    )


@dataclass(frozen=True, slots=True)
class _Late:
    """A reference to look at again once everybody of the request is there."""

    entry: Entry
    person: Person
    attribute: str
    source: str


class _Batch:
    """One request on its way through the service."""

    def __init__(self, connection: sqlite3.Connection, task: Task, settings: Settings, at: int) -> None:
        self._task = task
        self._target = task.target
        self._settings = settings
        self._at = at
        self._seen: set[str] = set()
        self._late: list[_Late] = []
        self._deletes_left = task.deletes_left
        self.directory = Directory(connection, task.app, task.target)
        moment = datetime.fromtimestamp(at / clock.SECOND, UTC)
        scope = Scope(settings.default_domain, settings.null_condition, lambda: moment)
        self._world = World(task.target, settings, scope, self.directory.is_taken)

    def run(self, users: Sequence[User]) -> tuple[Entry, ...]:
        """Users first, references to people further down the request after them."""
        self.directory.load(_text(user.get("externalId")) for user in users)
        entries = tuple(self._entry(user) for user in users)
        for late in self._late:
            self._resolve_late(late)
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
        source, mapping = entry.source, self._task.mapping
        if source in self._seen and self._settings.repeated_external_id == "fail":
            raise EntryError(
                "DuplicateSourceEntries", "Several entries of the source have the same matching value."
            )
        self._seen.add(source)
        person = self._match(source, user)
        if person:
            entry.imported, entry.action, entry.guid = "Update", "update", person.guid
        if not self._is_in_scope(entry, user):
            self._leave(entry, person)
        elif person and mapping.updates:
            self._update(entry, person, user)
        elif mapping.adds and not person:
            self._create(entry, user)
        else:
            entry.action, entry.status = "other", "skipped"

    def _match(self, source: str, user: User) -> Person | None:
        """The user of the directory who a person is: linked before, or found by a matching attribute.

        Raises:
            EntryError: when the person has nothing to match by, or several users match.
        """
        if not source:
            raise _nothing_to_match()
        if linked := self.directory.linked_person(source):
            return linked
        values = [(line, matching_value(line, user, self._world)) for line in self._task.mapping.matching]
        if not any(value for _, value in values):
            raise _nothing_to_match()
        for line, value in values:
            if value and (found := self.directory.find(line.target, value)):
                if len(found) > 1:
                    raise EntryError(
                        "DuplicateTargetEntries", "More than one entry of the target system matches."
                    )
                return found[0]
        return None

    def _is_in_scope(self, entry: Entry, user: User) -> bool:
        try:
            inside, entry.scope = self._task.mapping.scope.evaluate(user)
        except EvaluationError as error:
            raise EntryError(self._settings.function_error, f"Scoping filter: {error.reason}") from error
        entry.out = not inside
        return inside

    def _leave(self, entry: Entry, person: Person | None) -> None:
        """Skip a person out of scope; one who is in the directory is disabled."""
        flag, enabled = self._target.enabled
        skips = self._task.skip_out_of_scope or not self._task.mapping.deletes
        if person is None or skips or person.attributes.get(flag) != enabled:
            entry.action, entry.status = "other", "skipped"
            return
        if self._may_disable(entry):
            entry.action, entry.changes = "disable", [(flag, enabled, not enabled)]
            person.attributes = {**person.attributes, flag: not enabled}
            self.directory.update(person, self._at)

    def _may_disable(self, entry: Entry) -> bool:
        """Whether the threshold of accidental deletions lets one more pass; else it is staged.

        ``https://learn.microsoft.com/entra/identity/app-provisioning/accidental-deletions``
        """
        if self._deletes_left is None:
            return True
        if self._deletes_left > 0:
            self._deletes_left -= 1
            return True
        entry.action, entry.status, entry.changes = "stageddelete", "skipped", []
        return False

    def _create(self, entry: Entry, user: User) -> None:
        mapping, target = self._task.mapping, self._target
        values = flow(mapping, user, None, self._world)
        values.setdefault(*target.enabled)
        late = self._references(values, user, None)
        if missing := [name for name in target.required if name not in values]:
            raise EntryError("MandatoryFieldsMissing", f"Missing: {', '.join(missing)}.")
        self._place(values, {})
        target.check(values, self._settings)
        # Names that were chosen for being free need no second look.
        chosen = {line.target for line in mapping.mappings if line.selects}
        self._check_names({name: value for name, value in values.items() if name not in chosen}, None)
        person = self.directory.add(values, self._at)
        entry.guid = person.guid
        entry.changes = [(name, None, value) for name, value in values.items()]
        self._finish(entry, person, user, late)

    def _update(self, entry: Entry, person: Person, user: User) -> None:
        old = person.attributes
        values = flow(self._task.mapping, user, old, self._world)
        late = self._references(values, user, person)
        self._place(values, old)
        changes = [(name, old.get(name), value) for name, value in values.items() if old.get(name) != value]
        flag, enabled = self._target.enabled
        if (flag, enabled, not enabled) in changes:
            entry.action = "disable"
            if not self._may_disable(entry):
                return
        if changes:
            entry.changes = changes
            changed = {name: value for name, _, value in changes}
            self._target.check(changed, self._settings)
            self._check_names(changed, person)
            merged = {**old, **values}
            person.attributes = {name: value for name, value in merged.items() if value is not None}
            self.directory.update(person, self._at)
        else:
            entry.action, entry.status = "other", "skipped"
        self._finish(entry, person, user, late)

    def _finish(self, entry: Entry, person: Person, user: User, late: dict[str, str]) -> None:
        self.directory.link(entry.source, person, user)
        self._late += [_Late(entry, person, attribute, source) for attribute, source in late.items()]

    def _place(self, values: dict[str, Any], old: Mapping[str, Any]) -> None:
        """The distinguished name in Active Directory: of the common name and the container."""
        if self._target is not AD or (old and not {"cn", "parentDistinguishedName"} & values.keys()):
            return
        parent = values.get("parentDistinguishedName") or old.get("parentDistinguishedName")
        values["parentDistinguishedName"] = parent or self._task.container
        name = values.get("cn") or old.get("cn", "")
        values["distinguishedName"] = distinguished_name(name, values["parentDistinguishedName"])

    def _references(self, values: dict[str, Any], user: User, person: Person | None) -> dict[str, str]:
        """Add the references to the values; returns those to people who are not there yet, by attribute."""
        late: dict[str, str] = {}
        for line in self._task.mapping.references:
            if line.direct is None or (line.on_create and person):
                continue
            found = line.direct(user)
            source = found.get("value", Absence.OMITTED) if isinstance(found, dict) else found
            if isinstance(source, str) and source:
                if other := self.directory.resolve(source):
                    values[line.target] = self._pointer(other)
                else:
                    late[line.target] = source
            elif person and self._clears(line, source) and line.target in person.attributes:
                values[line.target] = None
        return late

    def _clears(self, line: AttributeMapping, source: object) -> bool:
        return (line.flows_null or self._settings.flow_nulls) and source is not Absence.OUTSIDE

    def _pointer(self, person: Person) -> str:
        """What a reference to a user holds: the object id, or the distinguished name."""
        return str(person.attributes.get(self._target.reference, person.guid))

    def _check_names(self, values: Mapping[str, Any], person: Person | None) -> None:
        """Refuse a name that another user has: nothing checks it before the directory does."""
        for name in self._target.unique:
            value = values.get(name)
            if value is not None and self.directory.is_taken(name, value, person):
                raise EntryError("EntryConflict", f"Another object has the same value for property {name}.")

    def _resolve_late(self, late: _Late) -> None:
        """Look again for a manager who was not there in the first pass, but may follow in the request."""
        entry, person, name = late.entry, late.person, late.attribute
        found = self.directory.resolve(late.source)
        if found is None:
            entry.unresolved = late.source
        elif person.attributes.get(name) != (pointer := self._pointer(found)):
            entry.changes.append((name, person.attributes.get(name), pointer))
            person.attributes[name] = pointer
            self.directory.update(person, self._at)
            if entry.action == "other":
                entry.action, entry.status = "update", "success"


def _redact(entry: Entry, attributes: Collection[str]) -> None:
    """Hide the values of attributes that the log must not show."""
    entry.changes = [
        (name, old and REDACTED, new and REDACTED) if name in attributes else (name, old, new)
        for name, old, new in entry.changes
    ]


def _nothing_to_match() -> EntryError:
    return EntryError("ImportSkipped", "The matching attribute is missing in the source.", "skipped")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _execution(entries: tuple[Entry, ...], began: int, ended: int) -> dict[str, Any]:
    """The counts of Graph's synchronizationTaskExecution."""
    failures = sum(entry.status == "failure" for entry in entries)
    exports = sum(entry.action != "other" and entry.status != "skipped" for entry in entries)
    entitled = sum(not entry.out for entry in entries)
    return {
        "activityIdentifier": str(uuid4()),
        "state": "EntryLevelErrors" if failures else "Succeeded",
        "timeBegan": clock.iso(began),
        "timeEnded": clock.iso(ended),
        "countEntitled": entitled,
        "countEntitledForProvisioning": entitled,
        "countEscrowed": failures,
        "countEscrowedRaw": failures,
        "countExported": exports - failures,
        "countExports": exports,
        "countImported": len(entries),
        "countImportedDeltas": len(entries),
        "countImportedReferenceDeltas": sum(bool(entry.unresolved) for entry in entries),
        "error": None,
    }
