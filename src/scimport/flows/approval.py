"""A flow run that waits for the approval of the plan that a guard has stopped.

It is suspended: its process ends, and neither the pipeline's lock nor a worker is held. When it is resumed
it begins again, finds in the state the plan that it has waited for, and applies exactly that one. The state
says who waits for what, so that an approval on the command line, a discard or a newer plan reach it too.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Annotated
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.states import Cancelled, Completed
from pydantic import Field, StringConstraints

from scimport.flows.artifacts import Artifacts, harmless
from scimport.project import Pipeline, Project
from scimport.state import open_state
from scimport.state.plans import Plans, PlanState, Review, awaited, find_plan, waited_for

# Prefect's server checks the form by its JSON Schema.
_Words = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"\S")]


class Approval(RunInput):
    """The form on Prefect's page: its server does not know who somebody is, so it asks."""

    name: _Words = Field(title="Your name", description="Kept with the plan.")
    reason: _Words = Field(
        title="Reason", description="Why this plan may be sent. Kept with the plan; name no person here."
    )


ON_THE_COMMAND_LINE = {"name": "scimport approve", "reason": "See scimport show."}
"""What stands in the form when the approval, with who and why, is in the state already."""


def wait(project: Project, pipeline: Pipeline, plan_id: str) -> None:
    """Suspend this flow run until somebody approves the plan, at most ``approval_within``.

    Returns only where it cannot be suspended: the pipeline wants none of it, no deployment would run it
    again, or it is a part of another flow run.
    """
    if not (runtime.deployment.id and pipeline.config.approval_within) or runtime.flow_run.parent_flow_run_id:
        return
    with closing(open_state(project)) as database, database.write() as connection:
        review, now = find_plan(connection, plan_id), database.now(connection)
        if review is None or review.state is not PlanState.STAGED or review.approved_by:
            return
        until = min(now + pipeline.config.approval_within, review.expires_at)
        Plans(database, pipeline.name).wait(connection, plan_id, _flow_run(), until)
    form = Approval.with_initial_data(description=Artifacts(pipeline.name).plan(review, until))
    with harmless("The flow run cannot be suspended"):
        suspend_flow_run(wait_for_input=form, timeout=int(until - now), key=plan_id)


def taken_up(project: Project) -> str | None:
    """Id of the plan that this flow run was suspended for, now approved; ``None`` for a run that begins.

    Who and why are those of the form, unless the plan was approved on the command line before.
    """
    with closing(open_state(project)) as database:
        with database.read() as connection:
            review = awaited(connection, _flow_run())
        if review is None:
            return None
        given = suspend_flow_run(wait_for_input=Approval, timeout=60, key=review.id)
        plans = Plans(database, review.pipeline)
        with database.write() as connection:
            now = find_plan(connection, review.id)
            if now is not None and now.state is PlanState.STAGED and not now.approved_by:
                plans.approve(connection, review.id, f"{given.name} (Prefect)", given.reason)
            plans.wait(connection, review.id, "")
    return review.id


def settle(project: Project, pipeline: str) -> None:
    """Tell the flow runs that wait for plans of a pipeline what became of these: go on, or end."""
    with closing(open_state(project)) as database:
        with database.read() as connection:
            waiting = [one for one in waited_for(connection, pipeline) if one.waiter != _flow_run()]
        for review in waiting:
            if review.state is PlanState.STAGED and not review.approved_by:
                continue
            with get_client(sync_client=True) as client, suppress(ObjectNotFound):
                _tell(client, review)
            if review.state is not PlanState.STAGED:
                with database.write() as connection:
                    Plans(database, pipeline).wait(connection, review.id, "")


def _tell(client: SyncPrefectClient, review: Review) -> None:
    number = UUID(review.waiter)
    state = client.read_flow_run(number).state
    if state is None or not state.is_paused():
        return
    if review.state is PlanState.STAGED:
        client.resume_flow_run(number, run_input=ON_THE_COMMAND_LINE)
    elif review.state is PlanState.DONE:
        client.set_flow_run_state(number, Completed(message="The plan was applied elsewhere."), force=True)
    else:
        words = f"The plan {review.id} is {review.state}: there is nothing left to wait for."
        client.set_flow_run_state(number, Cancelled(message=words), force=True)


def _flow_run() -> str:
    """Id of the flow run that this is; of none outside of one, so that nothing in the state waits for it."""
    return str(runtime.flow_run.id or "none")
