from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "startup.py"
# Twice what they are.
MOST = {"check": 10.0, "test": 10.0, "preview": 13.0}


def test_commands_for_people_who_edit_start_quickly() -> None:
    """As multiples of what it takes to import YAML and Jinja, which all of them need."""
    run = subprocess.run(
        [sys.executable, str(TOOL), "--rounds", "2"], capture_output=True, text=True, check=True
    )
    ratios = {
        name: float(ratio) for name, ratio in re.findall(r"^(\w+) +([0-9.]+) +\(", run.stdout, re.MULTILINE)
    }
    assert ratios.keys() == MOST.keys()
    assert all(ratios[name] < most for name, most in MOST.items()), ratios
