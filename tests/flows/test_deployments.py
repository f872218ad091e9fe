from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.cli.flow_run import execute
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Running
from tests.flows.conftest import Served, environment, eventually, register
from typer.testing import CliRunner, Result

from scimport.cli.app import app
from scimport.codes import Code
from scimport.errors import ConfigError, UsageError
from scimport.flows import deployments
from scimport.project import Project, open_project


def begin(api: SyncPrefectClient, name: str, **parameters: object) -> UUID:
    """Start a run as Prefect's pages do."""
    deployment = api.read_deployment_by_name(name)
    return api.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def ended(api: SyncPrefectClient, run: UUID) -> tuple[str | None, str | None]:
    """State and message of a run at its end."""

    def look() -> FlowRun | None:
        found = api.read_flow_run(run)
        return found if found.state is not None and found.state.is_final() else None

    found: FlowRun = eventually(look)
    assert found.state is not None
    return found.state.name, found.state.message


def test_all_pipelines_are_served(served: Served, api: SyncPrefectClient) -> None:
    assert served.document == {
        "url": served.url.removesuffix("/api"),
        "api": served.url,
        "deployments": ["contractors", "employees", "nightly"],
    }
    employees = api.read_deployment_by_name("provision/employees")
    (schedule,) = employees.schedules
    assert isinstance(schedule.schedule, CronSchedule)
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 5 * * *", "Europe/Berlin")
    assert employees.description == "Provision-Employees-From-CSV-to-AD"
    assert set(employees.parameter_openapi_schema["properties"]) >= {"full", "limit", "keys"}  # type: ignore[index]
    (schedule,) = api.read_deployment_by_name("provision/contractors").schedules
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert schedule.schedule.interval == timedelta(hours=4)
    assert not api.read_deployment_by_name("nightly/nightly").schedules


def test_scheduled_runs_are_made(served: Served, api: SyncPrefectClient) -> None:
    del served
    ids = [api.read_deployment_by_name(f"provision/{name}").id for name in ("employees", "contractors")]

    def scheduled() -> bool:
        return set(ids) <= {run.deployment_id for run in api.read_flow_runs() if run.auto_scheduled}

    eventually(scheduled)


def test_one_run_at_a_time_with_parameters(served: Served, api: SyncPrefectClient) -> None:
    del served
    runs = [begin(api, "provision/employees", limit=3) for _ in range(2)]
    assert sorted(ended(api, run) for run in runs) == [
        ("Cancelled", "Deployment concurrency limit reached."),
        ("Completed", "3 accepted, 0 rejected, 0 invalid"),
    ]


def test_parameters_are_checked(api: SyncPrefectClient) -> None:
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        begin(api, "provision/employees", limit=-1)


def test_python_flows_are_served(api: SyncPrefectClient) -> None:
    assert ended(api, begin(api, "nightly/nightly")) == ("Completed", None)


def test_run_uses_what_is_served(
    served: Served, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", environment())
    before = len(_runs(api))
    command = ("--project", str(served.project.root), "run", "contractors", "--json")
    assert json.loads(CliRunner().invoke(app, command).stdout)["pipeline"] == "contractors"
    assert len(_runs(api)) == before + 1


def _runs(api: SyncPrefectClient) -> list[FlowRun]:
    return [run for run in api.read_flow_runs() if not run.auto_scheduled]


def test_intervals_do_not_begin_anew_with_the_service(registered: Project, api: SyncPrefectClient) -> None:
    def anchor() -> object:
        (schedule,) = api.read_deployment_by_name("provision/people").schedules
        assert isinstance(schedule.schedule, IntervalSchedule)
        return schedule.schedule.anchor_date

    before = anchor()
    register(registered)
    assert anchor() == before


def test_what_is_gone_is_taken_down_and_no_others(registered: Project, api: SyncPrefectClient) -> None:
    (registered.root / "pipelines" / "people.yml").rename(registered.root / "pipelines" / "folk.yml")
    register(registered)
    assert api.read_deployment_by_name("provision/folk").name == "folk"
    assert api.read_deployment_by_name("provision/employees").name == "employees"
    with pytest.raises(ObjectNotFound):
        api.read_deployment_by_name("provision/people")


def test_what_is_paused_stays_paused(registered: Project, api: SyncPrefectClient) -> None:
    deployment = api.read_deployment_by_name("provision/people")
    api.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=False)
    register(registered)
    assert [one.active for one in api.read_deployment_by_name("provision/people").schedules] == [False]

    api.pause_deployment(deployment.id)
    register(registered)
    assert api.read_deployment_by_name("provision/people").paused


def test_stale_runs_free_their_pipeline(registered: Project, api: SyncPrefectClient) -> None:
    del registered
    deployment = api.read_deployment_by_name("provision/people")
    stale = [
        api.create_flow_run_from_deployment(deployment.id, state=Running()).id,
        api.create_flow_run_from_deployment(deployment.id).id,
    ]
    api.set_flow_run_state(stale[1], Running())
    deployments._end_stale_runs()
    assert [ended(api, run) for run in stale] == [("Crashed", "The server was stopped.")] * 2
    again = api.create_flow_run_from_deployment(deployment.id).id
    assert api.set_flow_run_state(again, Running()).state.name == "Running"  # type: ignore[union-attr]
    deployments._end_stale_runs()


@pytest.fixture
def deploy(
    registered: Project, served: Served, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Result]]:
    """Call `scimport deploy` in this process, with the server configured."""
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"PREFECT_API_URL": served.url})
    options = ("--project", str(registered.root), "deploy", "--json", "--pool")
    yield lambda pool: CliRunner().invoke(app, [*options, pool])
    register(registered)


def test_a_worker_runs_what_is_deployed(
    deploy: Callable[[str], Result],
    served: Served,
    api: SyncPrefectClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api.create_work_pool(WorkPoolCreate(name="hall", type="process"))
    assert json.loads(deploy("hall").stdout) == {"pool": "hall", "api": served.url, "deployments": ["people"]}
    run = begin(api, "provision/people")
    # `prefect flow-run execute`, which the worker of a process pool calls for a run that it finds.
    monkeypatch.chdir("/")
    asyncio.run(execute(run))
    assert ended(api, run) == ("Completed", "3 accepted, 0 rejected, 0 invalid")


def test_a_pool_that_is_not_there(deploy: Callable[[str], Result]) -> None:
    result = deploy("cellar")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "the Prefect server has no work pool 'cellar'"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("json.py", "", "it hides the module json"),
        ("broken.py", "1 / 0", "the file fails: ZeroDivisionError"),
        ("missing.py", "import nothing_of_that_name", "the file fails: ModuleNotFoundError"),
        ("syntax.py", "def f(:", "the file fails: SyntaxError"),
    ],
)
def test_python_files_that_cannot_be_served(folder: Path, name: str, text: str, message: str) -> None:
    (folder / "pipelines" / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        deployments._deployments(open_project(folder))
    (problem,) = caught.value.problems
    assert (problem.code, problem.file, problem.message) == (Code.BAD_VALUE, f"pipelines/{name}", message)
