"""The provisioning apps of the tenant, and the synchronization job of each."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from scimport.sandbox import clock, job_settings, principals, schemas
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.engine import Work
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.job_settings import JobSettings
from scimport.sandbox.principals import Principal
from scimport.sandbox.schemas import Schema
from scimport.sandbox.settings import Settings

_COLUMNS = (
    "id, job, principal, application, name, target, state, quarantine IS NOT NULL, queued, last_due, cycle,"
    " cycle_ends"
)


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
        quarantined: Whether the job is in quarantine.
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
    quarantined: int
    queued: int
    last_due: int
    cycle: str
    cycle_ends: int

    @property
    def runs(self) -> bool:
        """Whether the job processes what is uploaded."""
        return self.state == "Active" and not self.quarantined


def create(
    connection: sqlite3.Connection, tenant: str, name: str, target: str, settings: Settings, at: int
) -> App:
    """The app of a name; a new one is made, set up and its job started.

    Raises:
        GraphError: 400 for an unknown target or no name; 409 when the name has another target.
    """
    if not name.strip():
        raise invalid("name must not be empty.")
    if target not in TARGETS:
        raise invalid(f"target must be one of {', '.join(TARGETS)}.")
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM app WHERE name = ? AND NOT deleted ORDER BY id",  # noqa: S608 - own words
        (name,),
    ).fetchone()
    if row is None:
        secrets = {job_settings.NOTIFICATION: job_settings.notification("sandbox@acme.example")}
        if target == "on-premises-ad":
            secrets |= {
                job_settings.DOMAIN: settings.ad_domain,
                job_settings.CONTAINER: settings.default_ou,
            }
        template = principals.template_id(tenant, target)
        made = principals.new(name, at, template=template, target=target, secrets=secrets)
        principal = principals.add(connection, made)
        return add_job(connection, tenant, principal, at, state="Active")
    app = App(*row)
    if app.target != target:
        raise GraphError(409, Reason.CONFLICT, f"The app exists already, with the target {app.target}.")
    return app


def add_job(
    connection: sqlite3.Connection, tenant: str, principal: Principal, at: int, state: str = "Disabled"
) -> App:
    """Give a provisioning app a job."""
    job = f"{TARGETS[principal.target].template}.{tenant.replace('-', '')}.{uuid4()}"
    connection.execute(
        "INSERT INTO app (job, principal, application, name, target, state, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job, principal.id, principal.application, principal.name, principal.target, state, at),
    )
    return find(connection, job)


def delete(connection: sqlite3.Connection, app: App) -> None:
    """Delete a job with its queue and its links; its entries in the log stay."""
    connection.execute("DELETE FROM queue WHERE app = ?", (app.id,))
    connection.execute("DELETE FROM link WHERE app = ?", (app.id,))
    connection.execute("UPDATE app SET deleted = 1, queued = 0, state = 'Disabled' WHERE id = ?", (app.id,))


def of_principal(connection: sqlite3.Connection, principal: str) -> list[App]:
    """The jobs of a service principal, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM app WHERE principal = ? AND NOT deleted ORDER BY id",  # noqa: S608 - own words
        (principal,),
    )
    return [App(*row) for row in rows]


def schema(connection: sqlite3.Connection, app: App, settings: Settings) -> Schema:
    """The job's synchronizationSchema: its own, or the default."""
    row = connection.execute("SELECT schema FROM app WHERE id = ?", (app.id,)).fetchone()
    return orjson.loads(row[0]) if row[0] else schemas.default(app.target, app.job, settings.ad_domain)


def replace_schema(connection: sqlite3.Connection, app: App, replacement: Schema | None) -> None:
    """Replace the job's schema; None for the default."""
    content = None if replacement is None else orjson.dumps({**replacement, "id": app.job})
    connection.execute("UPDATE app SET schema = ? WHERE id = ?", (content, app.id))


def job_settings_of(connection: sqlite3.Connection, app: App) -> JobSettings:
    """What the job is set to, by the secrets of its service principal."""
    row = connection.execute("SELECT secrets FROM principal WHERE id = ?", (app.principal,)).fetchone()
    return job_settings.read_settings(orjson.loads(row[0]))


def replace_settings(connection: sqlite3.Connection, app: App, pairs: Sequence[Mapping[str, Any]]) -> None:
    """Replace ``synchronizationJobSettings``."""
    connection.execute("UPDATE app SET settings = ? WHERE id = ?", (orjson.dumps(pairs), app.id))


def listing(connection: sqlite3.Connection) -> list[App]:
    """All apps, oldest first."""
    query = f"SELECT {_COLUMNS} FROM app WHERE NOT deleted ORDER BY id"  # noqa: S608 - own words
    return [App(*row) for row in connection.execute(query)]


def find(connection: sqlite3.Connection, job: str, principal: str | None = None) -> App:
    """The app of a job.

    Raises:
        GraphError: 404, when there is no such job, or it is another service principal's.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM app WHERE job = ? AND NOT deleted", (job,)).fetchone()  # noqa: S608 - own words
    app = App(*row) if row else None
    if app is not None and principal in (None, app.principal):
        return app
    raise GraphError(404, Reason.UNKNOWN_JOB, f"The synchronization job '{job}' does not exist.")


def record(
    connection: sqlite3.Connection, app: App, work: Work, cycle: str, cycle_ends: int, at: int
) -> None:
    """Keep what processing one request came to."""
    outcomes = Counter("failure" if entry.status == "failure" else entry.action for entry in work.entries)
    connection.executemany(
        "INSERT INTO tally (app, outcome, entries) VALUES (?, ?, ?)"
        " ON CONFLICT (app, outcome) DO UPDATE SET entries = entries + excluded.entries",
        [(app.id, outcome, entries) for outcome, entries in outcomes.items()],
    )
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
    names = (
        "last_execution, last_success, last_export, steady_first, steady_last, linked, quarantine, settings"
    )
    row = connection.execute(f"SELECT {names} FROM app WHERE id = ?", (app.id,)).fetchone()  # noqa: S608 - own words
    last, success, export = (orjson.loads(value) if value else None for value in row[:3])
    first_steady, last_steady = (clock.iso(value) if value else "0001-01-01T00:00:00Z" for value in row[3:5])
    codes = {"Active": "Active" if last else "NotRun", "Paused": "Paused", "Disabled": settings.new_job}
    code = "Quarantine" if app.quarantined and app.state == "Active" else codes[app.state]
    return {
        "id": app.job,
        "templateId": TARGETS[app.target].template,
        "schedule": {"expiration": None, "interval": settings.job_interval, "state": app.state},
        "status": {
            "code": code,
            "countSuccessiveCompleteFailures": 0,
            "escrowsPruned": False,
            "lastExecution": last,
            "lastSuccessfulExecution": success,
            "lastSuccessfulExecutionWithExports": export,
            "progress": [],
            "quarantine": _quarantine(row[6]),
            "steadyStateFirstAchievedTime": first_steady,
            "steadyStateLastAchievedTime": last_steady,
            "synchronizedEntryCountByType": [{"key": "User to User", "value": row[5]}],
            "troubleshootingUrl": None,
        },
        "synchronizationJobSettings": orjson.loads(row[7]) if row[7] else [],
    }


def _quarantine(content: str | None) -> dict[str, Any] | None:
    """The quarantine as Graph shows it (synchronizationQuarantine)."""
    if content is None:
        return None
    state = orjson.loads(content)
    return {
        "currentBegan": clock.iso(state["began"]),
        "nextAttempt": clock.iso(state["next"]),
        "reason": state["reason"],
        "seriesBegan": clock.iso(state["series"]),
        "seriesCount": state["count"],
        "error": {"code": state["code"], "message": state["message"], "tenantActionable": True},
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
