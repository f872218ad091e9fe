"""``scimport plan``, ``run`` and ``resume``."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from scimport.cli import options
from scimport.cli.confirm import look
from scimport.cli.listing import (
    LABELS,
    Attribute,
    Only,
    Page,
    Top,
    View,
    listed,
    reviewed,
    say_cost,
    tell_waiting,
    time_text,
)
from scimport.cli.output import Output, plural, problem_document, run_document
from scimport.codes import Code
from scimport.errors import GuardStop, Interrupted, ScimportError, UsageError
from scimport.model import Problem, RunSummary, Severity

if TYPE_CHECKING:
    from scimport.plan import Selection
    from scimport.project import Project
    from scimport.stages import PipelineRun, Progress


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("plan")(plan)
    app.command("run")(run)
    app.command("resume")(resume)


def plan(
    context: typer.Context,
    name: options.Name,
    requests: Annotated[
        Path | None,
        typer.Option(
            "--requests", metavar="DIR", help="Write the exact request bodies there: request-00001.json ..."
        ),
    ] = None,
    full: options.Full = False,
    limit: options.Limit = None,
    key: options.Keys = None,
    only: Only = None,
    attribute: Attribute = None,
    top: Top = None,
    page: Page = 1,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Find out what would be sent, without sending anything."""
    from scimport.plan import Selection  # noqa: PLC0415
    from scimport.stages import PipelineRun  # noqa: PLC0415

    output, project = Output(as_json=as_json), options.find(context)
    selection = Selection(full=full, limit=limit, keys=frozenset(key or ()))
    with _stoppable(name), progress(output) as tell:
        work = PipelineRun(project, name, selection, show_values=show_values, on_progress=tell)
        with work:
            build(work)
            written = work.write_requests(requests) if requests else 0
    view = View(only, attribute, (), top, page, show_values)
    say_plan(output, project, work, view, written=(requests, written))


def run(
    context: typer.Context,
    names: options.Names = None,
    everything: options.All = False,
    full: options.Full = False,
    limit: options.Limit = None,
    key: options.Keys = None,
    show_values: options.ShowValues = False,
    wait: options.Wait = False,
    queue_anyway: options.QueueAnyway = False,
    prefect: Annotated[
        bool | None,
        typer.Option(
            "--prefect/--no-prefect",
            help="Run as a Prefect flow or directly; else a flow where a Prefect API or serve is up.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Load pipelines: extract, map, plan what changed, deliver it, look what became of it."""
    from scimport.plan import Selection  # noqa: PLC0415

    project = options.find(context)
    pipelines = options.chosen(project, names, everything=everything)
    if key and len(pipelines) > 1:
        raise UsageError(
            Problem(Code.BAD_VALUE, "--key is for one pipeline", hint="Name the pipeline of the key.")
        )
    selection = Selection(full=full, limit=limit, keys=frozenset(key or ()))
    output = Output(as_json=as_json)
    with _runner(project, prefect, output) as runner:
        each_run(
            project,
            pipelines,
            lambda name, tell: runner(
                project,
                name,
                selection,
                show_values=show_values,
                queue_anyway=queue_anyway,
                on_progress=tell,
            ),
            output,
            several=everything or len(pipelines) > 1,
            wait=wait,
        )


def resume(
    context: typer.Context,
    names: options.Names = None,
    wait: options.Wait = False,
    queue_anyway: options.QueueAnyway = False,
    as_json: options.Json = False,
) -> None:
    """Finish deliveries that were cut off; all pipelines when none is named."""
    from scimport.notice import noticed  # noqa: PLC0415
    from scimport.plan import Selection  # noqa: PLC0415
    from scimport.stages import PipelineRun, unfinished  # noqa: PLC0415

    project = options.find(context)
    pipelines = tuple(name for name in names or project.pipeline_names if unfinished(project, name))
    output = Output(as_json=as_json)
    if not pipelines:
        output.problems(
            [
                Problem(
                    Code.NOTHING_TO_RESUME, "no delivery was cut off", Severity.NOTE, "Nothing is left to do."
                )
            ]
        )
        output.json({"runs": []})
        return

    def finish(name: str, tell: Callable[[Progress], None]) -> RunSummary:
        work = PipelineRun(project, name, Selection(), on_progress=tell, queue_anyway=queue_anyway)
        with noticed(work):
            work.finish_interrupted()
        return work.summary

    each_run(project, pipelines, finish, output, several=len(names or ()) != 1, wait=wait)


def say_plan(
    output: Output, project: Project, work: PipelineRun, view: View, *, written: tuple[Path | None, int]
) -> NoReturn:
    """Print a plan that was just made, and exit as it says.

    Args:
        output: Where to.
        project: The project.
        work: The run that made the plan, at its end.
        view: What of it to show.
        written: The folder that requests were written to, if they were, and how many.
    """
    from scimport.verdict import DEGRADED  # noqa: PLC0415 - not needed for --help

    output.summary(work.summary)
    tell_waiting(output, project, work.pipeline.name)
    plan_id, (folder, count) = work.summary.plan_id, written
    with reviewed(project, plan_id) as (database, review):
        people = listed(output, database, review, view)
        output.say(LABELS)
        cost = say_cost(output, database, work.pipeline, review)
    output.say("Nothing was sent.")
    if folder:
        output.say(f"{plural(count, 'request body', 'request bodies')} in {folder}.")
    output.problems(work.stopped)
    stopped = [problem_document(one) for one in work.stopped]
    then = f'`scimport approve {plan_id} --reason "..."`, then ' if stopped else ""
    until = time_text(review.expires_at)
    output.say(
        f"See more with `scimport show {plan_id}`; send exactly it with {then}`scimport apply {plan_id}`,"
        f" until {until}."
    )
    document = run_document(work.summary) | {"requests": count, "stopped": stopped}
    output.json(document | {"cost": cost, "expires_at": until, "changes": people})
    raise typer.Exit(GuardStop.exit_code if stopped else DEGRADED if work.summary.plan.invalid else 0)


def load(
    project: Project,
    name: str,
    selection: Selection,
    *,
    show_values: bool,
    queue_anyway: bool,
    on_progress: Callable[[Progress], None],
) -> RunSummary:
    """Run a pipeline in this process, without Prefect."""
    from scimport.flows.waiting import tell_waiting as tell  # noqa: PLC0415 - not needed for --help
    from scimport.notice import noticed  # noqa: PLC0415
    from scimport.stages import PipelineRun  # noqa: PLC0415

    stop = threading.Event()
    run = PipelineRun(
        project,
        name,
        selection,
        show_values=show_values,
        on_progress=on_progress,
        stop=stop,
        queue_anyway=queue_anyway,
    )
    try:
        with noticed(run):
            run.finish_interrupted()
            build(run)
            run.deliver()
    finally:
        # A newer plan has taken the place of those that flow runs wait for.
        with suppress(ScimportError):
            tell(project, name)
    return run.summary


def build(work: PipelineRun) -> None:
    """Extract to the end, and complete the plan."""
    while work.extract():
        pass
    work.plan()


def each_run(
    project: Project,
    names: tuple[str, ...],
    load_one: Callable[[str, Callable[[Progress], None]], RunSummary],
    output: Output,
    *,
    several: bool,
    wait: bool = False,
) -> None:
    """Load one pipeline after the other: a failure of one does not keep the others from loading."""
    documents: list[dict[str, Any]] = []
    codes: list[int] = []
    for name in names:
        try:
            with _stoppable(name), progress(output) as tell:
                summary = load_one(name, tell)
        except ScimportError as error:
            Output(as_json=True).problems(error.problems)
            documents.append({"pipeline": name, "error": [problem_document(one) for one in error.problems]})
            codes.append(error.exit_code)
            if isinstance(error, Interrupted):
                break
        else:
            output.summary(summary)
            document, code = _after(project, summary, output, wait=wait)
            documents.append(document)
            codes.append(code)
    output.json({"runs": documents} if several else documents[0])
    # The gravest first: failed, wrong, guard, degraded.
    raise typer.Exit(next((code for code in (1, 2, 3, 4) if code in codes), 0))


def _after(
    project: Project, summary: RunSummary, output: Output, *, wait: bool
) -> tuple[dict[str, Any], int]:
    """Look what became of a run's people; gives its document and its exit code."""
    from scimport.verdict import DEGRADED, shortcomings  # noqa: PLC0415 - not needed for --help

    outcomes, unreadable = look(project, summary, output, wait=wait)
    Output(as_json=True).problems(unreadable)
    wrong = shortcomings(project.pipeline(summary.pipeline).config, outcomes, summary)
    document = run_document(summary) | {"outcomes": dataclasses.asdict(outcomes), "degraded": wrong}
    if unreadable:
        document["error"] = [problem_document(one) for one in unreadable]
    # Who did not ask to wait can look later.
    return document, 1 if unreadable and wait else DEGRADED if wrong else 0


@contextmanager
def _stoppable(name: str) -> Iterator[None]:
    """Ctrl-C, or a signal, before anything was sent ends in order: with a message and the JSON document."""
    try:
        yield
    except KeyboardInterrupt:
        hint = f"Run it again: `scimport run {name}` finishes first what was staged."
        raise Interrupted(Problem(Code.INTERRUPTED, "stopped before the end", hint=hint)) from None


@contextmanager
def progress(output: Output) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal; nothing where nobody looks."""
    if not output.console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(now: Any) -> None:
            if now.stage not in tasks:
                tasks[now.stage] = bar.add_task(now.stage, total=now.total)
            bar.update(tasks[now.stage], completed=now.done, total=now.total)

        yield tell


@contextmanager
def waiting(output: Output, text: str) -> Iterator[None]:
    """Say what takes its time, with a spinner on a terminal."""
    if output.console.is_terminal:
        with output.console.status(text):
            yield
    else:
        output.say(text)
        yield


@contextmanager
def _runner(project: Project, prefect: bool | None, output: Output) -> Iterator[Callable[..., RunSummary]]:
    """How pipelines are run: directly, or as flows where that is wanted or a Prefect API is there."""
    if prefect is False:
        yield load
        return
    from scimport.flows.server import find_api  # noqa: PLC0415 - not needed without Prefect

    url = find_api(project)
    if url is None and not prefect:
        yield load
        return
    from scimport.flows.runner import flow_runner  # noqa: PLC0415

    with ExitStack() as exits:
        with waiting(output, "Starting Prefect ..."):
            as_flow = exits.enter_context(flow_runner(project, url))
        yield as_flow
