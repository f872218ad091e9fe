from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"


def test_a_few_days_of_a_small_town() -> None:
    command = [sys.executable, str(TOOL), "--people", "400", "--days", "3"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nobody was lost, every status is true, and sizes are flat." in done.stdout
