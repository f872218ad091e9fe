"""Peak memory of a whole run in a fresh process: VmHWM, since ``ru_maxrss`` begins with the parent's."""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from pathlib import Path

import ours
import people

TASKS = ("bytes", "new", "changed")
STATUS = Path("/proc/self/status")


def peak(task: str, rows: int, state: Path) -> float | None:
    """Give the peak resident memory in MB of a task of ``TASKS``, run in a process of its own.

    Args:
        task: ``changed`` expects ``state`` to know the people already.
        rows: People in the file.
        state: The state database.

    Returns:
        MB of 1024 * 1024 bytes; ``None`` where the system does not tell.
    """
    people.csv_file(rows, changed=task == "changed")
    command = [sys.executable, __file__, task, str(rows), str(state)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(said) / 1024 if said.strip() else None


def main() -> None:
    """Run one task in this process and print its peak in kB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("rows", type=int)
    parser.add_argument("state", type=Path)
    arguments = parser.parse_args()
    path = people.csv_file(arguments.rows, changed=arguments.task == "changed")
    if arguments.task == "bytes":
        with ours.ready_bodies(path) as bodies:
            assert sum(1 for _ in bodies) == math.ceil(arguments.rows / 50)
    else:
        with ours.ready_plan(path, arguments.state) as plan:
            assert plan().read == arguments.rows
    print(highest() or "")


def highest() -> int:
    """Peak resident memory of this process so far, in kB; 0 where the system does not tell."""
    if not STATUS.exists():
        return 0
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
