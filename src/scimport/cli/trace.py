"""``scimport trace``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.confirm import time_of
from scimport.cli.output import Output, problem_document
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.state.history import Acknowledged, Sent, Step
    from scimport.trace import Trace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trace")(trace)


def trace(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the record, or externalId of the user.")],
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Tell one person's story: record, user, plans, requests, what became of it, what to do."""
    from scimport import trace as stories  # noqa: PLC0415 - not needed for --help
    from scimport.state import open_state  # noqa: PLC0415

    project = options.find(context)
    database = open_state(project)
    try:
        found = list(stories.trace(project, database, key))
    finally:
        database.close()
    if not found:
        hint = "Keys are as in the source (00105, not 105); who was never read is not known here."
        raise UsageError(Problem(Code.UNKNOWN_RECORD, f"nothing is known of '{key}'", hint=hint))
    output = Output(as_json=as_json)
    documents = [_document(one, show_values=show_values) for one in found]
    for one, document in zip(found, documents, strict=True):
        _show(output, one, document)
    output.json({"traces": documents})


def _show(output: Output, one: Trace, document: dict[str, Any]) -> None:
    output.say(f"{one.key} in {one.pipeline}: {one.status}")
    if one.advice:
        output.say(f"  {one.advice}")
    output.say(f"record   {one.source}")
    output.say(f"mapping  {', '.join(one.mappings)}")
    if one.known:
        _show_known(output, one.known)
    for step in one.steps:
        output.say(f"planned  {time_of(step.planned_at)} {step.plan_id} {step.kind}, {step.status}")
        if step.sent:
            number = step.sent.request_id or step.sent.client_request_id
            output.say(
                f"sent     {time_of(step.sent.sent_at)} HTTP {step.sent.http_status}, request-id {number}"
            )
    if document["user"]:
        output.table("", ("attribute", "last accepted"), list(document["user"].items()))
    output.problems(problem for _, problem in one.problems)


def _show_known(output: Output, known: Acknowledged) -> None:
    state = "active" if known.active else "inactive"
    output.say(f"accepted {time_of(known.accepted_at)} as {known.external_id}, {state}")
    if known.logged_at is not None:
        words = " ".join(filter(None, (known.code, known.reason, known.recommended_action)))
        output.say(f"log      {time_of(known.logged_at)} {known.status} {words}".rstrip())


def _document(one: Trace, *, show_values: bool) -> dict[str, Any]:
    return {
        "pipeline": one.pipeline,
        "key": one.key,
        "status": one.status,
        "advice": one.advice,
        "source": one.source,
        "mappings": list(one.mappings),
        "accepted": None if one.known is None else _known(one.known),
        "user": {} if one.known is None else _user(one.known.body, show_values=show_values),
        "steps": [_step(step) for step in one.steps],
        "problems": [
            problem_document(problem, show_values=show_values) | {"plan_id": plan}
            for plan, problem in one.problems
        ],
    }


def _known(known: Acknowledged) -> dict[str, Any]:
    shown = {
        field.name: getattr(known, field.name)
        for field in dataclasses.fields(known)
        if field.name not in ("body", "sent")
    }
    times = {"accepted_at": time_of(known.accepted_at), "logged_at": time_of(known.logged_at)}
    return shown | times | {"request": _sent(known.sent)}


def _user(body: bytes, *, show_values: bool) -> dict[str, Any]:
    from scimport.trace import attributes  # noqa: PLC0415 - not needed for --help

    return {path: value if show_values else "***" for path, value in attributes(body).items()}


def _step(step: Step) -> dict[str, Any]:
    return {
        "plan_id": step.plan_id,
        "plan_state": step.plan_state,
        "planned_at": time_of(step.planned_at),
        "kind": step.kind,
        "status": step.status,
        "request": _sent(step.sent),
    }


def _sent(sent: Sent | None) -> dict[str, Any] | None:
    if sent is None:
        return None
    times = {"sent_at": time_of(sent.sent_at), "ended_at": time_of(sent.ended_at)}
    return dataclasses.asdict(sent) | times
