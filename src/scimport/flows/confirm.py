"""The flow ``confirm``: one short read of a pipeline's log, again and again until nobody waits.

Each read is a run of its own, which the one before schedules: none blocks a worker while a log lags.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, Scheduled
from pydantic import Field

from scimport.confirm import FIRST_PAUSE, LAG, Confirming, longer
from scimport.flows.outcome import clean, log, project_of, words
from scimport.notice import noticed_look
from scimport.project import Project
from scimport.state import open_state
from scimport.state.outcomes import OutcomeCounts
from scimport.verdict import shortcomings


@flow(name="confirm", flow_run_name="{pipeline} log", persist_result=False)
def confirm(
    pipeline: Annotated[str, Field(description="Name of the pipeline: its file in pipelines/ without .yml.")],
    project: Annotated[str | None, Field(description="The project folder; else looked for upwards.")] = None,
    pause: Annotated[
        float | None, Field(description="Seconds until the next read while somebody waits; else none.", gt=0)
    ] = None,
) -> OutcomeCounts:
    """Find out from the app's provisioning log what became of the people who were delivered."""
    try:
        counts, wrong = _read(project_of(project), pipeline, pause)
    except Exception as error:  # noqa: BLE001 - handed on, in a form that is fit for Prefect's database
        log(error)
        return cast("OutcomeCounts", Failed(message=words(error), data=clean(error)))
    said = f"{counts.provisioned} provisioned, {counts.skipped} skipped, {counts.waiting} waiting"
    message = "; ".join((said, *wrong))
    return cast("OutcomeCounts", Completed(name="Degraded" if wrong else None, message=message, data=counts))


def _read(project: Project, pipeline: str, pause: float | None) -> tuple[OutcomeCounts, tuple[str, ...]]:
    database = open_state(project)
    try:
        confirming = Confirming(project, database, pipeline)
        try:
            with noticed_look(confirming):
                confirming.read()
        finally:
            # Also where the log could not be read this time.
            if pause is not None and (left := confirming.left()) is not None:
                schedule_confirm(pipeline, min(pause, left), longer(pause))
        counts = confirming.counts()
        return counts, shortcomings(confirming.pipeline.config, counts)
    finally:
        database.close()


def schedule_confirm(pipeline: str, seconds: float = LAG, pause: float = FIRST_PAUSE) -> None:
    """Let a pipeline's log be read in so many seconds, where the pipeline is deployed.

    Args:
        pipeline: Name of the pipeline.
        seconds: From now.
        pause: Seconds from that read to the one after it, if somebody still waits then.
    """
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    try:
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(f"{confirm.name}/{pipeline}")
            parameters = {**deployment.parameters, "pause": pause}
            state: State[Any] = Scheduled(scheduled_time=at)
            client.create_flow_run_from_deployment(deployment.id, parameters=parameters, state=state)
    except ObjectNotFound:
        # A run of a server that is there for its time alone: whoever called it looks at the log.
        return
    except Exception as error:  # noqa: BLE001 - whatever Prefect's client raises; the load itself went well
        name = type(error).__name__
        get_run_logger().warning("No look at the log could be scheduled (%s): scimport confirm", name)
