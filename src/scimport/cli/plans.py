"""``scimport plans``, ``show``, ``approve``, ``apply`` and ``discard``: deciding about a plan."""

from __future__ import annotations

import dataclasses
import getpass
import socket
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.listing import (
    LABELS,
    Attribute,
    Only,
    Page,
    Top,
    View,
    listed,
    opened,
    reviewed,
    say_cost,
    tell_waiting,
    time_text,
)
from scimport.cli.output import Output, problem_document
from scimport.cli.run import each_run
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.model import RunSummary
    from scimport.state.plans import Review

_Plan = Annotated[str, typer.Argument(metavar="PLAN", help="Id of a plan, as `scimport plan` prints it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (plans, show, approve, apply, discard):
        app.command(command.__name__)(command)


def plans(context: typer.Context, name: options.OptionalName = None, as_json: options.Json = False) -> None:
    """List the plans that are kept, newest first."""
    from scimport.state.plans import list_plans  # noqa: PLC0415 - not needed for --help

    project = options.find(context)
    names = (project.pipeline(name).name,) if name else project.pipeline_names
    with opened(project) as database, database.read() as connection:
        found = [one for each in names for one in list_plans(connection, each)]
    output = Output(as_json=as_json)
    columns = ("plan", "pipeline", "state", "made", "to send", "waits for")
    rows = [
        (
            one.id,
            one.pipeline,
            one.state.value,
            _minute(one.created_at),
            one.counts.to_send,
            _waits(one),
        )
        for one in found
    ]
    output.table("", columns, rows)
    output.json({"plans": [_document(one) for one in found]})


def show(
    context: typer.Context,
    plan: _Plan,
    only: Only = None,
    attribute: Attribute = None,
    key: options.Keys = None,
    top: Top = None,
    page: Page = 1,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Show what a plan would do, person by person, against what the endpoint last acknowledged."""
    output, project = Output(as_json=as_json), options.find(context)
    view = View(only, attribute, tuple(key or ()), top, page, show_values)
    with reviewed(project, plan) as (database, review):
        output.say(f"{review.id} of {review.pipeline}, {review.state}, made {time_text(review.created_at)}")
        people = listed(output, database, review, view)
        output.say(LABELS)
        document = _document(review) | {"changes": people}
        if review.state == "staged":
            document["cost"] = say_cost(output, database, project.pipeline(review.pipeline), review)
            output.say(f"It can be applied until {time_text(review.expires_at)}.")
    output.problems(review.stopped)
    if review.approved_by:
        output.say(
            f"Approved by {review.approved_by} at {time_text(review.approved_at or 0)}: {review.reason}"
        )
    output.json(document)


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
    project = options.find(context)
    with reviewed(project, plan) as (database, review):
        if review.state is not PlanState.STAGED or not review.stopped:
            what = "no guard stops it" if review.state is PlanState.STAGED else f"it is {review.state}"
            hint = f"Send it with `scimport apply {plan}`." if review.state is PlanState.STAGED else ""
            raise UsageError(Problem(Code.PLAN_REFUSED, f"the plan needs no approval: {what}", hint=hint))
        by = f"{getpass.getuser()} on {socket.gethostname()}"
        with database.write() as connection:
            Plans(database, review.pipeline).approve(connection, plan, by, reason.strip())
            approved = find_plan(connection, plan)
    output = Output(as_json=as_json)
    output.say(f"Approved by {by}.")
    if tell_waiting(output, project, review.pipeline):
        output.say("The flow run that waits for it sends it.")
    else:
        output.say(f"Send it with `scimport apply {plan}`.")
    output.json(_document(approved) if approved else {})


def apply(
    context: typer.Context,
    plan: _Plan,
    wait: options.Wait = False,
    queue_anyway: options.QueueAnyway = False,
    as_json: options.Json = False,
) -> None:
    """Send exactly what a plan says, or refuse: when it is old, or what it was made of has changed."""
    from scimport.notice import noticed  # noqa: PLC0415 - not needed for --help
    from scimport.plan import Selection  # noqa: PLC0415
    from scimport.stages import PipelineRun  # noqa: PLC0415

    project = options.find(context)
    with reviewed(project, plan) as (_, review):
        pipeline = review.pipeline

    def send(name: str, tell: Any) -> RunSummary:
        run = PipelineRun(project, name, Selection(), on_progress=tell, queue_anyway=queue_anyway)
        with noticed(run) as work:
            work.apply(plan)
        return work.summary

    output = Output(as_json=as_json)
    try:
        each_run(project, (pipeline,), send, output, several=False, wait=wait)
    finally:
        tell_waiting(output, project, pipeline)


def discard(context: typer.Context, plan: _Plan, as_json: options.Json = False) -> None:
    """Give a plan up: nothing (more) of it will be sent."""
    from scimport.state import locks  # noqa: PLC0415 - not needed for --help
    from scimport.state.plans import Plans, PlanState, find_plan  # noqa: PLC0415

    project = options.find(context)
    with (
        reviewed(project, plan) as (database, review),
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
    tell_waiting(output, project, review.pipeline)
    output.json(_document(discarded) if discarded else {})


def _document(review: Review) -> dict[str, Any]:
    stopped = [problem_document(one) for one in review.stopped]
    times: dict[str, Any] = {
        "created_at": time_text(review.created_at),
        "expires_at": time_text(review.expires_at),
    }
    for name in ("approved_at", "waits_until"):
        moment = getattr(review, name)
        times[name] = time_text(moment) if moment else None
    return dataclasses.asdict(review) | times | {"stopped": stopped}


def _waits(review: Review) -> str:
    if review.state != "staged":
        return ""
    if not review.stopped or review.approved_by:
        return "apply"
    if not review.waiter or not review.waits_until or review.waits_until < time.time():
        return "approve"
    return f"approve; a flow run waits until {_minute(review.waits_until)}"


def _minute(seconds: float) -> str:
    return time_text(seconds)[:16].replace("T", " ")
