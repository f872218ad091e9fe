from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flows.conftest import Served, free_port

from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.flows import server
from scimport.flows.server import check_api, find_api, running_server
from scimport.flows.settings import home
from scimport.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (tmp_path / "pipelines").mkdir()
    return Project(tmp_path)


def test_what_is_configured_wins(project: Project) -> None:
    assert find_api(project) is None
    (project.root / ".env").write_text("PREFECT_API_URL=http://prefect.example/api\n")
    assert find_api(Project(project.root)) == "http://prefect.example/api"


def test_what_is_served_is_found(served: Served) -> None:
    assert find_api(Project(served.project.root)) == served.url
    check_api(served.url)


def test_what_was_killed_is_not(project: Project, served: Served) -> None:
    """Nobody may answer there, or another project's server; or half of the file was written."""
    address = home(project) / "server.json"
    for url in (f"http://127.0.0.1:{free_port()}/api", served.url):
        address.write_text(json.dumps({"url": url}))
        assert find_api(project) is None
    address.write_text('{"url": ')
    assert find_api(project) is None


def test_an_api_that_does_not_answer() -> None:
    with pytest.raises(ScimportError, match=r"no Prefect API answers at http://127\.0\.0\.1:") as caught:
        check_api(f"http://127.0.0.1:{free_port()}/api")
    assert caught.value.problems[0].code is Code.PREFECT_UNREACHABLE


def test_one_server_for_a_project(served: Served) -> None:
    with pytest.raises(ScimportError) as caught, running_server(Project(served.project.root)):
        pass
    assert caught.value.problems[0].code is Code.PREFECT_RUNNING
    assert served.url in caught.value.problems[0].hint


def test_a_port_that_is_taken(project: Project, served: Served) -> None:
    port = int(served.url.rpartition(":")[2].removesuffix("/api"))
    with pytest.raises(UsageError) as caught, running_server(project, port=port):
        pass
    assert caught.value.problems[0].code is Code.PORT_IN_USE


def test_a_server_that_ends_at_once(
    project: Project, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one has got the port, which is not taken for ours."""

    def fail(*_arguments: object, **_named: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)

    port = int(served.url.rpartition(":")[2].removesuffix("/api"))
    monkeypatch.setattr(server, "_free_port", lambda *_arguments, **_named: port)
    monkeypatch.setattr(server, "_start", fail)
    with pytest.raises(ScimportError, match="does not start") as caught, running_server(project):
        pass
    assert "server.log" in caught.value.problems[0].hint
