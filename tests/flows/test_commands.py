"""`scimport run --prefect` and `serve` with servers of their own: nothing is left, and nobody is lost."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from tests.flows.conftest import Shop, document, end, eventually, free_port, processes, scimport, start

from scimport.project import Project


@pytest.fixture
def shop(shop: Shop, database: Callable[[Project], Path]) -> Shop:
    """A project with many people, whose calls take their time."""
    database(shop.project)
    shop.people(1000, name="Zephyrine")
    shop.slow(0.6)
    return shop


def read(shop: Shop, query: str, *values: object) -> list[tuple[object, ...]]:
    """Read from Prefect's database."""
    path = shop.project.data_dir / "prefect" / "prefect.db"
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


def test_running_with_a_server_for_the_time(shop: Shop, tmp_path: Path) -> None:
    run = ("--project", shop.project.root, "run", "--all", "--prefect", "--json")
    runs = "SELECT id, state_name FROM flow_run WHERE name = 'people' ORDER BY start_time"
    others = read(shop, runs)  # the database is a copy of the session's
    (tmp_path / "home").mkdir()

    process = start(*run, HOME=str(tmp_path / "home"))
    eventually(lambda: shop.calls or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    done = end(process)
    assert done.code == 1
    assert done.json["runs"][0]["error"][0]["code"] == "interrupted"
    assert 0 < len(shop.users) < 1000
    assert processes(shop.project.root) == []

    # It was quiet, and nothing was written elsewhere.
    for word in ("WARNING", "ERROR", "INFO", "Warning", "127.0.0.1"):
        assert word not in done.err
    assert list((tmp_path / "home").iterdir()) == []

    # Nothing was lost when the server stopped.
    ((flow, state),) = [row for row in read(shop, runs) if row not in others]
    assert state == "Crashed"
    tasks = "SELECT name, state_name FROM task_run WHERE flow_run_id = ? ORDER BY name"
    before = [(name, "Completed") for name in ("extract-map part 1", "plan")]
    assert [row for row in read(shop, tasks, flow) if row[0] != "deliver"] == before
    artifacts = "SELECT key FROM artifact WHERE flow_run_id = ? ORDER BY key"
    assert ("people-summary",) in read(shop, artifacts, flow)

    shop.slow(0)
    done = scimport(*run[:-2], "--no-prefect", "--json")
    assert done.code == 0
    assert done.json["runs"][0]["unchanged"] == 1000
    assert len(shop.users) == 1000

    files = [path.read_bytes() for path in (shop.project.data_dir / "prefect").glob("*")]
    for value in (b"Zephyrine", b"@acme.example", b"K00007"):
        assert not any(value in text for text in files)


def test_serving_until_it_is_stopped(shop: Shop) -> None:
    root = shop.project.root
    service = start("--project", root, "serve", "--json", "--port", free_port())
    with (
        temporary_settings({PREFECT_API_URL: document(service)["api"]}),
        get_client(sync_client=True) as client,
    ):
        run = client.create_flow_run_from_deployment(client.read_deployment_by_name("provision/people").id)
        eventually(lambda: shop.calls)
        service.send_signal(signal.SIGTERM)
        done = end(service)
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("Stopped.\n")
    assert processes(root) == []
    assert read(shop, "SELECT state_name FROM flow_run WHERE id = ?", str(run.id)) == [("Cancelled",)]
    assert 0 < len(shop.users) < 1000
    shop.slow(0)
    assert scimport("--project", root, "resume").code == 0
    assert len(shop.users) == 1000
