from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "parallel.py"


def test_several_processes_make_the_same_plan(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    tool = [sys.executable, str(TOOL)]
    subprocess.run(
        [*tool, "--people", "3000", "--rounds", "1", "--json", str(report)], check=True, timeout=120
    )
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
    assert [row["workers"] for row in rows] == [1, 2, 1, 2]
    # So few people do not pay for the start of workers; that they were at work is seen by their memory.
    assert [row["worker_megabytes"] > 0 for row in rows] == [False, True, False, True]
