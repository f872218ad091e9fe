"""``scimport retry``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.listing import View, opened
from scimport.cli.output import Output, plural, run_document
from scimport.cli.run import build, progress, say_plan
from scimport.codes import Code
from scimport.errors import LogError, UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Pipeline, Project
    from scimport.state.retries import Standing

LISTED = 20


@dataclass(frozen=True, slots=True)
class _Undone:
    """Who has not arrived: whom to send again, and the first of those who were sent often enough."""

    keys: tuple[str, ...]
    standing: tuple[Standing, ...]
    standing_count: int


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retry")(retry)


def retry(
    context: typer.Context,
    name: options.Name,
    plan: Annotated[bool, typer.Option("--plan", help="Only plan it; apply sends it.")] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Send this key alone again, however often it was; may be given several times.",
        ),
    ] = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Send those again who were accepted and did not arrive: rejected by the service, or not in its log."""
    from scimport.notice import noticed  # noqa: PLC0415 - not needed for --help
    from scimport.plan import Selection  # noqa: PLC0415
    from scimport.stages import PipelineRun  # noqa: PLC0415
    from scimport.verdict import DEGRADED  # noqa: PLC0415

    output, project = Output(as_json=as_json), options.find(context)
    pipeline = project.pipeline(name)
    undone = _undone(project, pipeline, key or [], output)
    _say_standing(output, pipeline, undone)
    standing = {
        "standing": undone.standing_count,
        "standing_people": [dataclasses.asdict(one) for one in undone.standing],
    }
    if not undone.keys:
        output.say("Nobody is to be sent again.")
        output.json({"pipeline": name, "again": 0, **standing})
        raise typer.Exit(DEGRADED if undone.standing_count else 0)
    again = Selection(full=True, keys=frozenset(undone.keys), again=True)
    output.say(f"{plural(len(undone.keys), 'person has', 'people have')} not arrived.")
    with progress(output) as tell:
        work = PipelineRun(project, name, again, show_values=show_values, on_progress=tell)
        with work if plan else noticed(work):
            work.finish_interrupted()
            build(work)
            if not plan:
                work.deliver()
    if plan:
        say_plan(output, project, work, View(show_values=show_values), written=(None, 0))
    output.summary(work.summary)
    output.problems(work.summary.notes)
    output.json(run_document(work.summary) | {"again": len(undone.keys), **standing})
    failed = work.summary.plan.invalid or work.summary.delivery.rejected or undone.standing_count
    raise typer.Exit(DEGRADED if failed else 0)


def _undone(project: Project, pipeline: Pipeline, keys: list[str], output: Output) -> _Undone:
    """Who has not arrived, as the log says now; where it cannot be read, as it was last read.

    Raises:
        UsageError: A key that is named has arrived, is waited for, or is not known.
    """
    from scimport.confirm import Confirming  # noqa: PLC0415 - not needed for --help
    from scimport.state.retries import Retries  # noqa: PLC0415

    most, retries = pipeline.config.max_attempts, Retries(pipeline.name)
    with opened(project) as database:
        try:
            Confirming(project, database, pipeline.name).read()
        except LogError as error:
            output.problems(error.problems)
        with database.read() as connection:
            if keys:
                if unknown := sorted(set(keys) - retries.undone(connection)):
                    message = "the person is not among those who were accepted and did not arrive"
                    hint = f"`scimport trace {unknown[0]}` tells what is known."
                    raise UsageError(Problem(Code.UNKNOWN_RECORD, message, hint=hint, key=unknown[0]))
                return _Undone(tuple(keys), (), 0)
            return _Undone(
                tuple(retries.keys(connection, most)),
                tuple(retries.standing(connection, most, LISTED)),
                retries.standing_count(connection, most),
            )


def _say_standing(output: Output, pipeline: Pipeline, undone: _Undone) -> None:
    """List those who are not sent again, and what to do about them."""
    if not undone.standing_count:
        return
    people = plural(undone.standing_count, "person was", "people were")
    rows = [
        (one.key, one.status, one.attempts, one.code, one.reason, one.recommended_action)
        for one in undone.standing
    ]
    columns = ("key", "status", "attempts", "code", "reason", "recommended action")
    shown = f", the first {len(rows)}" if len(rows) < undone.standing_count else ""
    output.table(f"{people} sent max_attempts times and did not arrive{shown}", columns, rows)
    output.say(
        "They are sent again when their record changes;"
        f" until then with `scimport retry {pipeline.name} --key KEY`, after what is wrong was mended."
    )
