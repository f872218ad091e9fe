from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "watch.py"


def test_a_save_is_shown_in_much_less_time_than_a_preview_takes_to_start() -> None:
    run = subprocess.run(
        [sys.executable, str(TOOL), "--saves", "3"], capture_output=True, text=True, check=True
    )
    (share,) = re.findall(r"\(([0-9.]+) of a preview anew\)", run.stdout)
    assert float(share) < 0.6
