"""`scimport run --prefect` and `serve` with servers of their own: nothing is left of them."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from tests.flows.conftest import Done, Shop, document, end, eventually, free_port, processes, scimport, start

from scimport.project import Project, open_project

Database = Callable[[Project], Path]


@dataclass(frozen=True)
class Ran:
    """The first run of all pipelines of the sample project.

    Attributes:
        folder: Where the user's home and the project are.
    """

    done: Done
    folder: Path
    database: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Ran:
    folder = tmp_path_factory.mktemp("own")
    home, root = folder / "home", folder / "project"
    home.mkdir()
    assert scimport("init", root).code == 0
    path = database(open_project(root))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM flow_run")
    return Ran(
        scimport("--project", root, "run", "--all", "--prefect", "--json", HOME=str(home)), folder, path
    )


@pytest.fixture
def ready(shop: Shop, database: Database) -> Shop:
    """A project with many people, whose calls take their time."""
    database(shop.project)
    shop.people(1000)
    shop.slow(0.6)
    return shop


def test_all_pipelines_run_as_flows(ran: Ran) -> None:
    assert ran.done.code == 0
    accepted = [(run["pipeline"], run["accepted"]) for run in ran.done.json["runs"]]
    assert accepted == [("contractors", 120), ("employees", 296)]
    with closing(sqlite3.connect(ran.database)) as connection:
        flows = "SELECT id, name FROM flow_run WHERE state_name = 'Completed' ORDER BY name"
        found = connection.execute(flows).fetchall()
        assert [name for _, name in found] == ["contractors", "employees"]
        for run, name in found:
            tasks = (
                "SELECT name FROM task_run WHERE flow_run_id = ? AND state_name = 'Completed' ORDER BY name"
            )
            names = connection.execute(tasks, [run]).fetchall()
            assert names == [("deliver",), ("extract-map part 1",), ("plan",)]
            artifacts = "SELECT key FROM artifact WHERE flow_run_id = ? ORDER BY key"
            keys = connection.execute(artifacts, [run]).fetchall()
            assert keys == [(f"{name}-progress",), (f"{name}-summary",)]


def test_it_is_quiet_and_leaves_nothing(ran: Ran) -> None:
    for word in ("WARNING", "ERROR", "INFO", "Warning", "127.0.0.1"):
        assert word not in ran.done.err
    assert list((ran.folder / "home").iterdir()) == []
    assert processes(ran.folder) == []


def test_prefect_keeps_no_value_of_a_person(ran: Ran) -> None:
    files = [path.read_bytes() for path in ran.database.parent.glob("*") if path.is_file()]
    for value in (b"Matthias", b"Brien", b"@acme.example", b"5550", b"Torstra"):
        assert not any(value in text for text in files)


def test_a_signal_leaves_the_rest_to_resume(ready: Shop) -> None:
    root = ready.project.root
    run = _delivering(ready)
    run.send_signal(signal.SIGTERM)
    done = end(run)
    assert done.code == 1
    assert done.json["error"][0]["code"] == "interrupted"
    assert processes(root) == []
    assert len(ready.users) < 1000
    ready.slow(0)
    assert scimport("--project", root, "resume").code == 0
    assert len(ready.users) == 1000


def test_stopping_the_service_leaves_the_rest_to_resume(ready: Shop) -> None:
    root = ready.project.root
    service = start("--project", root, "serve", "--json", "--port", free_port())
    url = document(service)["api"]
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(client.read_deployment_by_name("provision/people").id)
        eventually(lambda: ready.calls)
        service.send_signal(signal.SIGTERM)
        done = end(service)
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("Stopped.\n")
    assert processes(root) == []
    with closing(sqlite3.connect(ready.project.data_dir / "prefect" / "prefect.db")) as connection:
        state = connection.execute("SELECT state_name FROM flow_run WHERE id = ?", [str(run.id)]).fetchone()
    assert state == ("Cancelled",)
    assert 0 < len(ready.users) < 1000
    ready.slow(0)
    assert scimport("--project", root, "resume").code == 0
    assert len(ready.users) == 1000


def _delivering(shop: Shop) -> subprocess.Popen[str]:
    """A run that has got some answers, and waits for others."""
    run = start("--project", shop.project.root, "run", "people", "--prefect", "--json")
    eventually(lambda: shop.calls or run.poll() is not None)
    assert run.poll() is None
    return run
