from __future__ import annotations

import os
from pathlib import Path

import pytest

from scimport.flows.settings import prepare
from scimport.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, in an environment without settings of Prefect's."""
    names = (name for name in os.environ if not name.startswith("PREFECT_") and "proxy" not in name.lower())
    monkeypatch.setattr(os, "environ", {name: os.environ[name] for name in names})
    (tmp_path / "pipelines").mkdir()
    return Project(tmp_path)


def test_no_telemetry_and_nothing_outside_the_project(project: Project) -> None:
    prepare(project, "http://127.0.0.1:1/api")
    home = project.root / ".scimport" / "prefect"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_HOME"] == str(home)
    assert os.environ["PREFECT_SERVER_UI_STATIC_DIRECTORY"] == str(home / "ui")
    assert home.stat().st_mode & 0o077 == 0


def test_the_environment_wins_over_the_projects_env_and_that_over_ours(project: Project) -> None:
    (project.root / ".env").write_text("PREFECT_API_KEY=from-env-file\nPREFECT_RUNNER_POLL_FREQUENCY=7\n")
    os.environ["PREFECT_API_KEY"] = "from-environment"
    prepare(project, "http://127.0.0.1:1/api")
    assert os.environ["PREFECT_API_KEY"] == "from-environment"
    assert os.environ["PREFECT_RUNNER_POLL_FREQUENCY"] == "7"


def test_the_url_is_the_one_that_is_given(project: Project) -> None:
    os.environ["PREFECT_API_URL"] = "http://elsewhere.example/api"
    prepare(project, "http://127.0.0.1:1/api")
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:1/api"


@pytest.mark.parametrize("before", ["", "intra.example"])
def test_no_proxy_stands_between_us_and_our_server(project: Project, before: str) -> None:
    os.environ["NO_PROXY"] = before
    prepare(project, "http://127.0.0.1:1/api")
    assert os.environ["NO_PROXY"] == f"{before},127.0.0.1".lstrip(",")
