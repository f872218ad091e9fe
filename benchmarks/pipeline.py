"""How fast scimport is, against the script that people write by hand and against the plain design.

    python benchmarks/pipeline.py [--rows 200000] [--rounds 5] [--memory] [--json FILE]

Speeds are ratios to the hand-written script (more is faster), all measured in one run: CPU time on one core,
median of the rounds, each piece of a run between two slices of the script (see sandwich.py). Compiling the
mapping and making the database come before the first row and are not in it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import os
import platform
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import by_hand
import memory
import ours
import people
from plain import PlainDesign
from sandwich import Speed, Variant, compare
from scimport.model import PlanCounts

SLICE = 40
"""Requests in a slice of the reference: 2,000 people, some 25 ms."""

SAMPLE = 2000
"""People at most whose users are compared; and in a run of the plain design, which takes its time."""

PLAIN = "the plain design: CSV to validated request bytes"
BYTES = "CSV to validated request bytes"
NEW = "plan of new people, state written"
CHANGED = "plan with 1 % changes"
GOALS = {BYTES: 1.5, NEW: 1.0, CHANGED: 5.0}
PLAIN_GOAL = 25.0
MEMORY_GOAL = 250.0
GROWTH_GOAL = 1.25


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--rows", type=_hundreds, default=200_000, help="people in the file, a multiple of 100"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run")
    parser.add_argument(
        "--memory", action="store_true", help="peak memory too, with these rows and ten times"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    people.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=people.CACHE) as name:
        folder = Path(name)
        report = {"environment": environment(), "rows": arguments.rows, "rounds": arguments.rounds}
        report["users_compared"] = compare_users(min(arguments.rows, SAMPLE))
        report["speed"] = measure_speed(arguments.rows, arguments.rounds, folder)
        report["memory"] = measure_memory(arguments.rows, folder) if arguments.memory else []
    print_report(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


def compare_users(count: int) -> int:
    """Make sure that all three make the same users of a sample; returns how many were compared."""
    sample = people.csv_file(count)
    expected = _users(by_hand.bodies(sample))
    assert len(expected) == count
    with ours.ready_bodies(sample) as bodies:
        assert _users(bodies) == expected, "scimport's users are not the hand-written ones"
    assert _users(_plain_design().bodies(sample)) == expected, "the plain design's users are not either"
    return len(expected)


def measure_speed(rows: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Measure all speeds; returns the rows of the table."""
    speeds = compare(reference(people.csv_file(rows)), _variants(rows, folder), rounds)
    table = [speed_row(name, speed, GOALS.get(name)) for name, speed in speeds.items()]
    against_plain = speeds[BYTES].ratio / speeds[PLAIN].ratio
    row = {"name": f"{BYTES}, over the plain design", "ratio": against_plain, "goal": PLAIN_GOAL}
    table.insert(2, row)
    return table


def measure_memory(rows: int, folder: Path) -> list[dict[str, Any]]:
    """Measure peak memory with ``rows`` and with ten times as many; returns the rows of the table."""
    peaks: dict[str, list[float | None]] = {BYTES: [], NEW: [], CHANGED: []}
    for count in (rows, 10 * rows):
        state = folder / f"memory-{count}.db"
        peaks[BYTES].append(memory.peak("bytes", count, state))
        peaks[NEW].append(memory.peak("new", count, state))
        ours.acknowledge(state)
        peaks[CHANGED].append(memory.peak("changed", count, state))
        ours.remove_state(state)
    return [
        {"name": name, "rows": rows, "megabytes": few, "megabytes_tenfold": many}
        for name, (few, many) in peaks.items()
    ]


def environment() -> dict[str, str]:
    """Name what the figures depend on."""
    packages = ("jinja2", "jsonschema", "jsonschema-rs", "orjson", "sqlalchemy")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: importlib.metadata.version(name) for name in packages},
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the tables as Markdown."""
    print(", ".join(f"{name} {value}" for name, value in report["environment"].items()))
    print(f"{report['rows']:,} people, {report['rounds']} rounds, CPU time on one core; by hand is 1.")
    print(
        f"By hand, the plain design and scimport made equal users of {report['users_compared']:,} people.\n"
    )
    print_speeds(report["speed"])
    if report["memory"]:
        few, many = report["rows"], 10 * report["rows"]
        header = ("peak memory, MB", f"{few:,}", f"{many:,}", "growth")
        _print_table(header, map(_memory_cells, report["memory"]))
        print(f"Goals: less than {MEMORY_GOAL:.0f} MB, growth at most {GROWTH_GOAL}.")


def _variants(rows: int, folder: Path) -> list[Variant]:
    """What is measured; whatever it needs is made here or in ``prepare``, outside the measurement."""
    plain, sample = _plain_design(), people.csv_file(min(rows, SAMPLE))
    first, second = people.csv_file(rows), people.csv_file(rows, changed=True)
    primed, state = folder / "primed.db", folder / "state.db"
    with ours.ready_plan(first, primed) as plan:
        plan()
    ours.acknowledge(primed)
    # The day after: nobody is changed, and what the file looks like is kept.
    with ours.ready_plan(first, primed) as plan:
        plan()

    @contextmanager
    def by_plain_design() -> Iterator[Callable[[], int]]:
        yield lambda: _people_in(plain.bodies(sample))

    @contextmanager
    def request_bytes() -> Iterator[Callable[[], int]]:
        with ours.ready_bodies(first) as bodies:
            yield lambda: _people_in(bodies)

    @contextmanager
    def plan_new() -> Iterator[Callable[[], int]]:
        ours.make_state(state)
        with ours.ready_plan(first, state) as plan:
            yield lambda: _checked(plan(), joiners=rows, read=rows)

    @contextmanager
    def plan_changed() -> Iterator[Callable[[], int]]:
        ours.copy_state(primed, state)
        with ours.ready_plan(second, state) as plan:
            yield lambda: _checked(plan(), movers=rows // 100, unchanged=rows - rows // 100, read=rows)

    named = {PLAIN: by_plain_design, BYTES: request_bytes, NEW: plan_new, CHANGED: plan_changed}
    return [Variant(name, ready) for name, ready in named.items()]


def reference(path: Path) -> Callable[[], int]:
    """One slice of the hand-written script, which starts again whenever its file is at the end."""
    bodies = itertools.chain.from_iterable(by_hand.bodies(path) for _ in itertools.count())

    def run_slice() -> int:
        return 50 * sum(1 for _ in itertools.islice(bodies, SLICE))

    return run_slice


def _plain_design() -> PlainDesign:
    return PlainDesign(ours.MAPPING, ours.schema())


def _people_in(bodies: Iterable[bytes]) -> int:
    return 50 * sum(1 for _ in bodies)


def _checked(counts: PlanCounts, **expected: int) -> int:
    assert dataclasses.replace(counts, **expected) == counts, counts
    return counts.read


def _users(bodies: Iterator[bytes]) -> list[dict[str, Any]]:
    return [operation["data"] for body in bodies for operation in json.loads(body)["Operations"]]


def speed_row(name: str, speed: Speed, goal: float | None = None) -> dict[str, Any]:
    """A row of the table: the median of the rounds, and of the time a person."""
    microseconds = statistics.median(speed.microseconds)
    return {
        "name": name,
        "ratio": speed.ratio,
        "rounds": speed.ratios,
        "microseconds": microseconds,
        "goal": goal,
    }


def print_speeds(rows: Iterable[dict[str, Any]]) -> None:
    """Print speeds as a table in Markdown."""
    _print_table(("", "speed", "of the rounds", "us a person", "goal"), map(_speed_cells, rows))


def _speed_cells(row: dict[str, Any]) -> tuple[str, ...]:
    rounds = f"{min(row['rounds']):.3g} - {max(row['rounds']):.3g}" if "rounds" in row else ""
    microseconds = f"{row['microseconds']:.1f}" if "microseconds" in row else ""
    goal = "" if row["goal"] is None else f">= {row['goal']:g}"
    return row["name"], f"{row['ratio']:.3g}", rounds, microseconds, goal


def _memory_cells(row: dict[str, Any]) -> tuple[str, ...]:
    few, many = row["megabytes"], row["megabytes_tenfold"]
    if few is None or many is None:
        return row["name"], "not told by this system", "", ""
    return row["name"], f"{few:.0f}", f"{many:.0f}", f"{many / few:.2f}"


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
    print()


def _processor() -> str:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def _hundreds(text: str) -> int:
    if not text.isdigit() or int(text) % 100 or int(text) == 0:
        raise argparse.ArgumentTypeError("a multiple of 100")
    return int(text)


if __name__ == "__main__":
    main()
