"""The pipelines as Prefect deployments: served on this machine, or registered for workers elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta

from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from scimport.flows.provision import provision
from scimport.project import Pipeline, Project

_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)

TAG = "scimport"
"""Marks our deployments, so that those of pipelines that are gone can be found."""


def serve_pipelines(project: Project, *, on_ready: Callable[[list[str]], None]) -> None:
    """Run the schedules of all pipelines, on the server of this process, until it is stopped.

    Args:
        project: The project folder.
        on_ready: Called with the deployments' names.
    """
    deployments = list(_deployments(project))
    names = [deployment.name for deployment in deployments]
    _forget_others(project, names)
    _end_stale_runs()
    on_ready(names)
    serve(*deployments, pause_on_shutdown=False, limit=4, print_starting_message=False)


def deploy_pipelines(project: Project, *, pool: str) -> list[str]:
    """Register the pipelines with the configured Prefect API, for the workers of a pool.

    Returns:
        The deployments' names.
    """
    names = []
    for deployment in _deployments(project):
        deployment.work_pool_name = pool
        deployment.apply()
        names.append(deployment.name)
    _forget_others(project, names)
    return names


def _deployments(project: Project) -> Iterator[RunnerDeployment]:
    for name in project.pipeline_names:
        yield _deployment(project, project.pipeline(name))


def _deployment(project: Project, pipeline: Pipeline) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        provision,
        name=pipeline.name,
        description=pipeline.config.description,
        parameters={"pipeline": pipeline.name, "project": str(project.root)},
        schedule=_schedule(pipeline),
        tags=[TAG],
        # A second run of a pipeline would find it locked; it is not even begun.
        concurrency_limit=_ONE_AT_A_TIME,
        # By module: the pool's workers have scimport installed, and need no copy of its files.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _schedule(pipeline: Pipeline) -> Schedule | None:
    wanted = pipeline.config.schedule
    if wanted is None:
        return None
    if wanted.cron is not None:
        return Cron(wanted.cron, timezone=wanted.timezone)
    return Interval(timedelta(seconds=wanted.interval or 0), timezone=wanted.timezone)


def _ours(project: Project, client: SyncPrefectClient) -> list[DeploymentResponse]:
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = client.read_deployments(deployment_filter=wanted, limit=200)
    return [one for one in found if one.parameters.get("project") == str(project.root)]


def _forget_others(project: Project, names: Collection[str]) -> None:
    """Take down the deployments of pipelines that are gone from the project: their schedules would go on."""
    with get_client(sync_client=True) as client:
        for deployment in _ours(project, client):
            if deployment.name not in names:
                client.delete_deployment(deployment.id)


def _end_stale_runs() -> None:
    """Close the runs of a server that was stopped under them: they would hold their pipelines for ever.

    Only for a server of our own: nobody else's runs are on it, and none of ours is running yet.
    """
    running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
    with get_client(sync_client=True) as client:
        for flow_run in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=running)):
            client.set_flow_run_state(flow_run.id, Crashed(message="The server was stopped."), force=True)
