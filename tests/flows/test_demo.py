"""`make demo`: what a newcomer sees first."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.flows.conftest import environment, processes

ROOT = Path(__file__).parents[2]
DEMO = ROOT / ".scimport" / "demo"


def call(*command: object, home: Path) -> str:
    """Run a command at the top of the repository; it must be quiet, and do well."""
    words, variables = list(map(str, command)), environment(HOME=str(home))
    done = subprocess.run(words, cwd=ROOT, env=variables, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_demo(tmp_path: Path) -> None:
    # What has made .venv is not asked again whether it is new.
    bin_ = f"BIN={Path(sys.executable).parent}"
    shown = call("make", "--no-print-directory", "-o", ".venv/ready", "demo", bin_, home=tmp_path)
    runs = re.findall(r"^(employees|contractors) +r-.*\n(?:.*\n){3}(.*)\n", shown, re.MULTILINE)
    assert [(name, [int(count) for count in counts.split()]) for name, counts in runs] == [
        # read, invalid, unchanged, joiners, movers, leavers, accepted, calls
        ("employees", [300, 0, 0, 296, 0, 0, 296, 6]),
        ("contractors", [120, 0, 0, 120, 0, 0, 120, 3]),
        ("employees", [304, 3, 280, 5, 8, 6, 17, 1]),
        ("contractors", [121, 0, 112, 3, 4, 4, 11, 1]),
    ]
    before, _, after = shown.partition("Day one")
    assert before.count("started: it listens for uploads") == 2
    assert re.findall(r"log says: (\d+) provisioned", after) == ["296", "120", "17", "11"]
    assert processes(DEMO) == []
    _all_was_recorded(DEMO / ".scimport" / "prefect" / "prefect.db")
    assert list(tmp_path.iterdir()) == []
    _, _, commands = shown.partition("Try next:\n")
    assert len(commands.splitlines()) == 3
    for command in commands.splitlines():
        assert call(*shlex.split(command), home=tmp_path)


def _all_was_recorded(path: Path) -> None:
    """Nothing was lost when Prefect's server was stopped."""
    with closing(sqlite3.connect(path)) as database:
        runs = database.execute("SELECT name, state_name, id FROM flow_run ORDER BY start_time").fetchall()
        assert [run[:2] for run in runs] == [
            ("employees", "Completed"),
            ("contractors", "Completed"),
            ("employees", "Degraded"),
            ("contractors", "Completed"),
        ]
        for name, _, run in runs:
            tasks = "SELECT name, state_name FROM task_run WHERE flow_run_id = ? ORDER BY name"
            assert database.execute(tasks, [run]).fetchall() == [
                (task, "Completed") for task in ("deliver", "extract-map part 1", "plan")
            ]
            artifacts = "SELECT key FROM artifact WHERE flow_run_id = ? ORDER BY key"
            keys = {key for (key,) in database.execute(artifacts, [run])}
            assert keys >= {f"{name}-progress", f"{name}-summary"}
