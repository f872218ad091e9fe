"""The provisioning apps of the tenant, and the synchronization job of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from scimport.sandbox import clock
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.engine import Work
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.settings import Settings

_COLUMNS = "id, job, principal, application, name, target, state, queued, last_due, cycle, cycle_ends"


@dataclass(frozen=True, slots=True)
class App:
    """A provisioning app.

    Attributes:
        id: Row in the database.
        job: Id of its job.
        principal: Object id of its service principal.
        application: Its application (client) id.
        name: Display name.
        target: ``entra-id`` or ``on-premises-ad``.
        state: State of the job's schedule: ``Active``, ``Paused`` or ``Disabled`` (never started).
        queued: Operations that wait in the bucket.
        last_due: When the last of them will have been processed, before rounding to cycles.
        cycle: Id of the last cycle.
        cycle_ends: When that ends.
    """

    id: int
    job: str
    principal: str
    application: str
    name: str
    target: str
    state: str
    queued: int
    last_due: int
    cycle: str
    cycle_ends: int


def create(connection: sqlite3.Connection, tenant: str, name: str, target: str, at: int) -> App:
    """The app of a name; a new one is created, and its job started.

    Raises:
        GraphError: 400 for an unknown target or no name; 409 when the name has another target.
    """
    if not name.strip():
        raise invalid("name must not be empty.")
    if target not in TARGETS:
        raise invalid(f"target must be one of {', '.join(TARGETS)}.")
    job = f"{TARGETS[target].template}.{tenant.replace('-', '')}.{uuid4()}"
    connection.execute(
        "INSERT INTO app (job, principal, application, name, target, state, created)"
        " VALUES (?, ?, ?, ?, ?, 'Active', ?) ON CONFLICT (name) DO NOTHING",
        (job, str(uuid4()), str(uuid4()), name, target, at),
    )
    app = App(*connection.execute(f"SELECT {_COLUMNS} FROM app WHERE name = ?", (name,)).fetchone())  # noqa: S608 - own words
    if app.target != target:
        raise GraphError(409, Reason.INVALID, f"The app exists already, with the target {app.target}.")
    return app


def listing(connection: sqlite3.Connection) -> list[App]:
    """All apps, oldest first."""
    return [App(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM app ORDER BY id")]  # noqa: S608 - own words


def find(connection: sqlite3.Connection, job: str, principal: str | None = None) -> App:
    """The app of a job.

    Raises:
        GraphError: 404, when there is no such job, or the service principal is not its own.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM app WHERE job = ?", (job,)).fetchone()  # noqa: S608 - own words
    app = App(*row) if row else None
    if app is not None and principal in (None, app.principal):
        return app
    known = connection.execute("SELECT 1 FROM app WHERE principal = ?", (principal,)).fetchone()
    if principal is not None and not known:
        message = (
            f"Resource '{principal}' does not exist or one of its queried reference-property objects"
            " are not present."
        )
        raise GraphError(404, Reason.UNKNOWN_PRINCIPAL, message)
    raise GraphError(404, Reason.UNKNOWN_JOB, f"The synchronization job '{job}' does not exist.")


def set_state(connection: sqlite3.Connection, app: App, state: str) -> None:
    """Start (``Active``) or pause (``Paused``) the job; what waits in its bucket is kept."""
    connection.execute("UPDATE app SET state = ? WHERE id = ?", (state, app.id))


def record(
    connection: sqlite3.Connection, app: App, work: Work, cycle: str, cycle_ends: int, at: int
) -> None:
    """Keep what processing one request came to."""
    execution = orjson.dumps(work.execution)
    succeeded = execution if work.execution["state"] == "Succeeded" else None
    exported = execution if succeeded and work.execution["countExports"] else None
    connection.execute(
        "UPDATE app SET last_execution = ?, last_success = coalesce(?, last_success),"
        " last_export = coalesce(?, last_export), linked = linked + ?, cycle = ?, cycle_ends = ?,"
        " steady_first = coalesce(steady_first, ?), steady_last = ? WHERE id = ?",
        (execution, succeeded, exported, work.linked, cycle, cycle_ends, at, at, app.id),
    )


def synchronization_job(connection: sqlite3.Connection, app: App, settings: Settings) -> dict[str, Any]:
    """The job as Graph shows it (https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob)."""
    names = "last_execution, last_success, last_export, steady_first, steady_last, linked"
    row = connection.execute(f"SELECT {names} FROM app WHERE id = ?", (app.id,)).fetchone()  # noqa: S608 - own words
    last, success, export = (orjson.loads(value) if value else None for value in row[:3])
    first_steady, last_steady = (clock.iso(value) if value else "0001-01-01T00:00:00Z" for value in row[3:5])
    codes = {"Active": "Active" if last else "NotRun", "Paused": "Paused"}
    return {
        "id": app.job,
        "templateId": TARGETS[app.target].template,
        "schedule": {"expiration": None, "interval": settings.job_interval, "state": app.state},
        "status": {
            "code": codes.get(app.state, "NotConfigured"),
            "countSuccessiveCompleteFailures": 0,
            "escrowsPruned": False,
            "lastExecution": last,
            "lastSuccessfulExecution": success,
            "lastSuccessfulExecutionWithExports": export,
            "progress": [],
            "quarantine": None,
            "steadyStateFirstAchievedTime": first_steady,
            "steadyStateLastAchievedTime": last_steady,
            "synchronizedEntryCountByType": [{"key": "User to User", "value": row[5]}],
            "troubleshootingUrl": None,
        },
        "synchronizationJobSettings": [],
    }


def people(
    connection: sqlite3.Connection, app: App, after: str, top: int, only: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """People of an app by ``externalId``, each with the user of the directory and what was received last.

    Args:
        connection: The database.
        app: The app.
        after: The last ``externalId`` of the page before; empty for the first page.
        top: People of a page.
        only: Values of ``externalId`` to look up; empty for all.
    """
    wanted = list(only)
    chosen = " AND source IN (SELECT value FROM json_each(?))" if wanted else ""
    rows = connection.execute(
        "SELECT source, guid, created, modified, attributes, body FROM link JOIN user ON user.id = link.user"  # noqa: S608 - own words
        f" WHERE app = ? AND source > ?{chosen} ORDER BY source LIMIT ?",
        (app.id, after, *([orjson.dumps(wanted).decode()] if wanted else []), top),
    )
    return [
        {
            "externalId": source,
            "id": guid,
            "created": clock.iso(created),
            "modified": clock.iso(modified),
            "attributes": orjson.loads(attributes),
            "received": orjson.loads(body),
        }
        for source, guid, created, modified, attributes, body in rows
    ]
