"""One request of a job: what it is processed by, and what it does to the state of the job.

``https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from scimport.sandbox import apps, clock, engine, lifecycle, schemas
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.bulk import User
from scimport.sandbox.engine import Task, Work
from scimport.sandbox.job_settings import JobSettings
from scimport.sandbox.lifecycle import Trouble
from scimport.sandbox.mappings import ObjectMapping, compile_mapping
from scimport.sandbox.settings import Settings

TOO_MANY_DELETES = Trouble(
    "TooManyDeletes",
    "TooManyDeletes",
    "More users would be disabled than the threshold of accidental deletions allows."
    " Allow the deletes, or correct the source and restart the job.",
)


def process(
    connection: sqlite3.Connection, app: App, users: Sequence[User], settings: Settings, at: int
) -> Work:
    """Provision the users of one request; the job goes into quarantine when too many fail or are disabled.

    Args:
        connection: The database, in a transaction.
        app: The job's app.
        users: The SCIM users.
        settings: The tenant's choices.
        at: The present, in microseconds.
    """
    job = apps.job_settings_of(connection, app)
    task = _task(connection, app, job, settings, at)
    work = engine.process(connection, task, users, settings, at)
    _count_disables(connection, app, users, work, at)
    _count_failures(connection, app, work, settings, at)
    return work


def mapping_of(connection: sqlite3.Connection, app: App, settings: Settings) -> ObjectMapping:
    """The mappings of a job, which are made ready once.

    Raises:
        MappingError: when the schema was stored with mappings that cannot be run.
    """
    content = connection.execute("SELECT schema FROM app WHERE id = ?", (app.id,)).fetchone()[0]
    return _compiled(content, app.target, settings.ad_domain, settings.null_gate, settings.typed_values)


def check_schema(schema: Mapping[str, Any], target: str, settings: Settings) -> None:
    """Refuse a schema whose mappings cannot be run.

    Raises:
        MappingError: for the first that is wrong.
    """
    compile_mapping(schema, TARGETS[target], settings.null_gate, settings.typed_values)


@lru_cache(maxsize=64)
def _compiled(
    content: bytes | None, target: str, domain: str, gate: str, kinds: tuple[str, ...]
) -> ObjectMapping:
    schema = orjson.loads(content) if content else schemas.default(target, "", domain)
    return compile_mapping(schema, TARGETS[target], gate, kinds)


def _task(connection: sqlite3.Connection, app: App, job: JobSettings, settings: Settings, at: int) -> Task:
    return Task(
        app=app.id,
        target=TARGETS[app.target],
        mapping=mapping_of(connection, app, settings),
        container=job.container or settings.default_ou,
        skip_out_of_scope=job.skip_out_of_scope,
        deletes_left=_deletes_left(connection, app, job, settings, at),
    )


def _deletes_left(
    connection: sqlite3.Connection, app: App, job: JobSettings, settings: Settings, at: int
) -> int | None:
    """Disables up to the threshold; None without one, or once they are allowed."""
    query = "SELECT deletes_allowed, disables, disables_since FROM app WHERE id = ?"
    allowed, disables, since = connection.execute(query, (app.id,)).fetchone()
    if job.delete_threshold is None or allowed:
        return None
    if at - since > settings.delete_seconds * clock.SECOND:
        connection.execute("UPDATE app SET disables = 0, disables_since = ? WHERE id = ?", (at, app.id))
        disables = 0
    return max(0, job.delete_threshold - 1 - int(disables))


def _count_disables(
    connection: sqlite3.Connection, app: App, users: Sequence[User], work: Work, at: int
) -> None:
    if work.disabled:
        update = "UPDATE app SET disables = disables + ? WHERE id = ?"
        connection.execute(update, (work.disabled, app.id))
    if work.staged:
        # They wait before whatever was uploaded after them.
        body = orjson.dumps([users[place] for place in work.staged])
        connection.execute(
            "INSERT INTO queue (id, app, due, operations, body)"
            " SELECT coalesce(min(id), 1) - 1, ?, ?, ?, ? FROM queue",
            (app.id, at, len(work.staged), body),
        )
        connection.execute("UPDATE app SET queued = queued + ? WHERE id = ?", (len(work.staged), app.id))
        lifecycle.quarantine(connection, app, TOO_MANY_DELETES, at)
    # What was allowed was allowed for what waited.
    connection.execute(
        "UPDATE app SET deletes_allowed = 0, disables = 0 WHERE id = ? AND deletes_allowed AND NOT queued",
        (app.id,),
    )


def _count_failures(
    connection: sqlite3.Connection, app: App, work: Work, settings: Settings, at: int
) -> None:
    """Keep the people who fail in escrow, until they do not fail any more."""
    failing = {entry.source: entry.status != "failure" for entry in work.entries if _fails(entry)}
    query = "SELECT failing + failing_references FROM app WHERE id = ?"
    if not failing and not connection.execute(query, (app.id,)).fetchone()[0]:
        return
    connection.executemany(
        "DELETE FROM escrow WHERE app = ? AND source = ?", [(app.id, entry.source) for entry in work.entries]
    )
    connection.executemany(
        "INSERT INTO escrow (app, source, reference) VALUES (?, ?, ?)",
        [(app.id, source, reference) for source, reference in failing.items()],
    )
    counted = "SELECT count(*), coalesce(sum(reference), 0) FROM escrow WHERE app = ?"
    total, references = connection.execute(counted, (app.id,)).fetchone()
    connection.execute(
        "UPDATE app SET failing = ?, failing_references = ? WHERE id = ?",
        (total - references, references, app.id),
    )
    linked = connection.execute("SELECT linked FROM app WHERE id = ?", (app.id,)).fetchone()[0] + work.linked
    if trouble := escrow_trouble(total - references, references, linked, settings):
        lifecycle.quarantine(connection, app, trouble, at)


def _fails(entry: engine.Entry) -> bool:
    return entry.status == "failure" or bool(entry.unresolved)


def escrow_trouble(failing: int, references: int, linked: int, settings: Settings) -> Trouble | None:
    """Why the people in escrow put the job into quarantine; None when they do not.

    Args:
        failing: People who fail.
        references: People whose manager is not there.
        linked: People who are provisioned.
        settings: The thresholds.
    """
    if failing + references < settings.escrow_minimum:
        return None
    reason = ""
    if settings.escrow_share and failing > settings.escrow_share * (failing + linked):
        reason = "EncounteredEscrowProportionThreshold"
    if settings.escrow_base and failing > settings.escrow_base:
        reason = "EncounteredBaseEscrowThreshold"
    if settings.escrow_total and failing + references > settings.escrow_total:
        reason = "EncounteredTotalEscrowThreshold"
    if not reason:
        return None
    words = (
        f"{failing} people fail, and the managers of {references} were not found. Correct them, and restart."
    )
    return Trouble(reason, reason, words)
