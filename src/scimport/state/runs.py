"""The runs of the pipelines: what each command did, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from scimport.model import RunSummary
from scimport.state.database import Database
from scimport.state.plans import new_id
from scimport.state.schema import run


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is remembered.

    Attributes:
        state: ``running``, ``planned``, ``done``, ``failed`` or ``interrupted``.
        started_at: Seconds since 1970.
        ended_at: Seconds since 1970; ``None`` while it runs, and for ever if its process was killed.
        summary: The fields of :class:`scimport.model.RunSummary`.
        error: Why it failed, in one line.
    """

    id: str
    pipeline: str
    plan_id: str
    state: str
    started_at: float
    ended_at: float | None
    summary: dict[str, Any]
    error: str


def start(database: Database, pipeline: str) -> str:
    """Note that a run begins; returns its id."""
    with database.write() as connection:
        now = database.now(connection)
        run_id = new_id("r", now)
        row = {"id": run_id, "pipeline": pipeline, "plan_id": "", "state": "running", "started_at": now}
        connection.execute(insert(run), row | {"summary": "{}", "error": ""})
    return run_id


def end(database: Database, summary: RunSummary, state: str, error: str = "") -> None:
    """Note how a run ended."""
    with database.write() as connection:
        values = {"state": state, "ended_at": database.now(connection), "plan_id": summary.plan_id}
        values |= {"summary": orjson.dumps(summary).decode(), "error": error}
        connection.execute(update(run).where(run.c.id == summary.run_id).values(values))


def last(database: Database, pipeline: str) -> Run | None:
    """The newest run of a pipeline."""
    query = select(run).where(run.c.pipeline == pipeline).order_by(run.c.started_at.desc()).limit(1)
    with database.read() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _run(dict(row))


def whole(database: Database, pipeline: str, count: int) -> list[Run]:
    """The last finished runs that read the whole source, newest first; ``count`` at most."""
    query = select(run).where(run.c.pipeline == pipeline, run.c.state == "done")
    with database.read() as connection:
        newest = query.order_by(run.c.started_at.desc()).limit(3 * count)
        rows = connection.execute(newest).mappings().all()
    return [one for one in (_run(dict(row)) for row in rows) if one.summary.get("whole")][:count]


def usual_rows(database: Database, pipeline: str, count: int = 10) -> list[int]:
    """Records that the last finished runs of the whole source read, newest first."""
    return [one.summary["plan"]["read"] for one in whole(database, pipeline, count)]


def loaded(database: Database, pipeline: str, source_digest: str, count: int = 30) -> Run | None:
    """The newest of the last whole runs that read files with this digest."""
    if not source_digest:
        return None
    found = whole(database, pipeline, count)
    return next((one for one in found if one.summary.get("source_digest") == source_digest), None)


def find(database: Database, run_or_plan: str) -> Run | None:
    """The run with this id, or the newest run of this plan."""
    query = select(run).where((run.c.id == run_or_plan) | (run.c.plan_id == run_or_plan))
    with database.read() as connection:
        row = connection.execute(query.order_by(run.c.started_at.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _run(dict(row))


def _run(row: dict[str, Any]) -> Run:
    return Run(**row | {"summary": orjson.loads(row["summary"])})
