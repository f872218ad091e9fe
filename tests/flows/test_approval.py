from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from tests.flows.conftest import Served, Shop, eventually, execute, scimport

from scimport.flows.provision import provision
from scimport.state import Database, locks
from scimport.state.plans import Review, list_plans


class Office:
    """A shop whose 30 people were loaded, and are then all marked as gone."""

    def __init__(self, shop: Shop, api: SyncPrefectClient) -> None:
        self.shop, self.api, self.root = shop, api, shop.project.root
        shop.people(30)
        provision("people", project=str(self.root))
        self.edit("people.csv", ",A", ",T")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the project."""
        path = self.root / name
        path.write_text(path.read_text().replace(old, new))

    def begin(self, deployment: str) -> UUID:
        """Start a run of a deployment."""
        number = self.api.read_deployment_by_name(deployment).id
        parameters = {"pipeline": "people", "project": str(self.root)}
        return self.api.create_flow_run_from_deployment(number, parameters=parameters).id

    def suspended(self) -> UUID:
        """A run of a deployment that nobody serves, suspended."""
        run = self.begin("provision/people")
        execute(self.api, run)
        assert self.state(run)[0] == "Suspended"
        return run

    def state(self, run: UUID) -> tuple[str | None, str | None]:
        """State and message of a flow run."""
        state = self.api.read_flow_run(run).state
        return (None, None) if state is None else (state.name, state.message)

    def ended(self, run: UUID) -> tuple[str | None, str | None]:
        """The same at its end."""
        eventually(lambda: (state := self.api.read_flow_run(run).state) and state.is_final())
        return self.state(run)

    @property
    def plan(self) -> Review:
        """The newest plan."""
        database = Database(self.shop.project.state_url)
        with database.read() as connection:
            newest = list_plans(connection, "people")[0]
        database.close()
        return newest

    def artifact(self, run: UUID) -> Any:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        found = {one.key: one.data for one in self.api.read_artifacts(artifact_filter=wanted)}
        return found["people-plan"]


@pytest.fixture
def office(shop: Shop, api: SyncPrefectClient) -> Office:
    return Office(shop, api)


def test_a_stopped_run_waits_and_sends_exactly_its_plan_when_it_is_approved(office: Office) -> None:
    """As `scimport serve` does it, which begins a process for each of the two parts."""
    run = office.begin("provision/employees")
    eventually(lambda: office.state(run)[0] == "Suspended")
    plan = office.plan
    assert (plan.state, plan.waiter, plan.approved_by) == ("staged", str(run), "")
    assert plan.waits_until == pytest.approx(plan.created_at + 12 * 3600, abs=900)
    words = office.artifact(run)
    for said in (plan.id, "guard-leavers", "30 people would be made inactive", "scimport show"):
        assert said in words
    assert "K00" not in words
    database = Database(office.shop.project.state_url)
    with locks.hold(database, "people"):
        pass  # nobody holds the pipeline meanwhile
    database.close()
    refused = office.api.resume_flow_run(run, run_input={"name": "Ann", "reason": " "})
    assert refused.status == "REJECT"
    taken = office.api.resume_flow_run(run, run_input={"name": "Ann", "reason": "The works are closed."})
    assert taken.status == "ACCEPT", taken
    assert office.ended(run) == ("Completed", "30 accepted, 0 rejected, 0 invalid")
    done = office.plan
    assert (done.id, done.state, done.approved_by) == (plan.id, "done", "Ann (Prefect)")
    assert (done.reason, done.waiter) == ("The works are closed.", "")
    assert done.approved_at
    assert office.shop.calls == 2


@pytest.mark.usefixtures("registered")
def test_an_approval_on_the_command_line_releases_the_run_which_looks_again(
    served: Served, office: Office
) -> None:
    run = office.suspended()
    office.edit("people.csv", "K00001", "K00031")
    command = ("--project", office.root, "approve", office.plan.id, "--reason", "It is meant so.")
    approved = scimport(*command, PREFECT_API_URL=served.url)
    assert "The flow run that waits for it sends it." in approved.out, approved
    execute(office.api, run)
    state, message = office.state(run)
    assert (state, message) == ("Failed", "the plan cannot be applied: the source changed since")
    assert (office.plan.state, office.plan.reason, office.plan.waiter) == ("staged", "It is meant so.", "")
    assert office.shop.calls == 1


@pytest.mark.usefixtures("registered")
def test_a_newer_plan_and_time_end_the_wait(served: Served, office: Office) -> None:
    run = office.suspended()
    first = office.plan.id
    office.edit("pipelines/people.yml", "schedule:", "approval_within: 2s\nschedule:")
    second = office.suspended()
    assert office.state(run) == (
        "Cancelled",
        f"The plan {first} is discarded: there is nothing left to wait for.",
    )
    assert office.ended(second) == ("Failed", "The flow was paused and never resumed.")
    last = office.plan
    assert (last.state, last.approved_by) == ("staged", "")
    office.edit("pipelines/people.yml", "2s", "0")
    assert scimport("--project", office.root, "discard", last.id, PREFECT_API_URL=served.url).code == 0
    assert office.plan.waiter == ""
    assert office.shop.calls == 1
