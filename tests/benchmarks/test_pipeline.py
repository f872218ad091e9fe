from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "pipeline.py"


def test_it_measures_designs_that_make_equal_users(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    tool = [sys.executable, str(TOOL)]
    subprocess.run([*tool, "--rows", "500", "--rounds", "1", "--json", str(report)], check=True, timeout=120)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["users_compared"] == 500
    assert all(row["ratio"] > 0 for row in found["speed"])
    assert {row["name"] for row in found["speed"]} >= {
        "CSV to validated request bytes",
        "plan of new people, state written",
        "plan with 1 % changes",
    }
