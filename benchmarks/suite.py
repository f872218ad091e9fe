"""All figures of the speed of scimport in one run and one table.

    python benchmarks/suite.py [--small] [--json FILE]

Each line has what it is compared with in the same run: the script that people write by hand, the plain
design, a bare httpx loop, one process beside two, 100,000 known people beside 1,000,000. It takes some half
an hour on two cores; ``--small`` takes a minute or two and is for seeing that nothing has fallen apart.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import delivery
import parallel
import people
import pipeline
import scale
import stages

OPERATIONS = ("plan: rest", "trace, of 10 people", "status", "lock, 100 times", "1 % confirmed")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        rows: People of the pipeline and its stages.
        rounds: How often each is run.
        many: People of the plans by several processes; more of them in the state.
        few: People in the state beside them.
        delivered: People who are delivered.
        calls: Calls at the limit.
        window: Seconds of the limit's window.
    """

    rows: int = 200_000
    rounds: int = 3
    many: int = 1_000_000
    few: int = 100_000
    delivered: int = 20_000
    calls: int = 400
    window: float = 5.0


SMALL = Sizes(1000, 1, 3000, 1000, 1000, 80, 0.25)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        what: What was measured.
        against: What it is compared with.
        figure: The figure.
        unit: Of the figure: ``times`` as fast, ``times`` the cost, ``MB``, ``%``, ``calls``.
        goal: What it is to be, with its sign; empty for none.
    """

    what: str
    against: str
    figure: float
    unit: str
    goal: str = ""


def measure(sizes: Sizes, folder: Path) -> list[Line]:
    """Measure everything; returns the lines of the table."""
    return [
        *_speeds(sizes, folder),
        *_processes(sizes, folder),
        *_deliveries(sizes, folder),
        *_state(sizes, folder),
    ]


def _speeds(sizes: Sizes, folder: Path) -> Iterator[Line]:
    pipeline.compare_users(min(sizes.rows, pipeline.SAMPLE))
    for row in pipeline.measure_speed(sizes.rows, sizes.rounds, folder):
        goal = "" if row["goal"] is None else f">= {row['goal']:g}"
        against = "the plain design" if "over" in row["name"] else "the script by hand"
        yield Line(row["name"], against, row["ratio"], "times as fast", goal)
    for row in stages.measure(min(sizes.rows, 20_000), sizes.rounds, folder):
        yield Line(f"stage, {row['name']}", "all of the script by hand", row["ratio"], "times as fast")
    for row in pipeline.measure_memory(sizes.rows, folder) if sizes.rounds > 1 else ():
        if row["megabytes"] is not None:
            against = f"{sizes.rows:,} people; with ten times as many {row['megabytes_tenfold']:.0f} MB"
            yield Line(f"memory, {row['name']}", against, row["megabytes"], "MB", "<= 250")


def _processes(sizes: Sizes, folder: Path) -> Iterator[Line]:
    for row in parallel.measure(sizes.many, [1, 2], max(1, sizes.rounds // 2), folder):
        if row["workers"] > 1:
            what = f"{row['name']}, {sizes.many:,} people, {row['workers']} processes"
            goal = f">= {parallel.FASTER}"
            yield Line(what, "one process, the same to the byte", row["speed"], "times as fast", goal)


def _deliveries(sizes: Sizes, folder: Path) -> Iterator[Line]:
    speed = delivery.measure_speed(delivery.Staged(folder / "delivery", sizes.delivered), sizes.rounds)
    for name, words in (("httpx", "a bare httpx loop"), ("replay", "a replay of the bytes")):
        yield Line("deliver without limits, CPU", words, speed[name]["cpu"], "times as fast")
        yield Line("deliver without limits, time", words, speed[name]["wall"], "times as fast")
    for row in delivery.measure_limit(folder, sizes.calls, sizes.window):
        against = f"{row['calls']} calls, the answer takes {row['latency_of_window']:.0%} of the window"
        yield Line("at Entra's limit, idle", against, 100 * row["idle"], "%", "<= 2")
        yield Line("at Entra's limit, fullest window", against, row["most_in_a_window"], "calls", "<= 40")


def _state(sizes: Sizes, folder: Path) -> Iterator[Line]:
    found: dict[int, dict[str, Any]] = {}
    for count in (sizes.few, sizes.many):
        state = folder / f"state-{count}"
        state.mkdir()
        found[count] = scale.measure(count, f"sqlite:///{state}/state.db", [], state)["0"]
    for name in OPERATIONS:
        cost = found[sizes.many][name]["cpu"] / max(found[sizes.few][name]["cpu"], 0.001)
        against = f"{sizes.few:,} known people beside {sizes.many:,}"
        yield Line(f"state, {name}", against, cost, "times the cost")


def print_lines(lines: list[Line]) -> None:
    """Print the table as Markdown."""
    print("| what | beside | | goal |")
    print("| --- | --- | --- | --- |")
    for line in lines:
        print(f"| {line.what} | {line.against} | {line.figure:.3g} {line.unit} | {line.goal} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="few people, one round")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    people.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=people.CACHE) as name:
        lines = measure(SMALL if arguments.small else Sizes(), Path(name))
    environment = pipeline.environment()
    print(", ".join(f"{name} {value}" for name, value in environment.items()))
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print_lines(lines)
    if arguments.json:
        report = {"environment": environment, "lines": [asdict(line) for line in lines]}
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
