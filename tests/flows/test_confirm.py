"""The flow `confirm` with Prefect's own engine and server: a look, and the next where somebody waits."""

from __future__ import annotations

import time

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from tests.flows.conftest import Shop

from scimport.flows.confirm import confirm
from scimport.flows.provision import provision
from scimport.project import Project
from scimport.state.outcomes import OutcomeCounts


def _looks(api: SyncPrefectClient) -> list[FlowRun]:
    """The looks that somebody has scheduled, in order."""
    deployment = api.read_deployment_by_name("confirm/people")
    mine = [run for run in api.read_flow_runs(limit=200) if run.deployment_id == deployment.id]
    return sorted((run for run in mine if not run.auto_scheduled), key=lambda run: str(run.created))


def _due(run: FlowRun) -> float:
    """Seconds from now."""
    assert run.next_scheduled_start_time is not None
    return run.next_scheduled_start_time.timestamp() - time.time()


def test_a_load_is_followed_by_looks_until_nobody_waits(
    registered: Project, shop: Shop, api: SyncPrefectClient
) -> None:
    folder = str(registered.root)
    httpx.put(f"{shop.sandbox}/sandbox/settings", json={"log_lag": 600}).raise_for_status()
    provision(pipeline="people", project=folder)
    (first,) = _looks(api)
    assert first.parameters == {"pipeline": "people", "project": folder, "pause": 60.0}
    assert 200 < _due(first) <= 300

    state = confirm(pipeline="people", project=folder, pause=60.0, return_state=True)
    assert (state.name, state.message) == ("Completed", "0 provisioned, 0 skipped, 3 waiting")
    _, second = _looks(api)
    assert second.parameters["pause"] == 90.0
    assert 0 < _due(second) <= 60

    httpx.put(f"{shop.sandbox}/sandbox/settings", json={"log_lag": 0}).raise_for_status()
    assert confirm(pipeline="people", project=folder, pause=90.0) == OutcomeCounts(provisioned=3)
    assert len(_looks(api)) == 2


def test_a_look_that_is_scheduled_by_itself_begins_no_row_of_looks(
    registered: Project, shop: Shop, api: SyncPrefectClient
) -> None:
    httpx.put(f"{shop.sandbox}/sandbox/settings", json={"log_lag": 600}).raise_for_status()
    provision(pipeline="people", project=str(registered.root))
    before = len(_looks(api))
    assert confirm(pipeline="people", project=str(registered.root)).waiting == 3
    assert len(_looks(api)) == before


@pytest.mark.usefixtures("api")
def test_rejected_people_degrade_a_look(registered: Project) -> None:
    mapping = registered.root / "mappings" / "people.yml"
    mapping.write_text(mapping.read_text().replace("{{ id | lower }}", "{{ id }} Secretname"))
    provision(pipeline="people", project=str(registered.root))
    state = confirm(pipeline="people", project=str(registered.root), return_state=True)
    assert (state.name, state.message) == ("Degraded", "0 provisioned, 0 skipped, 0 waiting; 3 rejected")
    assert state.is_completed()


@pytest.mark.usefixtures("api")
def test_a_log_that_cannot_be_read_fails_the_look_and_schedules_the_next(
    registered: Project, shop: Shop, api: SyncPrefectClient
) -> None:
    provision(pipeline="people", project=str(registered.root))
    before = len(_looks(api))
    permissions = ["SynchronizationData-User.Upload"]
    httpx.put(f"{shop.sandbox}/sandbox/settings", json={"permissions": permissions}).raise_for_status()
    state = confirm(pipeline="people", project=str(registered.root), pause=60.0, return_state=True)
    assert state.is_failed()
    assert "denies reading the provisioning log" in (state.message or "")
    assert len(_looks(api)) == before + 1
