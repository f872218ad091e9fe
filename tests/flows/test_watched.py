from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flows.conftest import eventually

PREFECT = """
import sys, time
{ignore}
print(*sys.argv[1:], flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
command = [sys.executable, "-m", "scimport.flows.watched", "server", "start"]
child = subprocess.Popen(command, stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "prefect.py").write_text(PREFECT.format(ignore=""))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "server start\n"
    parent.kill()
    parent.communicate()
    eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child), 5)


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_ends_even_if_it_does_not_want_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    (tmp_path / "prefect.py").write_text(PREFECT.format(ignore=stubborn))
    code = "from scimport.flows import watched; watched.GRACE = 0.2; watched.main()"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.communicate(timeout=5)
    assert child.returncode == 1
