"""The pipelines as Prefect deployments: served on this machine, or registered for workers elsewhere."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import (  # type: ignore[attr-defined] # VersionType has no public home
    RunnerDeployment,
    VersionType,
)
from prefect.exceptions import ObjectNotFound, ScriptError
from prefect.runner import Runner
from prefect.runner.storage import LocalStorage
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.importtools import load_script_as_module

import scimport
from scimport.codes import Code
from scimport.errors import ConfigError, ScimportError, UsageError
from scimport.flows.confirm import confirm
from scimport.flows.provision import provision
from scimport.model import Problem
from scimport.project import Pipeline, Project

PROCESSES = 4
"""Runs at the same time, each a process."""

LOOK_EVERY = timedelta(minutes=30)
"""Between two looks at a pipeline's log, beside those that follow each load: later cycles change outcomes."""

# A second run of a pipeline would find it locked; it is not even begun.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)

# Interval schedules count from here: from the start of the service, one that restarts often would never run.
_ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)


def serve_pipelines(project: Project, *, own_server: bool, on_ready: Callable[[list[str]], None]) -> None:
    """Run the schedules of all pipelines until SIGINT (Ctrl-C) or SIGTERM.

    Runs that go on then finish the requests in flight, write them down, and end as cancelled.

    Args:
        project: The project folder; becomes the working directory, of the runs too.
        own_server: Whether the server is this command's: nobody else's runs are on it.
        on_ready: Called with the names of the deployments.

    Raises:
        ConfigError: A pipeline or a Python flow cannot be loaded.
        ScimportError: The server is lost.
    """
    os.chdir(project.root)
    deployments = _deployments(project)
    if own_server:
        _end_stale_runs()
    _tidy(project, deployments, pool=None)
    try:
        asyncio.run(_serve(deployments, on_ready))
    except Exception as error:
        message = "the Prefect server does not answer any more"
        hint = "Start the service again. If it is its own server that failed: .scimport/prefect/server.log."
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint)) from error


def deploy_pipelines(project: Project, *, pool: str) -> list[str]:
    """Register the pipelines with the configured Prefect API, for the workers of a pool.

    Workers need scimport, and the project in the same folder.

    Returns:
        The names of the deployments.

    Raises:
        ConfigError: A pipeline or a Python flow cannot be loaded.
        UsageError: There is no such pool.
    """
    os.chdir(project.root)
    _check_pool(pool)
    deployments = _deployments(project)
    _tidy(project, deployments, pool=pool)
    for deployment in deployments:
        deployment.work_pool_name = pool
        deployment.storage = LocalStorage(str(project.root))
        deployment.apply()
    return _names(deployments)


class _Runner(Runner):
    """Ends in order: Prefect 3.8 exits at once, and leaves its runs "Running" for ever."""

    def handle_sigterm(self, *_args: object, **_kwargs: object) -> None:
        self.execute_in_background(self.astop)


async def _serve(deployments: list[RunnerDeployment], on_ready: Callable[[list[str]], None]) -> None:
    runner = _Runner(name="scimport", pause_on_shutdown=False, limit=PROCESSES)
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
    on_ready(_names(deployments))
    signal.signal(signal.SIGINT, runner.handle_sigterm)
    await runner.start()


def _names(deployments: list[RunnerDeployment]) -> list[str]:
    """Each pipeline has two deployments, and is named once."""
    return list(dict.fromkeys(deployment.name for deployment in deployments))


def _deployments(project: Project) -> list[RunnerDeployment]:
    pipelines = [
        one for name in project.pipeline_names for one in _of_pipeline(project, project.pipeline(name))
    ]
    files = sorted((project.root / "pipelines").glob("*.py"))
    for file in files:
        _check_name(file)
    return [*pipelines, *(deployment for file in files for deployment in _of_file(project, file))]


def _of_pipeline(project: Project, pipeline: Pipeline) -> Iterator[RunnerDeployment]:
    """A pipeline's load, and the look at what became of it."""
    loads = (provision, pipeline.config.description, _schedule(pipeline), _ONE_AT_A_TIME)
    looks = (confirm, confirm.description, Interval(LOOK_EVERY, anchor_date=_ANCHOR), None)
    for flow, description, schedule, limit in (loads, looks):
        yield RunnerDeployment.from_flow(
            flow,
            name=pipeline.name,
            description=description,
            parameters={"pipeline": pipeline.name, "project": str(project.root)},
            schedule=schedule,
            tags=[_tag(project)],
            version=scimport.__version__,
            version_type=VersionType.SIMPLE,
            concurrency_limit=limit,
            # By module: who runs it has scimport installed, and needs no copy of its files.
            entrypoint_type=EntrypointType.MODULE_PATH,
        )


def _schedule(pipeline: Pipeline) -> Schedule | None:
    wanted = pipeline.config.schedule
    if wanted is None:
        return None
    if wanted.cron is not None:
        return Cron(wanted.cron, timezone=wanted.timezone)
    return Interval(timedelta(seconds=wanted.interval or 0), timezone=wanted.timezone, anchor_date=_ANCHOR)


def _check_name(file: Path) -> None:
    """Prefect puts the file's folder first on sys.path, for itself and for all that is imported later."""
    spec = importlib.util.find_spec(file.stem)
    if spec is not None and Path(spec.origin or "").resolve() != file.resolve():
        name, hint = f"pipelines/{file.name}", "Rename the file."
        raise ConfigError(Problem(Code.BAD_VALUE, f"it hides the module {file.stem}", hint=hint, file=name))


def _of_file(project: Project, file: Path) -> Iterator[RunnerDeployment]:
    """The flows that a Python file defines, without a schedule; those that it imports are not its own."""
    name = f"pipelines/{file.name}"
    try:
        module = load_script_as_module(name)
    except ScriptError as error:
        message = f"the file fails: {type(error.user_exc).__name__}"
        hint = f"See what python {name} says."
        raise ConfigError(Problem(Code.BAD_VALUE, message, hint=hint, file=name)) from None
    for found in vars(module).values():
        if isinstance(found, Flow) and found.fn.__module__ == module.__name__:
            yield RunnerDeployment.from_flow(
                found,
                name=file.stem,
                tags=[_tag(project)],
                version=scimport.__version__,
                version_type=VersionType.SIMPLE,
                concurrency_limit=_ONE_AT_A_TIME,
            )


def _tidy(project: Project, deployments: list[RunnerDeployment], *, pool: str | None) -> None:
    """Take down deployments whose pipelines are gone, and let what an operator has paused stay paused.

    Args:
        project: The project folder.
        deployments: Those that will be registered; whether they are paused is written into them.
        pool: Where they will run; a deployment that ran elsewhere is made anew.
    """
    with get_client(sync_client=True) as client:
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[_tag(project)]))
        gone = {one.id for one in client.read_deployments(deployment_filter=ours, limit=200)}
        for deployment in deployments:
            with suppress(ObjectNotFound):
                there = client.read_deployment_by_name(deployment.full_name)
                _stay_paused(deployment, there)
                (gone.discard if there.work_pool_name == pool else gone.add)(there.id)
        for deployment_id in gone:
            client.delete_deployment(deployment_id)


def _stay_paused(deployment: RunnerDeployment, there: DeploymentResponse) -> None:
    deployment.paused = there.paused
    if not all(schedule.active for schedule in there.schedules):
        for schedule in deployment.schedules or ():
            schedule.active = False


def _tag(project: Project) -> str:
    """Marks the deployments of a project, so that those of pipelines that are gone can be found."""
    return f"scimport:{project.root}"


def _end_stale_runs() -> None:
    """Close the runs of a server that was stopped under them: they would hold their pipelines for ever."""
    running = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    )
    with get_client(sync_client=True) as client:
        for flow_run in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=running)):
            client.set_flow_run_state(flow_run.id, Crashed(message="The server was stopped."))


def _check_pool(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            hint = f"Make it with: prefect work-pool create {name} --type process"
            message = f"the Prefect server has no work pool '{name}'"
            raise UsageError(Problem(Code.MISSING_REFERENCE, message, hint=hint)) from None
