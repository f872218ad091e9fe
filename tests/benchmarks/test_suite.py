from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "suite.py"

# What the figures are at least, with so few people that starting is most of it, on a machine that does other
# things as well: a third of what they mostly are.
AT_LEAST = {
    "CSV to validated request bytes": 0.3,
    "CSV to validated request bytes, over the plain design": 8,
    "plan of new people, state written": 0.1,
    "plan with 1 % changes": 0.1,
    "stage, extract: CSV": 1,
    "stage, map": 1,
    "stage, validate": 1,
    "stage, compare: digests and look-ups, all known": 1,
    # Beside a replay of ready bytes; beside httpx it is some thirty times as much.
    "deliver without limits, CPU": 0.003,
}
AT_MOST = {
    "at Entra's limit, fullest window": 40,
    "state, trace, of 10 people": 4,
    "state, lock, 100 times": 4,
    "state, status": 4,
}


def test_nothing_has_fallen_apart(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    subprocess.run([sys.executable, str(TOOL), "--small", "--json", str(report)], check=True, timeout=300)
    lines = json.loads(report.read_text(encoding="utf-8"))["lines"]
    assert {line["what"] for line in lines} >= AT_LEAST.keys() | AT_MOST.keys()
    for line in lines:
        assert line["figure"] >= AT_LEAST.get(line["what"], 0), line
        assert line["figure"] <= AT_MOST.get(line["what"], float("inf")), line
    # Two processes make the same plan; how fast they are, so few people do not show.
    assert sum("2 processes" in line["what"] for line in lines) == 2
