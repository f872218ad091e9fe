"""Whether a pipeline could be loaded now: its files, its source, the state and its app; nobody is sent.

Each check says what was found, or what is missing and what to do. Nothing is posted to the endpoint.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import orjson

from scimport.apps.app import App
from scimport.apps.job import JobAnswer, read_job
from scimport.apps.logs import TURN, LogReader
from scimport.connection import connected
from scimport.errors import ScimportError
from scimport.inputs import compiled, opened
from scimport.model import Problem, Severity
from scimport.preflight import READ_JOB, clock_problem, job_problem
from scimport.project import Pipeline, Project
from scimport.state import Database, open_state
from scimport.state.calls import used_calls
from scimport.state.outbox import Limits
from scimport.state.turns import take_turn

UPLOAD = ("SynchronizationData-User.Upload", "SynchronizationData-User.Upload.OwnedBy")
"""Application permissions that let people be sent."""


class Result(StrEnum):
    """How a check came out; ``unknown`` keeps nobody from being sent."""

    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: What was looked at: ``files``, ``source``, ``state``, ``token``, ``upload``, ``job``,
            ``clock``, ``log`` or ``budget``.
        found: What there is, or is not, in one sentence.
        hint: What to do; empty where there is nothing to do.
    """

    check: str
    result: Result
    found: str
    hint: str = ""


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
    files = _tried("files", lambda: _files(project, name))
    yield files
    if files.result is Result.MISSING:
        return
    pipeline = project.pipeline(name)
    yield _tried("source", lambda: _source(project, pipeline))
    try:
        database = open_state(project)
    except ScimportError as error:
        yield _missing("state", error)
        return
    with closing(database):
        yield _tried("state", lambda: _state(database))
        try:
            with connected(project, pipeline) as app:
                yield from _app(app, database, pipeline)
        except ScimportError as error:
            yield _missing("token", error)


def _app(app: App, database: Database, pipeline: Pipeline) -> Iterator[Finding]:
    token = _tried("token", lambda: _token(app))
    yield token
    if token.result is Result.MISSING:
        return
    yield _upload(app)
    if app.endpoint.job:
        try:
            answer = read_job(app)
        except ScimportError as error:
            yield _missing("job", error)
        else:
            yield _job(answer)
            yield _clock(answer, database)
        yield _tried("log", lambda: _log(app, database))
    else:
        yield Finding("job", Result.UNKNOWN, "the endpoint has no job, and so no status and no log")
    yield _budget(app, database, pipeline)


def _files(project: Project, name: str) -> Finding:
    pipeline = project.pipeline(name)
    errors = [one for one in project.check(name) if one.severity is Severity.ERROR]
    if errors:
        return _problem("files", errors[0])
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


def _token(app: App) -> Finding:
    header = app.authenticator.header()
    found = "signing in gives a token" if header else "no token is wanted (auth: none)"
    return Finding("token", Result.FOUND, found)


def _upload(app: App) -> Finding:
    """The permission to upload, as the token has it: the endpoint itself tells only who uploads."""
    header = app.authenticator.header()
    if not header:
        return Finding("upload", Result.FOUND, "no permission is wanted (auth: none)")
    roles = token_roles(header)
    if roles is None:
        hint = "The first load tells: try it with --limit 1."
        return Finding("upload", Result.UNKNOWN, "the token does not show its permissions", hint)
    if granted := [role for role in UPLOAD if role in roles]:
        return Finding("upload", Result.FOUND, f"the token has {granted[0]}")
    hint = f"Grant the application {UPLOAD[0]} (Microsoft Graph, application permission) with admin consent."
    return Finding("upload", Result.MISSING, "the token has no permission to upload", hint)


def _job(answer: JobAnswer) -> Finding:
    if answer.job is None:
        if answer.answer.status == 403:
            found = "whether it is paused or in quarantine cannot be seen: the permission is missing"
            return Finding("job", Result.UNKNOWN, found, f"Grant {READ_JOB}.")
        status = f"HTTP {answer.answer.status}: " if answer.answer.status else ""
        hint = "Compare app.endpoint with the app's page; see what stands between."
        return Finding("job", Result.MISSING, f"it cannot be read: {status}{answer.answer.words}", hint)
    if stop := job_problem(answer.job):
        return _problem("job", stop)
    return Finding("job", Result.FOUND, f"it takes up what is sent ({answer.job.status or 'no status'})")


def _clock(answer: JobAnswer, database: Database) -> Finding:
    with database.read() as connection:
        now = database.now(connection)
    if answer.server_time is None:
        return Finding("clock", Result.UNKNOWN, "the endpoint does not say what time it is")
    if skew := clock_problem(answer.server_time, now):
        return _problem("clock", skew)
    return Finding("clock", Result.FOUND, "it agrees with the endpoint's")


def _log(app: App, database: Database) -> Finding:
    with database.read() as connection:
        now = database.now(connection)
    scope = f"log {app.endpoint.tenant}"[:255]
    reader = LogReader(app, turn=lambda: take_turn(database, scope, TURN), tries=2)
    next(reader.pages(now), None)
    return Finding("log", Result.FOUND, "the provisioning log can be read")


def _budget(app: App, database: Database, pipeline: Pipeline) -> Finding:
    limits = Limits(app.endpoint.tenant, daily_calls=pipeline.config.app.daily_calls)
    with database.read() as connection:
        used, _ = used_calls(connection, limits.scope, database.now(connection))
    left = max(limits.daily_calls - used, 0)
    found = f"{left:,} of {limits.daily_calls:,} calls of 24 hours are left, for {left * 50:,} people"
    if left:
        return Finding("budget", Result.FOUND, found)
    return Finding("budget", Result.MISSING, found, "Wait: `scimport capacity` says how long loads take.")


def token_roles(header: str) -> frozenset[str] | None:
    """The application permissions that a token of Entra ID carries.

    Args:
        header: Value of the ``Authorization`` header.

    Returns:
        Its claim ``roles``; None where the token is none that can be read.
    """
    try:
        claims = header.split(" ", 1)[1].split(".")[1]
        found = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return frozenset(map(str, found.get("roles", ())))
    except (IndexError, ValueError, binascii.Error, AttributeError, TypeError):
        return None


def _tried(check: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ScimportError as error:
        return _missing(check, error)


def _missing(check: str, error: ScimportError) -> Finding:
    return _problem(check, error.problems[0])


def _problem(check: str, problem: Problem) -> Finding:
    place = f"{problem.place}: " if problem.place else ""
    return Finding(check, Result.MISSING, f"{place}{problem.message}", problem.hint)
