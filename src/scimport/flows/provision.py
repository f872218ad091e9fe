"""The flow ``provision``: one pipeline run, a task for each part and stage.

The stages are those of :mod:`scimport.stages`; this module only calls them as tasks and shows what they
say. A task is a part or a stage, never a record: each costs the server some tens of milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from scimport.flows.artifacts import Artifacts
from scimport.model import RunSummary
from scimport.plan import Selection
from scimport.project import Project, find_project, open_project
from scimport.stages import PipelineRun, Progress

T = TypeVar("T")

listener: ContextVar[Callable[[Progress], None] | None] = ContextVar("listener", default=None)
"""Told how far a run is, beside Prefect's artifacts: the progress bar of the command line."""

show_values: ContextVar[bool] = ContextVar("show_values", default=False)


@flow(name="provision", flow_run_name="{pipeline}", persist_result=False, validate_parameters=True)
def provision(
    pipeline: Annotated[str, Field(description="Name of the pipeline: its file in pipelines/ without .yml.")],
    project: Annotated[str | None, Field(description="The project folder; else looked for upwards.")] = None,
    full: Annotated[bool, Field(description="Send everybody, changed or not.")] = False,
    limit: Annotated[int | None, Field(description="Send this many people at most.", ge=0)] = None,
    keys: Annotated[list[str] | None, Field(description="Consider these keys alone.")] = None,
) -> RunSummary:
    """Load one pipeline: extract, map, plan what changed, deliver it."""
    selection = Selection(full=full, limit=limit, keys=frozenset(keys or ()))
    artifacts, tell = Artifacts(pipeline), listener.get()

    def progress(now: Progress) -> None:
        artifacts.progress(now)
        if tell is not None:
            tell(now)

    run = PipelineRun(
        _project(project),
        pipeline,
        selection,
        show_values=show_values.get(),
        on_progress=progress,
        stop=threading.Event(),
    )
    try:
        with run:
            if run.unfinished():
                _stage("resume", run.finish_interrupted)
            part = 1
            while _stage(f"extract-map part {part}", run.extract):
                part += 1
            _stage("plan", run.plan)
            _stage("deliver", run.deliver)
    finally:
        artifacts.result(run)
    return run.summary


def _stage(name: str, work: Callable[[], T]) -> T:
    """Call a stage as a task. Nothing of it is cached or stored: what it leaves behind is in the state."""

    def stage() -> T:
        return work()

    family = name.partition(" part ")[0]
    as_task = task(name=family, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)
    return as_task(stage)()


def _project(folder: str | None) -> Project:
    return find_project(Path.cwd()) if folder is None else open_project(Path(folder))
