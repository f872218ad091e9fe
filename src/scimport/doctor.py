"""Whether a pipeline could be loaded now: its files, its source, the state and its app; nobody is sent.

Each check says what was found, or what is missing and what to do. Nothing is posted to the endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from scimport.apps.app import App
from scimport.apps.job import JobAnswer, read_job
from scimport.apps.logs import TURN, LogReader
from scimport.connection import connected
from scimport.errors import ScimportError
from scimport.findings import Finding, Result, job_finding, missing, token_finding, tried, upload_finding
from scimport.inputs import compiled, opened
from scimport.model import Severity
from scimport.preflight import READ_JOB, clock_problem
from scimport.project import Pipeline, Project
from scimport.state import Database, open_state
from scimport.state.calls import used_calls
from scimport.state.outbox import limits_of
from scimport.state.turns import take_turn


def examine(project: Project, name: str) -> Iterator[Finding]:
    """Look at everything that loading a pipeline needs, in the order in which a load needs it.

    A check that others build on ends the look where it fails.

    Args:
        project: The project folder.
        name: Name of the pipeline.

    Raises:
        UsageError: There is no such pipeline.
    """
    if name not in project.pipeline_names:
        project.pipeline(name)  # says which there are
    files = tried("files", lambda: _files(project, name))
    yield files
    if files.result is Result.MISSING:
        return
    pipeline = project.pipeline(name)
    yield tried("source", lambda: _source(project, pipeline))
    try:
        database = open_state(project)
    except ScimportError as error:
        yield missing("state", error.problems[0])
        return
    with closing(database):
        yield tried("state", lambda: _state(database))
        try:
            with connected(project, pipeline) as app:
                yield from _app(app, database, pipeline)
        except ScimportError as error:
            yield missing("token", error.problems[0])


def _app(app: App, database: Database, pipeline: Pipeline) -> Iterator[Finding]:
    token = tried("token", lambda: token_finding(app.authenticator))
    yield token
    if token.result is Result.MISSING:
        return
    yield upload_finding(app.authenticator)
    if app.endpoint.job:
        try:
            answer = read_job(app)
        except ScimportError as error:
            yield missing("job", error.problems[0])
        else:
            yield _job(answer, pipeline.name)
            yield _clock(answer, database)
        yield tried("log", lambda: _log(app, database))
    else:
        yield Finding("job", Result.UNKNOWN, "the endpoint has no job, and so no status and no log")
    yield _budget(app, database, pipeline)


def _files(project: Project, name: str) -> Finding:
    pipeline = project.pipeline(name)
    errors = [one for one in project.check(name) if one.severity is Severity.ERROR]
    if errors:
        return missing("files", errors[0])
    mapping, _ = compiled(project, pipeline, None, datetime.now(UTC))
    count = len(mapping.leaves)
    return Finding("files", Result.FOUND, f"nothing wrong; the mapping makes {count} attributes")


def _source(project: Project, pipeline: Pipeline) -> Finding:
    with opened(project, pipeline, datetime.now(UTC)) as source:
        columns = len(source.source.columns)
        first = next(iter(source.source.batches(1)), None)
    if first is None:
        return Finding("source", Result.UNKNOWN, "it can be read, and has no record", "Look at the export.")
    return Finding("source", Result.FOUND, f"it can be read, and has {columns} columns")


def _state(database: Database) -> Finding:
    with database.write() as connection:
        database.now(connection)
    return Finding("state", Result.FOUND, f"it can be written ({database.dialect})")


def _job(answer: JobAnswer, name: str) -> Finding:
    if answer.job is None:
        if answer.answer.status == 403:
            found = "whether it is paused or in quarantine cannot be seen: the permission is missing"
            return Finding("job", Result.UNKNOWN, found, f"Grant {READ_JOB}.")
        status = f"HTTP {answer.answer.status}: " if answer.answer.status else ""
        hint = "Compare app.endpoint with the app's page; see what stands between."
        return Finding("job", Result.MISSING, f"it cannot be read: {status}{answer.answer.words}", hint)
    return job_finding(answer.job, name)


def _clock(answer: JobAnswer, database: Database) -> Finding:
    with database.read() as connection:
        now = database.now(connection)
    if answer.server_time is None:
        return Finding("clock", Result.UNKNOWN, "the endpoint does not say what time it is")
    if skew := clock_problem(answer.server_time, now):
        return missing("clock", skew)
    return Finding("clock", Result.FOUND, "it agrees with the endpoint's")


def _log(app: App, database: Database) -> Finding:
    with database.read() as connection:
        now = database.now(connection)
    scope = f"log {app.endpoint.tenant}"[:255]
    reader = LogReader(app, turn=lambda: take_turn(database, scope, TURN), tries=2)
    next(reader.pages(now), None)
    return Finding("log", Result.FOUND, "the provisioning log can be read")


def _budget(app: App, database: Database, pipeline: Pipeline) -> Finding:
    limits = limits_of(pipeline.config.app, app.endpoint.tenant)
    if not limits.daily_calls:
        return Finding("budget", Result.FOUND, "calls are not limited (limits: none)")
    with database.read() as connection:
        used, _ = used_calls(connection, limits.scope, database.now(connection))
    left = max(limits.daily_calls - used, 0)
    found = f"{left:,} of {limits.daily_calls:,} calls of 24 hours are left, for {left * 50:,} people"
    if left:
        return Finding("budget", Result.FOUND, found)
    return Finding("budget", Result.MISSING, found, "Wait: `scimport capacity` says how long loads take.")
