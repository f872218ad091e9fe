"""The state at scale: what each operation costs with so many known people, and after days of history.

    python benchmarks/scale.py [--people 100000 1000000] [--database sqlite] [--days 10 50] [--json FILE]

``--database`` may be the URL of a PostgreSQL server: a database of its own is made there, and dropped. Each
number of people has a process of its own. The table has seconds of CPU (of this process, and of the server),
the ratio of the largest number of people to the smallest, and the ratio after the days to before them: of
CPU, and of the work that the database itself counts. Operations with changes change one in a hundred.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

import people
from lived import BUCKETS, DAY, MEASURED, NAME, Endpoint, Life
from meter import Meter
from scimport.forget import purge_old
from scimport.plan import Selection
from scimport.project.project import Project
from scimport.stages import PipelineRun
from scimport.state import Database, locks, runs
from scimport.state.outcomes import Outcomes
from scimport.state.people import People
from scimport.state.plans import Plans
from scimport.state.purge import Ages
from scimport.state.retries import Retries
from scimport.trace import trace

KEEP = Ages(plans=30 * DAY, runs=5 * DAY, outcomes=5 * DAY)


def measure(count: int, url: str, days: list[int], folder: Path) -> dict[str, Any]:
    """Live with so many people; returns the costs by stage of history and operation."""
    with Meter(url) as meter, Endpoint() as endpoint:
        life = Life(endpoint, count, folder, url)
        _first_load(life, meter)
        found = {"first": meter.taken()}
        _operations(life, meter)
        found["0"] = meter.taken()
        for lived in itertools.accumulate(days):
            with meter.measured("days"):
                life.live(lived - life.days)
            _operations(life, meter)
            found[str(lived)] = meter.taken()
        _purge(life, meter)
        found["purge"] = meter.taken()
    return found


def _first_load(life: Life, meter: Meter) -> None:
    life.read()
    life.endpoint.size = 5000
    with PipelineRun(Project(life.project), NAME, Selection()) as run:
        with meter.measured("first load: rows"):
            while run.extract():
                pass
        with meter.measured("first load: rest of the plan"):
            counts = run.plan()
        assert counts.joiners == life.count, counts
        with meter.measured("first load: everybody accepted"):
            run.deliver()
    life.endpoint.size = 50
    with meter.measured("first load: everybody confirmed"):
        life.confirm(life.external_ids())


def _operations(life: Life, meter: Meter) -> None:
    """Measure each operation once; afterwards the people are as they were."""
    life.endpoint.ahead += DAY
    life.read(changed=True)
    with meter.measured("all of a plan with 1 % changes"):
        work = PipelineRun(Project(life.project), NAME, Selection())
        with work as run:
            with meter.measured("plan: rows"):
                while run.extract():
                    pass
            with meter.measured("plan: rest"):
                counts = run.plan()
            assert counts.movers == life.count // BUCKETS, counts
    _readings(life, meter)
    _sendings(life, meter)


def _readings(life: Life, meter: Meter) -> None:
    project, database = Project(life.project), Database(Project(life.project).state_url)
    with meter.measured("trace, of 10 people"):
        for number in range(10):
            (story,) = trace(project, database, f"E{number + 1:07}")
            assert story.known is not None
    with meter.measured("status"):
        runs.last(database, NAME)
        with database.read() as connection:
            known, _ = People(database, NAME).count(connection)
            Plans(database, NAME).unfinished(connection)
            outcomes = Outcomes(database, NAME).counts(connection)
            Retries(NAME).standing_count(connection, 5)
        assert known == life.count == outcomes.provisioned + outcomes.rejected, outcomes
    with meter.measured("lock, 100 times"):
        for _ in range(100):
            with locks.hold(database, NAME):
                pass
    database.close()


def _sendings(life: Life, meter: Meter) -> None:
    """Send the 1 %, confirm them, plan the retry of those who did not arrive; then send them back."""
    ids = life.external_ids(MEASURED)
    for changed in (True, False):
        life.read(changed=changed)
        with PipelineRun(Project(life.project), NAME, Selection()) as run:
            while run.extract():
                pass
            run.plan()
            with _measured(meter, "1 % accepted", wanted=changed):
                run.deliver()
        with _measured(meter, "1 % confirmed", wanted=changed):
            life.confirm(ids)
        if changed:
            with meter.measured("retry: who"):
                database = Database(Project(life.project).state_url)
                with database.read() as connection:
                    keys = frozenset(Retries(NAME).keys(connection, 5))
                database.close()
            again = Selection(full=True, keys=keys, again=True)
            with meter.measured("retry: plan"), PipelineRun(Project(life.project), NAME, again) as run:
                while run.extract():
                    pass
                assert run.plan().to_send == len(keys)


def _purge(life: Life, meter: Meter) -> None:
    project = Project(life.project)
    database = Database(project.state_url)
    with meter.measured("purge: count"):
        purge_old(project, database, KEEP, dry_run=True)
    with meter.measured("purge"):
        removed = purge_old(project, database, KEEP)
    assert removed.rows.deliveries or life.days < 10, removed
    with meter.measured("purge: nothing left"):
        purge_old(project, database, KEEP)
    with meter.measured("vacuum"):
        database.compact()
    database.close()


@contextmanager
def _measured(meter: Meter, name: str, *, wanted: bool) -> Iterator[None]:
    with meter.measured(name) if wanted else contextlib.nullcontext():
        yield


@contextmanager
def _state(database: str, folder: Path) -> Iterator[str]:
    """The URL of a state that knows nobody."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/state.db"
        return
    url = make_url(database)
    name = "scimport_scale"
    server = create_engine(url.set(database=url.database or "postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    server.dispose()


def main() -> None:
    """Measure each number of people in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of a PostgreSQL server")
    parser.add_argument("--days", type=int, nargs="*", default=[10, 50], help="even numbers; added up")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        (count,) = arguments.people
        with (
            tempfile.TemporaryDirectory(dir=people.CACHE) as folder,
            _state(arguments.database, Path(folder)) as url,
        ):
            print(json.dumps(measure(count, url, arguments.days, Path(folder))))
        return
    people.CACHE.mkdir(parents=True, exist_ok=True)
    found = {count: _in_a_process(count, arguments) for count in sorted(arguments.people)}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    _print(found)


def _in_a_process(count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", "--people", str(count), "--database", arguments.database]
    command += ["--days", *map(str, arguments.days)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    costs: dict[str, Any] = json.loads(said.splitlines()[-1])
    return costs


def _print(found: dict[int, dict[str, Any]]) -> None:
    """The table, as Markdown."""
    few, many = min(found), max(found)
    stages = [stage for stage in found[many] if stage.isdigit()]
    print(f"| {many:,} people | CPU, s | server, s | wall, s | MB | x {few:,} | history, CPU | work |")
    print("|---|---|---|---|---|---|---|---|")
    for stage, costs in found[many].items():
        if stage not in stages[1:]:
            for name, cost in costs.items():
                small = found[few][stage][name]
                last = found[many][stages[-1]].get(name, cost)
                cells = [f"{cost[key]:.2f}" for key in ("cpu", "server", "wall")] + [f"{cost['peak']:.0f}"]
                cells.append(f"{_cpu(cost) / max(_cpu(small), 0.001):.1f}")
                if stage == stages[0]:
                    cells.append(f"{_cpu(last) / max(_cpu(cost), 0.001):.2f}")
                    cells.append(f"{last['work'] / cost['work']:.2f}" if cost["work"] > _LEAST else "")
                else:
                    cells += ["", ""]
                print(f"| {name} | {' | '.join(cells)} |")


_LEAST = 20.0
"""Thousands of steps or rows below which a ratio says nothing."""


def _cpu(cost: dict[str, float]) -> float:
    return cost["cpu"] + cost["server"]


if __name__ == "__main__":
    main()
