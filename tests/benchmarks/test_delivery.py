from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "delivery.py"


def test_everybody_is_delivered_and_the_limit_is_kept(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    sizes = ["--people", "2000", "--rounds", "1", "--calls", "120", "--window", "1"]
    command = [sys.executable, str(TOOL), *sizes, "--json", str(report)]
    subprocess.run(command, check=True, timeout=300)
    found = json.loads(report.read_text(encoding="utf-8"))
    # Bare loops do less than a delivery, but not twenty times less than httpx.
    assert found["speed"]["httpx"]["cpu"] > 0.05
    assert found["speed"]["replay"]["cpu"] < found["speed"]["httpx"]["cpu"]
    for one in found["limit"]:
        assert (one["calls"], one["refused"]) == (120, 0)
        assert one["most_in_a_window"] <= 40
        assert one["idle"] > 0
