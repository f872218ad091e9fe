"""``scimport confirm``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.listing import opened
from scimport.cli.output import Output, plural, problem_document
from scimport.errors import ScimportError

if TYPE_CHECKING:
    from scimport.confirm import Confirmation
    from scimport.model import Problem, RunSummary
    from scimport.project import Project
    from scimport.state.outcomes import OutcomeCounts, Story

COUNTS = ("provisioned", "skipped", "rejected", "waiting", "unconfirmed")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("confirm")(confirm)


def confirm(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A pipeline, or the id of a run or a plan; all pipelines when it is left out.",
        ),
    ] = None,
    wait: options.Wait = False,
    as_json: options.Json = False,
) -> None:
    """Find out from the app's provisioning log what became of the people who were delivered."""
    from scimport.confirm import Confirming, delivered_pipelines  # noqa: PLC0415 - not needed for --help
    from scimport.notice import noticed_look  # noqa: PLC0415
    from scimport.state import open_state  # noqa: PLC0415
    from scimport.verdict import DEGRADED, shortcomings  # noqa: PLC0415

    project = options.find(context)
    output = Output(as_json=as_json)
    database = open_state(project)
    documents: list[dict[str, Any]] = []
    codes = [0]
    try:
        for one in (name,) if name else delivered_pipelines(project, database):
            try:
                confirming = Confirming(project, database, one)
                with noticed_look(confirming):
                    confirming.wait() if wait else confirming.read()
            except ScimportError as error:
                if name:
                    raise
                Output(as_json=True).problems(error.problems)
                documents.append(
                    {"pipeline": one, "error": [problem_document(problem) for problem in error.problems]}
                )
                codes.append(error.exit_code)
            else:
                found = confirming.result()
                _show(output, found)
                documents.append(_document(found))
                wrong = shortcomings(confirming.pipeline.config, found.counts)
                codes.append(DEGRADED if wrong else 0)
    finally:
        database.close()
    if not documents:
        output.say("Nobody was delivered yet.")
    output.json(documents[0] if name else {"pipelines": documents})
    raise typer.Exit(next((code for code in (1, 2, 4) if code in codes), 0))


def look(
    project: Project, summary: RunSummary, output: Output, *, wait: bool
) -> tuple[OutcomeCounts, tuple[Problem, ...]]:
    """Find out what became of the people of a run, as far as their endpoint has a log of it.

    Args:
        project: The project folder.
        summary: The run, which has ended.
        output: Where the outcomes are printed.
        wait: Read the log until nobody waits, and not only once, at a glance.

    Returns:
        What is known, and why it is not more where the log cannot be read.
    """
    from scimport.confirm import GLANCE, Confirming  # noqa: PLC0415 - not needed for --help
    from scimport.connection import checked_endpoint  # noqa: PLC0415
    from scimport.notice import noticed_look  # noqa: PLC0415

    problems: tuple[Problem, ...] = ()
    with opened(project) as database:
        confirming = Confirming(project, database, summary.run_id)
        counts, endpoint = confirming.counts(), checked_endpoint(confirming.pipeline)
        if not counts.waiting or (endpoint is not None and not endpoint.job):
            return counts, problems
        try:
            with noticed_look(confirming):
                confirming.read(GLANCE)
                if wait and (left := confirming.left()) is not None:
                    most = plural(-(-int(left) // 60), "minute")
                    output.say(f"Waiting for the log of {summary.pipeline}, {most} at most ...")
                    confirming.wait()
        except ScimportError as error:
            problems = error.problems
        counts = confirming.counts()
    _say(output, summary, counts)
    _say_why(confirming.obstacle)
    return counts, problems


def _say(output: Output, summary: RunSummary, counts: OutcomeCounts) -> None:
    """Say what the log has of a run's people, and what to do about the others."""
    known = dataclasses.asdict(counts) | {"waiting": 0}
    if found := ", ".join(f"{count:,} {name}" for name, count in known.items() if count):
        output.say(f"The endpoint's log says: {found}.")
    if counts.waiting:
        who = plural(counts.waiting, "person is", "people are")
        output.say(f"{who} not in it yet; in some minutes: scimport confirm {summary.pipeline}")
    if counts.rejected or counts.unconfirmed:
        output.say(f"Who and why: scimport confirm {summary.run_id}")


def _say_why(obstacle: Problem | None) -> None:
    Output(as_json=True).problems([obstacle] if obstacle else [])


def time_of(seconds: float | None) -> str | None:
    """A time as it is printed: ISO 8601, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _show(output: Output, found: Confirmation) -> None:
    counts = dataclasses.asdict(found.counts)
    title = f"{found.pipeline}  {found.run_id}".rstrip()
    output.table(title, COUNTS, [[counts[name] for name in COUNTS]])
    if found.rejected:
        rows = [(one.key, one.code, one.reason, one.recommended_action) for one in found.rejected]
        title = _first(found.counts.rejected, len(rows), "rejected")
        output.table(title, ("key", "code", "reason", "recommended action"), rows)
    if found.unconfirmed:
        late = [(one.key, time_of(one.delivered_at)) for one in found.unconfirmed]
        title = _first(found.counts.unconfirmed, len(late), "not in the log")
        output.table(title, ("key", "delivered"), late)
    if found.odd:
        output.say(f"{found.odd} of {found.entries} entries of the log could not be understood.")
    _say_why(found.obstacle)


def _first(total: int, shown: int, what: str) -> str:
    return f"{total:,} {what}" if shown == total else f"{total:,} {what}, the first {shown}"


def _document(found: Confirmation) -> dict[str, Any]:
    return {
        "pipeline": found.pipeline,
        "run_id": found.run_id,
        **{name: getattr(found.counts, name) for name in COUNTS},
        "entries": found.entries,
        "odd": found.odd,
        "obstacle": problem_document(found.obstacle) if found.obstacle else None,
        "rejected_people": [_story(one) for one in found.rejected],
        "unconfirmed_people": [_story(one) for one in found.unconfirmed],
    }


def _story(one: Story) -> dict[str, Any]:
    times = {"delivered_at": time_of(one.delivered_at), "logged_at": time_of(one.logged_at)}
    return dataclasses.asdict(one) | times
