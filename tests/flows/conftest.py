"""A Prefect server for the session, and projects whose pipelines go to a sandbox.

Prefect reads the environment when it is imported, and makes its home: that must not be the user's.
"""
# ruff: noqa: E402 - the environment comes before the imports

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="scimport-prefect-home-")
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
os.environ["PREFECT_SERVER_EPHEMERAL_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)

import httpx
import prefect
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from typer.testing import CliRunner

from scimport.cli.app import app
from scimport.flows import deployments
from scimport.flows.provision import provision
from scimport.flows.server import _send_the_rest
from scimport.flows.settings import home
from scimport.project import Project, open_project
from scimport.sandbox import run_sandbox

SCIMPORT = Path(sys.executable).with_name("scimport")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: a home that is empty, and nothing of Prefect's."""
    names = (name for name in os.environ if not name.startswith("PREFECT_") and name != "DO_NOT_TRACK")
    return {name: os.environ[name] for name in names} | more


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start the command line."""
    return subprocess.Popen(
        [SCIMPORT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )


def end(process: subprocess.Popen[str]) -> Done:
    """Wait for a command."""
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return Done(process.returncode, out, err)


def scimport(*arguments: object, **variables: str) -> Done:
    """Run the command line in this process, which has imported what takes a second."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "environ", environment(**variables))
        result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def eventually(look: Callable[[], Any], seconds: float = 180.0) -> Any:
    """What a look gives, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.1)
    return found


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes(folder: Path) -> list[str]:
    """Command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Served:
    """What `scimport serve` serves for the session."""

    project: Project
    url: str
    document: dict[str, Any]


@pytest.fixture(scope="session")
def empty_database(pytestconfig: pytest.Config) -> Path:
    """A database of this version of Prefect with nothing in it, which is made once for all sessions.

    That takes ten seconds. `make demo` and its test start without one.
    """
    assert pytestconfig.cache is not None
    path = pytestconfig.cache.mkdir(f"prefect-{prefect.__version__}") / "prefect.db"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            subprocess.run(upgrade, env=environment(PREFECT_HOME=folder), check=True, capture_output=True)
            copy_database(Path(folder) / path.name, Path(folder) / "whole.db")
            (Path(folder) / "whole.db").rename(path)
    return path


def copy_database(origin: Path, path: Path) -> None:
    """Copy an SQLite database, with what is in its log."""
    with closing(sqlite3.connect(origin)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


_SERVED = ExitStack()
"""What ends with the last test of this folder: an idle server takes much from all others."""


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the server that the tests of this folder share, after the last of them."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _SERVED.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Served:
    """`scimport serve` of the sample project."""
    folder = tmp_path_factory.mktemp("served") / "project"
    return _SERVED.enter_context(_serving(folder, empty_database))


@contextmanager
def _serving(folder: Path, empty: Path) -> Iterator[Served]:
    """Serve the sample project; killed at the end, which takes the server with it."""
    assert scimport("init", folder).code == 0
    copy_database(empty, home(open_project(folder)) / "prefect.db")
    serve = ("serve", "--json", "--port", free_port())
    process = start("--project", folder, *serve, PREFECT_RUNNER_POLL_FREQUENCY="1")
    try:
        found = document(process)
        yield Served(open_project(folder), found["api"], found)
        _send_the_rest()
    finally:
        process.kill()
        out, _ = process.communicate()
    assert out == ""
    eventually(lambda: not [line for line in processes(folder) if "flows.watched" in line])


def document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON document that a command prints before it ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        text += line
    found: dict[str, Any] = json.loads(text)
    assert "error" not in found, text
    return found


@pytest.fixture(scope="session")
def database(empty_database: Path) -> Callable[[Project], Path]:
    """Give a project a database of Prefect, with nothing in it."""

    def copy(project: Project) -> Path:
        path = home(project) / "prefect.db"
        copy_database(empty_database, path)
        return path

    return copy


@pytest.fixture
def api(served: Served) -> Iterator[SyncPrefectClient]:
    """A client of the session's server, which flows of this process use too."""
    settings = {PREFECT_API_URL: served.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client


def register(project: Project, pool: str | None = None) -> None:
    """What a start of the service registers, without serving it."""
    found = deployments._deployments(project)
    deployments._tidy(project, found, pool=pool)
    for deployment in found:
        deployment.apply()


def execute(api: SyncPrefectClient, run: UUID) -> None:
    """Do in this process what a new one does for a run of `provision` that is due."""
    with suppress(Pause):
        run_flow(provision, flow_run=api.read_flow_run(run), return_type="state")


@dataclass(frozen=True)
class Shop:
    """A project of one pipeline, `people`, and the sandbox that it goes to."""

    project: Project
    sandbox: str
    job: str

    def people(self, count: int, **columns: str) -> None:
        """Put people into the source."""
        rows = [f"K{n:05},{columns.get('name', 'Jane')} {n},A" for n in range(count)]
        (self.project.root / "people.csv").write_text("\n".join(["id,name,status", *rows]) + "\n")

    def slow(self, seconds: float) -> None:
        """Make every call of the sandbox take so long."""
        order = {"latency": {"seconds": seconds}}
        httpx.post(f"{self.sandbox}/sandbox/faults", json=order).raise_for_status()

    @property
    def users(self) -> list[str]:
        """The people in the sandbox."""
        return [user["externalId"] for user in self._read("users?top=5000")]

    @property
    def calls(self) -> int:
        """The calls that were answered."""
        return len(self._read("calls"))

    def _read(self, what: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.sandbox}/sandbox/apps/{self.job}/{what}").raise_for_status()
        found: list[dict[str, Any]] = answer.json()["value"]
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A small project whose sandbox runs in this process."""
    root = tmp_path / "shop"
    with run_sandbox(tmp_path / "sandbox") as sandbox:
        wanted = {"name": "people", "target": "entra-id"}
        app = httpx.post(f"{sandbox.base_url}/sandbox/apps", json=wanted).json()
        for name, text in _files(app["endpoint"]).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        made = Shop(open_project(root), sandbox.base_url, app["jobId"])
        made.people(3)
        yield made


@pytest.fixture
def folder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project folder, as working directory."""
    monkeypatch.chdir(shop.project.root)
    return shop.project.root


@pytest.fixture
def registered(shop: Shop, folder: Path, api: SyncPrefectClient) -> Iterator[Project]:
    """A project of one pipeline whose deployment is on the server; nobody serves it."""
    del api
    register(shop.project)
    yield shop.project
    for path in (folder / "pipelines").iterdir():
        path.unlink()
    register(shop.project)


def _files(endpoint: str) -> dict[str, str]:
    return {
        "sources/people.yml": "kind: csv\npath: people.csv\nkey: id\ncolumns:\n  status: {values: [A, T]}\n",
        "mappings/people.yml": """
user:
  externalId: "{{ id }}"
  userName: "{{ id | lower }}@acme.example"
  displayName: "{{ name }}"
  active: '{{ status == "A" }}'
""",
        "pipelines/people.yml": f"""
source: people
mapping: people
app: {{target: entra-id, endpoint: "{endpoint}", auth: none}}
schedule: {{interval: 6h}}
""",
    }
