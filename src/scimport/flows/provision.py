"""The flow ``provision``: one pipeline run, a task for each part and stage.

The stages are those of :mod:`scimport.stages`; this module only calls them as tasks and shows what they
say. A task is a part or a stage, never a record: each costs the server some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field

from scimport.errors import GuardStop
from scimport.flows import approval
from scimport.flows.artifacts import Artifacts, harmless
from scimport.flows.confirm import schedule_confirm
from scimport.flows.outcome import clean, log, project_of, words
from scimport.model import RunSummary
from scimport.notice import noticed
from scimport.plan import Selection
from scimport.project import Project
from scimport.stages import PipelineRun, Progress
from scimport.state.outcomes import OutcomeCounts
from scimport.verdict import shortcomings

T = TypeVar("T")


@dataclass(slots=True)
class Caller:
    """Who called the flow in this process, and what came out: Prefect's server is not asked for that.

    Attributes:
        on_progress: Told how far the run is, beside the artifact.
        show_values: Whether the file of problems has the offending values.
        summary: What the run came to, once it is known.
        error: Why it failed.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    show_values: bool = False
    summary: RunSummary | None = None
    error: Exception | None = None


caller: ContextVar[Caller] = ContextVar("caller")
"""Set by whoever calls the flow in this process and wants more than Prefect's pages."""


@flow(name="provision", flow_run_name="{pipeline}", persist_result=False)
def provision(
    pipeline: Annotated[str, Field(description="Name of the pipeline: its file in pipelines/ without .yml.")],
    project: Annotated[str | None, Field(description="The project folder; else looked for upwards.")] = None,
    full: Annotated[bool, Field(description="Send everybody, changed or not.")] = False,
    limit: Annotated[int | None, Field(description="Send this many people at most.", ge=0)] = None,
    keys: Annotated[list[str] | None, Field(description="Consider these keys alone.")] = None,
    queue_anyway: Annotated[
        bool, Field(description="Send to a paused job too: people wait there until it starts.")
    ] = False,
) -> RunSummary:
    """Load one pipeline: extract, map, plan what changed, deliver it."""
    who = caller.get(Caller())
    try:
        selection = Selection(full=full, limit=limit, keys=frozenset(keys or ()))
        opened = project_of(project)
        who.summary = _provision(opened, pipeline, selection, who, queue_anyway=queue_anyway)
    except Exception as error:  # noqa: BLE001 - handed on, in a form that is fit for Prefect's database
        who.error = error
        log(error)
        # The call of the flow raises what is in the state.
        return cast("RunSummary", Failed(message=words(error), data=clean(error)))
    plan, delivery = who.summary.plan, who.summary.delivery
    said = f"{delivery.accepted} accepted, {delivery.rejected} rejected, {plan.invalid} invalid"
    config = project_of(project).pipeline(pipeline).config
    name = "Degraded" if shortcomings(config, OutcomeCounts(), who.summary) else None
    return cast("RunSummary", Completed(name=name, message=said, data=who.summary))


def _provision(
    project: Project, pipeline: str, selection: Selection, who: Caller, *, queue_anyway: bool
) -> RunSummary:
    if (plan_id := approval.taken_up(project)) is not None:
        run = _run(project, pipeline, Selection(), who, queue_anyway=queue_anyway)
        return _work(run, lambda run: _apply(run, plan_id))
    run = _run(project, pipeline, selection, who, queue_anyway=queue_anyway)
    try:
        return _work(run, _load)
    except GuardStop:
        # Returns only where the approval cannot be waited for.
        approval.wait(project, run.pipeline, run.summary.plan_id)
        raise
    finally:
        with harmless("Flow runs that wait for older plans could not be told"):
            approval.settle(project, pipeline)


def _run(
    project: Project, pipeline: str, selection: Selection, who: Caller, *, queue_anyway: bool
) -> PipelineRun:
    artifacts = Artifacts(pipeline)

    def progress(now: Progress) -> None:
        artifacts.progress(now)
        who.on_progress(now)

    return PipelineRun(
        project,
        pipeline,
        selection,
        show_values=who.show_values,
        on_progress=progress,
        queue_anyway=queue_anyway,
    )


def _work(run: PipelineRun, stages: Callable[[PipelineRun], None]) -> RunSummary:
    with noticed(run):
        try:
            stages(run)
        finally:
            Artifacts(run.pipeline.name).result(run)
    for note in run.summary.notes:
        get_run_logger().warning("%s: %s %s", note.code, note.message, note.hint)
    if run.summary.delivery.accepted:
        schedule_confirm(run.pipeline.name)
    return run.summary


def _load(run: PipelineRun) -> None:
    if run.unfinished():
        _stage("resume", run.finish_interrupted)
    part = 1
    while _stage("extract-map", run.extract, f"extract-map part {part}"):
        part += 1
    _stage("plan", run.plan)
    _stage("deliver", run.deliver)


def _apply(run: PipelineRun, plan_id: str) -> None:
    _stage("apply", lambda: run.apply(plan_id))


def _stage(name: str, work: Callable[[], T], run_name: str = "") -> T:
    """Call a stage as a task. Prefect is given none of its results: what it leaves behind is in the state."""
    results: list[T] = []
    errors: list[Exception] = []

    @task(name=name, task_run_name=run_name or name, cache_policy=NO_CACHE, persist_result=False)
    def stage() -> State[None] | None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - as above
            errors.append(error)
            return Failed(message=words(error))
        return None

    stage()
    if errors:
        raise errors[0]
    return results[0]
