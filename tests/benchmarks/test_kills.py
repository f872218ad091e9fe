from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "kills.py"


def test_whoever_is_killed_loses_nobody() -> None:
    command = [sys.executable, str(TOOL), "--kills", "15", "--people", "200"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "After 15 kills nobody was lost, and no status is wrong." in done.stdout
