"""What stands between a plan and its delivery: what has changed since it was made, and the guards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson

from scimport.codes import Code
from scimport.digests import digest_user
from scimport.errors import GuardStop, UsageError
from scimport.inputs import compiled
from scimport.model import Problem, Severity
from scimport.plan import Input
from scimport.project import LoadedSource, Pipeline, Project
from scimport.project.overrides import load_overrides
from scimport.project.source_config import query_file
from scimport.sources.base import source_state
from scimport.state import Database
from scimport.state.plans import PLAN_LIFE, Plans, PlanState, Review, find_plan

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def digests(project: Project, pipeline: Pipeline, source: Input) -> dict[str, str]:
    """Digests of what a plan is made of, by part: a plan made of something else is another plan."""
    loaded, mapping = project.source(pipeline.config.source), source.mapping
    if mapping.uses_time:  # the time alone does not make it another mapping
        mapping, _ = compiled(project, pipeline, source.source.columns, _ANY_TIME)
    parts = {
        "pipeline": pipeline.document.data,
        "source": [
            loaded.document.data,
            _query(loaded, project.root),
            source_state(loaded.config, project.root),
            [one.config.model_dump() for one in load_overrides(project, loaded.name)],
        ],
        "mapping": mapping.fingerprint.hex(),
    }
    return {name: digest_user(orjson.dumps(part, default=str)).hex() for name, part in parts.items()}


def check_applicable(
    database: Database, pipeline: str, plan_id: str, inputs: Callable[[], dict[str, str]]
) -> Review:
    """Refuse a plan that must not be applied any more.

    Args:
        database: The state.
        pipeline: Name of the pipeline that it should be of.
        plan_id: The plan.
        inputs: Gives the digests of what it would be made of now.

    Raises:
        UsageError: It is not staged (any more), or what it was made of has changed.
    """
    plans = Plans(database, pipeline)
    with database.read() as connection:
        review = find_plan(connection, plan_id)
        moved_on = plans.moved_on(connection, plan_id)
        cut_off = plans.unfinished(connection)
        now = database.now(connection)
    if review is None or review.pipeline != pipeline:
        raise UsageError(Problem(Code.UNKNOWN_PLAN, f"{pipeline} has no plan '{plan_id}'"))
    if cut_off is not None:
        # What is left of it is older than this plan, and would be sent after it.
        why = "it was cut off" if cut_off == plan_id else f"the plan {cut_off} was cut off before"
        raise _refused(why, f"Finish it with `scimport resume {pipeline}`.")
    if why := _stale(review, inputs(), now=now, moved_on=moved_on):
        raise _refused(why, f"Make a new one with `scimport plan {pipeline}`.")
    return review


def check_guards(review: Review | None) -> None:
    """Refuse a plan that a guard stops, unless somebody has approved it.

    Raises:
        GuardStop: Nobody has.
    """
    if review is None or not review.stopped or review.approved_by:
        return
    message = f"nothing was sent; the plan {review.id} waits for approval"
    hint = f'After a look at `scimport show {review.id}`: `scimport approve {review.id} --reason "..."`, then'
    waits = Problem(Code.GUARD_STOPPED, message, Severity.NOTE, f"{hint} `scimport apply {review.id}`.")
    raise GuardStop([*review.stopped, waits])


def _stale(review: Review, inputs: dict[str, str], *, now: float, moved_on: bool) -> str:
    """Why a plan must not be applied any more; empty when it may be."""
    if review.state is not PlanState.STAGED:
        return f"it is {review.state}, and only a staged plan can be"
    if not review.inputs:
        return "its run ended before the guards had looked at it"
    if now > review.expires_at:
        return f"it is older than {PLAN_LIFE / 3600:.0f} hours"
    if moved_on:
        return "people were sent by another plan since"
    changed = [name for name, digest in review.inputs.items() if inputs.get(name) != digest]
    return f"the {' and the '.join(changed)} changed since" if changed else ""


def _query(source: LoadedSource, root: Path) -> str:
    """Text of the .sql file that a source names; empty where there is none."""
    name = query_file(source.config.query) if source.config.kind == "sql" else None
    return (root / "sources" / name).read_text("utf-8") if name else ""


def _refused(why: str, hint: str) -> UsageError:
    return UsageError(Problem(Code.PLAN_REFUSED, f"the plan cannot be applied: {why}", hint=hint))
