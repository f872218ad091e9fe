from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scimport.cli import main


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture
def scimport(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], impatient: None
) -> Iterator[Command]:
    """Run the command line in this process."""
    del impatient
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["scimport", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Result(code or 0, captured.out, captured.err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def sample(tmp_path: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project folder like the sample, and the working directory."""
    folder = tmp_path / "project"
    assert scimport("init", folder).code == 0
    monkeypatch.chdir(folder)
    return folder
