"""`scimport run --prefect` and `serve` with servers of their own: nothing is left of them."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from tests.flows.conftest import Done, Shop, document, end, eventually, free_port, processes, scimport, start


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home, empty; its sample project is beside it."""
    folder = tmp_path_factory.mktemp("own") / "home"
    folder.mkdir()
    assert scimport("init", folder.parent / "project").code == 0
    return folder


@pytest.fixture(scope="module")
def first(home: Path) -> Done:
    """The first run of all pipelines."""
    project = home.parent / "project"
    return scimport("--project", project, "run", "--all", "--prefect", "--json", HOME=str(home))


@pytest.fixture
def database(first: Done, home: Path) -> Path:
    """Prefect's database after the first run."""
    assert first.code == 0
    return home.parent / "project" / ".scimport" / "prefect" / "prefect.db"


@pytest.fixture
def ready(shop: Shop, database: Path) -> Shop:
    """A project with many people, whose Prefect need not make its database."""
    path = shop.project.data_dir / "prefect" / "prefect.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(database)) as origin, closing(sqlite3.connect(path)) as copy:
        origin.backup(copy)
    shop.people(1000)
    shop.slow(0.6)
    return shop


def test_all_pipelines_run_as_flows(first: Done, database: Path) -> None:
    assert [(run["pipeline"], run["accepted"]) for run in first.json["runs"]] == [
        ("contractors", 120),
        ("employees", 296),
    ]
    with closing(sqlite3.connect(database)) as connection:
        flows = "SELECT name, state_name FROM flow_run ORDER BY name"
        assert connection.execute(flows).fetchall() == [
            ("contractors", "Completed"),
            ("employees", "Completed"),
        ]
        tasks = (
            "SELECT name, count(*) FROM task_run WHERE state_name = 'Completed' GROUP BY name ORDER BY name"
        )
        assert connection.execute(tasks).fetchall() == [
            ("deliver", 2),
            ("extract-map part 1", 2),
            ("plan", 2),
        ]
        artifacts = "SELECT DISTINCT key FROM artifact ORDER BY key"
        keys = [f"{name}-{what}" for name in ("contractors", "employees") for what in ("progress", "summary")]
        assert connection.execute(artifacts).fetchall() == [(key,) for key in keys]


def test_it_is_quiet_and_leaves_nothing(first: Done, home: Path) -> None:
    for word in ("WARNING", "ERROR", "INFO", "Warning", "127.0.0.1"):
        assert word not in first.err
    assert list(home.iterdir()) == []
    assert processes(home.parent) == []


def test_prefect_keeps_no_value_of_a_person(database: Path) -> None:
    files = [path.read_bytes() for path in database.parent.glob("*") if path.is_file()]
    for value in (b"Matthias", b"Brien", b"@acme.example", b"5550", b"Berlin"):
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
