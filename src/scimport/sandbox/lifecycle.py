"""The life of a job: started, paused, restarted, put into quarantine, and let out of it.

``https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson

from scimport.sandbox import clock
from scimport.sandbox.apps import App
from scimport.sandbox.graph import invalid
from scimport.sandbox.job_settings import JobSettings
from scimport.sandbox.settings import Settings

SCOPES: Final = (
    *("None", "ConnectorDataStore", "Escrows", "Watermark", "QuarantineState", "Full", "ForceDeletes"),
)
DEFAULT_SCOPE: Final = frozenset({"Watermark", "Escrows", "QuarantineState"})

_HOUR = 3600 * clock.SECOND
_RETRIES = (6 * _HOUR, 12 * _HOUR, 24 * _HOUR)
_LIMIT = 28 * clock.DAY


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a job is in quarantine.

    Attributes:
        reason: quarantineReason, such as ``EncounteredQuarantineException``.
        code: Code of the error.
        message: Its words.
    """

    reason: str
    code: str
    message: str


NO_EMAIL: Final = Trouble(
    "EncounteredQuarantineException",
    "NotificationEmailMissing",
    "The job has no notification email. Set one in the settings of provisioning, and restart the job.",
)
NO_AGENT: Final = Trouble(
    "EncounteredQuarantineException",
    "HybridSynchronizationActiveDirectoryAgentInactive",
    "No active provisioning agent serves the domain.",
)
NO_DOMAIN: Final = Trouble(
    "EncounteredQuarantineException",
    "HybridSynchronizationActiveDirectoryDomainNotFound",
    "The Active Directory domain of the job does not exist: no provisioning agent has registered it.",
)


def start(connection: sqlite3.Connection, app: App, job: JobSettings, settings: Settings, at: int) -> None:
    """Start a job, or go on with it: a quarantine is cleared, unless there is no notification e-mail."""
    _set(connection, app, "Active")
    _check_email(connection, app, job, settings, at)


def pause(connection: sqlite3.Connection, app: App) -> None:
    """Pause a job: uploads are taken and wait. A job that was never started stays as it is."""
    if app.state != "Disabled":
        connection.execute("UPDATE app SET state = 'Paused' WHERE id = ?", (app.id,))


def restart(
    connection: sqlite3.Connection,
    app: App,
    scope: Collection[str],
    job: JobSettings,
    settings: Settings,
    at: int,
) -> None:
    """Restart a job: what was uploaded is kept when it runs, and purged when it does not.

    Args:
        connection: The database, in a transaction.
        app: The job's app.
        scope: What is forgotten, of :data:`SCOPES`.
        job: What the job is set to.
        settings: The tenant's choices.
        at: The present.
    """
    # "Allow deletes" lets those through that wait.
    if not app.runs and "ForceDeletes" not in scope:
        connection.execute("DELETE FROM queue WHERE app = ?", (app.id,))
        connection.execute("UPDATE app SET queued = 0, last_due = 0 WHERE id = ?", (app.id,))
    if not {"ConnectorDataStore", "Full"}.isdisjoint(scope):
        connection.execute("DELETE FROM link WHERE app = ?", (app.id,))
        connection.execute("UPDATE app SET linked = 0 WHERE id = ?", (app.id,))
    if not {"Escrows", "Full"}.isdisjoint(scope):
        connection.execute("DELETE FROM escrow WHERE app = ?", (app.id,))
        connection.execute("UPDATE app SET failing = 0, failing_references = 0 WHERE id = ?", (app.id,))
    if "ForceDeletes" in scope:
        connection.execute("UPDATE app SET deletes_allowed = 1 WHERE id = ?", (app.id,))
    if not {"QuarantineState", "Full", "ForceDeletes"}.isdisjoint(scope):
        _set(connection, app, "Active")
    else:
        connection.execute("UPDATE app SET state = 'Active' WHERE id = ?", (app.id,))
    _check_email(connection, app, job, settings, at)


def read_scope(body: dict[str, Any]) -> frozenset[str]:
    """The ``criteria.resetScope`` of a restart; without one, what the portal's button sends.

    Raises:
        GraphError: 400.
    """
    criteria = body.get("criteria")
    if criteria is None:
        return DEFAULT_SCOPE
    scope = criteria.get("resetScope") if isinstance(criteria, dict) else None
    names = {name.strip() for name in scope.split(",")} if isinstance(scope, str) else set()
    if not names or not names <= set(SCOPES):
        raise invalid(f"resetScope must be some of {', '.join(SCOPES)}.")
    return frozenset(names)


def quarantine(connection: sqlite3.Connection, app: App, trouble: Trouble, at: int) -> None:
    """Put a job into quarantine: uploads are taken and wait; it is tried again after 6, 12 and 24 hours."""
    row = connection.execute("SELECT quarantine FROM app WHERE id = ?", (app.id,)).fetchone()
    before = orjson.loads(row[0]) if row[0] else None
    same = before is not None and before["reason"] == trouble.reason
    count = before["count"] + 1 if before else 1
    state = {
        "reason": trouble.reason,
        "code": trouble.code,
        "message": trouble.message,
        "began": before["began"] if before and same else at,
        "series": before["series"] if before else at,
        "count": count,
        "next": at + _RETRIES[min(count, len(_RETRIES)) - 1],
    }
    connection.execute("UPDATE app SET quarantine = ? WHERE id = ?", (orjson.dumps(state).decode(), app.id))


def obstacle(app: App, job: JobSettings, settings: Settings) -> Trouble | None:
    """What keeps a job from writing to its directory at all."""
    if app.target != "on-premises-ad":
        return None
    if job.domain.casefold() != settings.ad_domain.casefold():
        return NO_DOMAIN
    return None if settings.agent == "active" else NO_AGENT


def retry(connection: sqlite3.Connection, app: App, job: JobSettings, settings: Settings, at: int) -> None:
    """Try a job in quarantine again when that is due; after four weeks it is disabled."""
    row = connection.execute("SELECT quarantine FROM app WHERE id = ?", (app.id,)).fetchone()
    state = orjson.loads(row[0])
    if at - state["series"] > _LIMIT:
        connection.execute("UPDATE app SET state = 'Disabled' WHERE id = ?", (app.id,))
        return
    if at < state["next"]:
        return
    # Too many deletes stay too many until somebody allows them.
    before = Trouble(state["reason"], state["code"], state["message"])
    trouble = before if before.reason == "TooManyDeletes" else None
    if trouble := trouble or _no_email(job, settings) or obstacle(app, job, settings):
        quarantine(connection, app, trouble, at)
    else:
        _set(connection, app, "Active")


def _set(connection: sqlite3.Connection, app: App, state: str) -> None:
    connection.execute("UPDATE app SET state = ?, quarantine = NULL WHERE id = ?", (state, app.id))


def _check_email(
    connection: sqlite3.Connection, app: App, job: JobSettings, settings: Settings, at: int
) -> None:
    if trouble := _no_email(job, settings):
        quarantine(connection, app, trouble, at)


def _no_email(job: JobSettings, settings: Settings) -> Trouble | None:
    return NO_EMAIL if not job.email and settings.missing_email == "quarantine" else None
