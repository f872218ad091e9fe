"""What more processes bring: the same plan by one process and by several, in turns.

    python benchmarks/parallel.py [--people 1000000] [--workers 1 2] [--rounds 3] [--json FILE]

Each plan has a process of its own, from its start to the finished plan: the start of the workers counts. All
plans must be the same to the byte: what is staged, the problems, the people. The table has seconds (medians
of the rounds), the speed against one process, CPU time of all processes, and the peak memory of the run and
of its largest worker.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import select

import memory
import ours
import people
from pipeline import environment
from scimport.state import Database
from scimport.state.schema import change, person, problem

TASKS = {"new": "plan of new people, state written", "changed": "plan with 1 % changes"}
FASTER = 1.6
"""What two processes are to bring."""

_OWN = ("plan_id", "delivery_id", "acknowledged_at")


def measure(count: int, workers: list[int], rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Plan with each number of workers, in turns; returns the rows of the table."""
    primed = folder / "primed.db"
    ours.make_state(primed)
    # Not measured: in this process, which is started.
    run("new", count, 1, primed)
    ours.acknowledge(primed)
    # The day after: nobody is changed, and what the file looks like is kept.
    run("new", count, 1, primed)
    taken: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for task in TASKS:
            for number in workers:
                state = folder / "state.db"
                if task == "new":
                    ours.make_state(state)
                else:
                    ours.copy_state(primed, state)
                taken.setdefault((task, number), []).append(_plan(task, count, number, state))
    for task in TASKS:
        plans = {one["plan"] for number in workers for one in taken[task, number]}
        assert len(plans) == 1, f"{task}: the plans are not the same"
    return [_row(task, number, taken) for task in TASKS for number in workers]


def _row(task: str, number: int, taken: dict[tuple[str, int], list[dict[str, Any]]]) -> dict[str, Any]:
    def median(name: str, of: int = number) -> float:
        return float(statistics.median(one[name] for one in taken[task, of]))

    first = min(of for name, of in taken if name == task)
    return {
        "name": TASKS[task],
        "workers": number,
        "speed": median("seconds", first) / median("seconds"),
        **{name: median(name) for name in ("seconds", "cpu", "megabytes", "worker_megabytes")},
    }


def _plan(task: str, count: int, number: int, state: Path) -> dict[str, Any]:
    """Plan in a process of its own."""
    people.csv_file(count, changed=task == "changed")
    command = [sys.executable, __file__, "--run", task, "--people", str(count), "--workers", str(number)]
    ran = subprocess.run([*command, "--state", str(state)], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found | {"plan": _digest(state)}


def run(task: str, count: int, number: int, state: Path) -> dict[str, Any]:
    """Plan in this process; returns what it cost."""
    project = state.parent / "project"
    shutil.copytree(ours.PROJECT, project, dirs_exist_ok=True)
    pipeline = project / "pipelines" / "people.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("workers: 1", f"workers: {number}"), encoding="utf-8")
    path = people.csv_file(count, changed=task == "changed")
    began = perf_counter()
    with ours.ready_plan(path, state, project) as plan:
        counts = plan()
        seconds = perf_counter() - began
        assert counts.read == count, counts
        mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu": sum((mine.ru_utime, mine.ru_stime, children.ru_utime, children.ru_stime)),
        "megabytes": memory.highest() / 1024,
        "worker_megabytes": children.ru_maxrss / 1024,
    }


def _digest(state: Path) -> str:
    """All that a plan has written, but for the names and times that no two plans share."""
    whole = hashlib.sha256()
    database = Database(f"sqlite:///{state}")
    with database.read() as connection:
        for table in (change, problem, person):
            columns = [column for column in table.c if column.name not in _OWN]
            for row in connection.execution_options(stream_results=True).execute(
                select(*columns).order_by(table.c.id)
            ):
                whole.update(repr(tuple(row)).encode())
    database.close()
    return whole.hexdigest()


def print_report(report: dict[str, Any]) -> None:
    """Print the table as Markdown."""
    print(", ".join(f"{name} {value}" for name, value in report["environment"].items()))
    print(f"{report['people']:,} people, {report['rounds']} rounds; all plans are the same to the byte.\n")
    print("| | processes | speed | s | s of CPU | MB | MB of a worker |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in report["rows"]:
        figures = f"{row['speed']:.2f} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['megabytes']:.0f}"
        print(f"| {row['name']} | {row['workers']} | {figures} | {row['worker_megabytes']:.0f} |")
    print(f"\nGoal: two processes at least {FASTER} times as fast as one.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--run", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(arguments.run, arguments.people, arguments.workers[0], arguments.state)))
        return
    people.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=people.CACHE) as name:
        rows = measure(arguments.people, arguments.workers, arguments.rounds, Path(name))
    report: dict[str, Any] = {
        "environment": environment(),
        "people": arguments.people,
        "rounds": arguments.rounds,
        "rows": rows,
    }
    print_report(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
