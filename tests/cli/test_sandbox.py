from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.cli.conftest import Command

from scimport.sandbox import run_sandbox
from scimport.sandbox.server import _announced


def test_open_shows_the_pages_once_they_are_served(
    sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        os.kill(os.getpid(), signal.SIGINT)
        return False

    monkeypatch.setattr("webbrowser.open", browse)
    result = scimport("sandbox", "--open")
    assert result.code == 0
    assert f"open {opened[0]} in one" in result.out
    assert not (sample / ".scimport" / "sandbox" / "server.json").exists()


def test_open_shows_the_sandbox_that_runs_already(
    sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", browse)
    with run_sandbox(sample / ".scimport" / "sandbox") as sandbox, _announced(sandbox):
        result = scimport("sandbox", "--open", "--json")
    assert (result.code, result.json["url"], opened) == (0, sandbox.base_url, [sandbox.base_url])
