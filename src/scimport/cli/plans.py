"""``scimport plans``, ``show``, ``approve``, ``apply`` and ``discard``: deciding about a plan."""

from __future__ import annotations

import dataclasses
import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.cli.run import each_run
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import ChangeKind, Problem

if TYPE_CHECKING:
    from scimport.model import RunSummary
    from scimport.project import Project
    from scimport.state import Database
    from scimport.state.plans import Review

_Plan = Annotated[str, typer.Argument(metavar="PLAN", help="Id of a plan, as `scimport plan` prints it.")]
_SIGNS = {"joiner": "+", "mover": "~", "leaver": "-", "unchanged": "=", "invalid": "!"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (plans, show, approve, apply, discard):
        app.command(command.__name__)(command)


def plans(context: typer.Context, name: options.OptionalName = None, as_json: options.Json = False) -> None:
    """List the plans that are kept, newest first."""
    from scimport.state.plans import list_plans  # noqa: PLC0415 - not needed for --help

    project = options.find(context)
    names = (project.pipeline(name).name,) if name else project.pipeline_names
    with _database(project) as database, database.read() as connection:
        found = [one for each in names for one in list_plans(connection, each)]
    output = Output(as_json=as_json)
    columns = ("plan", "pipeline", "state", "made", "to send", "waits for")
    rows = [
        (one.id, one.pipeline, one.state.value, _time(one.created_at), one.counts.to_send, _waits(one))
        for one in found
    ]
    output.table("", columns, rows)
    output.json({"plans": [_document(one) for one in found]})


def show(
    context: typer.Context,
    plan: _Plan,
    only: Annotated[
        ChangeKind | None,
        typer.Option("--only", help="Changes of one kind: joiner, mover, leaver, unchanged, invalid."),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option("--attribute", metavar="NAME", help="People for whom this attribute changes."),
    ] = None,
    key: options.Keys = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Show what a plan would do, person by person, against what the endpoint last acknowledged."""
    from scimport.plan.guards import differences  # noqa: PLC0415 - not needed for --help
    from scimport.state.plans import Plans  # noqa: PLC0415

    output = Output(as_json=as_json)
    with _found(options.find(context), plan) as (database, review), database.read() as connection:
        staged = Plans(database, review.pipeline)
        changed = {one: differences(old, new) for one, old, new in staged.modified(connection, plan)}
        people = []
        for row in staged.changes(connection, plan):
            attributes = changed.get(row["key"], [])
            named = [path for path, _, _ in attributes]
            wanted = only in (None, row["kind"]) and (not key or row["key"] in key)
            if wanted and (attribute is None or any(attribute in path for path in named)):
                people.append(
                    _person(row["key"], row["kind"], row["status"], attributes, show_values=show_values)
                )
    for person in people:
        output.say(f"{_SIGNS[person['kind']]} {person['key']}  {person['kind']}, {person['status']}")
        for one in person["attributes"]:
            output.say(f"    {one['path']}: {one['old']} -> {one['new']}")
    output.say(
        f"{review.id} of {review.pipeline}, {review.state}: {len(people)} people. Whether Entra creates or"
    )
    output.say("matches an account, only Entra knows; old values are those that it last acknowledged.")
    output.problems(review.stopped)
    if review.approved_by:
        output.say(f"Approved by {review.approved_by}: {review.reason}")
    output.json(_document(review) | {"changes": people})


def approve(
    context: typer.Context,
    plan: _Plan,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with who and when.")
    ],
    as_json: options.Json = False,
) -> None:
    """Let a plan through that a guard has stopped: this plan alone."""
    from scimport.state.plans import Plans, PlanState, find_plan  # noqa: PLC0415 - not needed for --help

    if not reason.strip():
        raise UsageError(
            Problem(Code.BAD_VALUE, "--reason is blank", hint="Say why, for those who read it later.")
        )
    with _found(options.find(context), plan) as (database, review):
        if review.state is not PlanState.STAGED or not review.stopped:
            what = "no guard stops it" if review.state is PlanState.STAGED else f"it is {review.state}"
            hint = f"Send it with `scimport apply {plan}`." if review.state is PlanState.STAGED else ""
            raise UsageError(Problem(Code.PLAN_REFUSED, f"the plan needs no approval: {what}", hint=hint))
        by = f"{getpass.getuser()} on {socket.gethostname()}"
        with database.write() as connection:
            Plans(database, review.pipeline).approve(connection, plan, by, reason.strip())
            approved = find_plan(connection, plan)
    output = Output(as_json=as_json)
    output.say(f"Approved by {by}. Send it with `scimport apply {plan}`.")
    output.json(_document(approved) if approved else {})


def apply(context: typer.Context, plan: _Plan, as_json: options.Json = False) -> None:
    """Send exactly what a plan says, or refuse: when it is old, or what it was made of has changed."""
    from scimport.plan import Selection  # noqa: PLC0415 - not needed for --help
    from scimport.stages import PipelineRun  # noqa: PLC0415

    project = options.find(context)
    with _found(project, plan) as (_, review):
        pipeline = review.pipeline

    def send(name: str, tell: Any) -> RunSummary:
        with PipelineRun(project, name, Selection(), on_progress=tell) as work:
            work.apply(plan)
        return work.summary

    each_run((pipeline,), send, Output(as_json=as_json), several=False)


def discard(context: typer.Context, plan: _Plan, as_json: options.Json = False) -> None:
    """Give a plan up: nothing (more) of it will be sent."""
    from scimport.state import locks  # noqa: PLC0415 - not needed for --help
    from scimport.state.plans import Plans, PlanState, find_plan  # noqa: PLC0415

    with (
        _found(options.find(context), plan) as (database, review),
        locks.hold(database, review.pipeline),
        database.write() as connection,
    ):
        # Until here a run may have held the pipeline, and applied the plan.
        now = find_plan(connection, plan)
        if now is None or now.state is PlanState.DONE:
            raise UsageError(Problem(Code.PLAN_REFUSED, "the plan is done: there is nothing left to discard"))
        Plans(database, review.pipeline).set_state(connection, plan, PlanState.DISCARDED)
        discarded = find_plan(connection, plan)
    output = Output(as_json=as_json)
    output.say(f"{plan} is discarded.")
    output.json(_document(discarded) if discarded else {})


def _person(
    key: str, kind: str, status: str, attributes: list[tuple[str, Any, Any]], *, show_values: bool
) -> dict[str, Any]:
    def shown(value: Any) -> Any:
        return "(none)" if value is None else value if show_values or isinstance(value, bool) else "***"

    listed = [{"path": path, "old": shown(old), "new": shown(new)} for path, old, new in attributes]
    return {"key": key, "kind": kind, "status": status, "attributes": listed}


@contextmanager
def _database(project: Project) -> Iterator[Database]:
    from scimport.state import open_state  # noqa: PLC0415 - not needed for --help

    database = open_state(project)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _found(project: Project, plan_id: str) -> Iterator[tuple[Database, Review]]:
    from scimport.state.plans import find_plan  # noqa: PLC0415 - not needed for --help

    with _database(project) as database:
        with database.read() as connection:
            review = find_plan(connection, plan_id)
        if review is None:
            hint = "`scimport plans` lists those that are kept."
            raise UsageError(Problem(Code.UNKNOWN_PLAN, f"there is no plan '{plan_id}'", hint=hint))
        yield database, review


def _document(review: Review) -> dict[str, Any]:
    approved_at = None if review.approved_at is None else _time(review.approved_at)
    stopped = [problem_document(one) for one in review.stopped]
    times = {"created_at": _time(review.created_at), "approved_at": approved_at}
    return dataclasses.asdict(review) | times | {"stopped": stopped}


def _waits(review: Review) -> str:
    if review.state != "staged":
        return ""
    return "approve" if review.stopped and not review.approved_by else "apply"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
