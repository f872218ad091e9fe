"""A week of daily runs against a sandbox that fails one call in ten: nobody lost, statuses true, sizes flat.

Day 0 loads everybody; each day after it has joiners, movers, leavers (by status, or gone from the file) and
people who come back. The clocks of the state and of the sandbox are moved on a day at a time, so the day's
calls hold as they would, and what does not fit is sent the next day. The endpoint refuses one person in
fifty. Each run is a process of its own, whose peak memory is measured. Exit code 1: something is not so.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, select

from scimport.confirm import Confirming, Time
from scimport.errors import BudgetError
from scimport.plan import Selection
from scimport.project.project import Project
from scimport.sandbox import run_sandbox
from scimport.sandbox.settings import Settings
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outcomes import Outcomes
from scimport.state.schema import outcome, person

DAY = 86_400.0
LATER = 1800.0
"""Seconds after a run when its outcomes are looked for."""
CALLS = 6000
FAULTS: dict[str, Any] = {"fail": {"rate": 0.05}, "cut_before": {"rate": 0.02}, "cut_after": {"rate": 0.02}}
FAULTS |= {"throttle": {"rate": 0.01, "retry_after": 0.2}, "seed": 1}
# So many leave in a day that the job would stop for accidental deletions.
ANY_DELETES = '{"Enabled": true, "Recipients": "it@acme.example", "DeleteThresholdEnabled": false}'
FLAT = 1.25
"""How much larger the largest of what should stay the same may be than the smallest."""

FILES = {
    "sources/people.yml": "kind: csv\npath: people.csv\nkey: id\n",
    "mappings/people.yml": """
user:
  externalId: "P-{{ id }}"
  userName: "{{ login }}@acme.example"
  displayName: "{{ name }}"
  active: '{{ status == "A" }}'
""",
    "pipelines/people.yml": """
source: people
mapping: people
leavers: deactivate
app: {target: entra-id, endpoint: ENDPOINT, auth: none, daily_calls: 6000}
guards:
  leavers: {max_percent: 50, max_count: 1000000}
  changes: {max_percent: 50, max_count: 1000000}
  per_attribute: {max_percent: 50, max_count: 1000000}
  new_keys: {max_percent: 50, max_count: 1000000}
  changed_keys: {max_percent: 50, max_count: 1000000}
""",
}


@dataclass
class Town:
    """Who there is, and what they are to become.

    Attributes:
        people: By id: name, status, and whether the file has the person.
    """

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    people: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    touched: Counter[str] = field(default_factory=Counter)

    def join(self, count: int) -> None:
        """New people."""
        first = len(self.people)
        for n in range(first, first + count):
            self.people[f"{n:07}"] = (f"Person {n}", "A", True)
        self.touched["joiners"] += count

    def live_a_day(self) -> None:
        """Some join, change, leave or come back."""
        ids = list(self.people)
        for number in self.dice.sample(ids, max(len(ids) // 60, 4)):
            name, status, there = self.people[number]
            if there and status == "A":
                what = self.dice.choice(("movers", "movers", "leavers", "gone"))
                self.people[number] = {
                    "movers": (f"{name} II", status, True),
                    "leavers": (name, "T", True),
                    "gone": (name, status, False),
                }[what]
            else:
                what = "rehires"
                self.people[number] = (name, "A", True)
            self.touched[what] += 1
        self.join(max(len(ids) // 200, 1))

    def write(self, path: Path) -> None:
        """The file of those who are in it."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "login", "name", "status"))
            for number, (name, status, there) in self.people.items():
                if there:
                    writer.writerow((number, login(number), name, status))

    def expected(self) -> dict[str, tuple[str, bool]]:
        """Name and whether the account is enabled, by externalId, of those who are not refused."""
        return {
            f"P-{number}": (name, there and status == "A")
            for number, (name, status, there) in self.people.items()
            if not refused(number)
        }


def refused(number: str) -> bool:
    """Whether the endpoint takes the person and its directory does not."""
    return int(number) % 50 == 7


def login(number: str) -> str:
    """A user name; one with a blank is refused."""
    return f"bad {number}" if refused(number) else f"p{number}"


def run_a_day(folder: Path, ahead: float) -> None:
    """One run and one look at the log, with the clock moved on; prints what came of it."""
    clock = Database.now

    def now(self: Database, connection: Connection) -> float:
        return clock(self, connection) + ahead

    Database.now = now  # type: ignore[method-assign]  # the injected clock
    project, name, budget = Project(folder), "people", False
    with PipelineRun(project, name, Selection()) as run:
        try:
            run.finish_interrupted()
            while run.extract():
                pass
            run.plan()
            run.deliver()
        except BudgetError:
            budget = True
    print(json.dumps({"budget": budget, "calls": run.summary.delivery.calls, "memory": peak()}))


def confirm(folder: Path, ahead: float) -> dict[str, int]:
    """Read the log; how many people have which outcome."""
    database = Database(Project(folder).state_url)
    try:
        Confirming(Project(folder), database, "people", Time(lambda: ahead)).read()
        with database.read() as connection:
            counts = Outcomes(database, "people").counts(connection)
    finally:
        database.close()
    return dataclasses.asdict(counts)


def peak() -> int:
    """Peak resident memory of this process in kB; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii", errors="replace").splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def directory(base_url: str, job: str) -> dict[str, tuple[str, bool]]:
    """Display name and ``accountEnabled`` by externalId, as the sandbox has them."""
    found: dict[str, tuple[str, bool]] = {}
    after = ""
    while True:
        answer = httpx.get(f"{base_url}/sandbox/apps/{job}/users", params={"top": 1000, "after": after})
        page = answer.raise_for_status().json()["value"]
        if not page:
            return found
        for one in page:
            attributes = one["attributes"]
            found[one["externalId"]] = (attributes["displayName"], attributes["accountEnabled"])
        after = page[-1]["externalId"]


def statuses(folder: Path) -> dict[str, str]:
    """Outcome of each person's last delivery, by externalId."""
    database = Database(Project(folder).state_url)
    with database.read() as connection:
        query = select(person.c.external_id, outcome.c.status)
        rows = connection.execute(query.join(outcome, outcome.c.person_id == person.c.id))
        found = {row[0]: row[1] for row in rows}
    database.close()
    return found


def state_size(folder: Path) -> int:
    """Bytes of the state."""
    return sum(path.stat().st_size for path in (folder / ".scimport").glob("state*"))


def soak(count: int, last: int, folder: Path) -> list[str]:
    """Live from day 0 to the last; returns what was not as it should be."""
    town = Town()
    days: list[dict[str, Any]] = []
    with run_sandbox(folder / "sandbox", settings=Settings(daily_calls=CALLS, log_lag=300)) as sandbox:
        app = httpx.post(f"{sandbox.base_url}/sandbox/apps", json={"name": "p", "target": "entra-id"}).json()
        project = folder / "project"
        for name, text in FILES.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text.replace("ENDPOINT", app["endpoint"]), encoding="utf-8")
        secrets = app["endpoint"].rpartition("/jobs/")[0] + "/secrets"
        setting = {"key": "SyncNotificationSettings", "value": ANY_DELETES}
        httpx.put(secrets, json={"value": [setting]}).raise_for_status()
        httpx.post(f"{sandbox.base_url}/sandbox/faults", json=FAULTS).raise_for_status()
        town.join(count)
        day, ahead = 0, 0.0
        while day <= last or days[-1]["budget"]:
            town.write(project / "people.csv")
            done = _day(sandbox.base_url, project, ahead)
            days.append(done)
            print(f"day {day}: {json.dumps(done)}", flush=True)
            day, ahead = day + 1, ahead + DAY
            if day <= last:
                town.live_a_day()
        print(f"lived: {dict(town.touched)}")
        return [*wrong(town, project, directory(sandbox.base_url, app["jobId"])), *_grown(days[2:] or days)]


def _day(base_url: str, project: Path, ahead: float) -> dict[str, Any]:
    _clock(base_url, ahead)
    began = time.monotonic()
    command = [sys.executable, __file__, "--day", str(project), "--ahead", str(ahead)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    done: dict[str, Any] = json.loads(said)
    _clock(base_url, ahead + LATER)
    outcomes = confirm(project, ahead + LATER)
    seconds = round(time.monotonic() - began, 1)
    return done | {"state": state_size(project), "seconds": seconds} | outcomes


def _clock(base_url: str, ahead: float) -> None:
    httpx.put(f"{base_url}/sandbox/settings", json={"clock_offset": ahead}).raise_for_status()


def wrong(town: Town, project: Path, found: dict[str, tuple[str, bool]]) -> list[str]:
    """People whose account or status is not what it should be, counted."""
    expected, known = town.expected(), statuses(project)
    # Who came and went between two runs was never sent.
    never = {f"P-{number}" for number, (_, _, there) in town.people.items() if not there} - known.keys()
    should = {one: expected[one] for one in expected.keys() - never}
    statuses_not_true = 0
    for number in town.people:
        one = f"P-{number}"
        right = ("rejected",) if refused(number) else _ARRIVED
        statuses_not_true += one not in never and known.get(one) not in right
    counts = {
        "people who should have an account have none": len(should.keys() - found.keys()),
        "accounts are of nobody": len(found.keys() - should.keys()),
        "accounts are not as they should be": sum(found[one] != should[one] for one in found.keys() & should),
        "statuses are not true": statuses_not_true,
    }
    return [f"{count:,} {what}" for what, count in counts.items() if count]


# Who is sent again because an answer was lost is as wanted already: the log says skipped.
_ARRIVED = ("provisioned", "skipped")


def _grown(days: list[dict[str, Any]]) -> list[str]:
    ratios = {
        what: max(one[what] for one in days) / max(min(one[what] for one in days), 1) for what in _SIZES
    }
    print(
        ", ".join(f"{what}: {ratio:.2f} times from smallest to largest day" for what, ratio in ratios.items())
    )
    return [f"{what} grew {ratio:.2f} times" for what, ratio in ratios.items() if ratio > FLAT]


_SIZES = ("memory", "state")


def main() -> None:
    """Live the week, or (for the tool itself) one day of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=7, help="days after day 0 (default 7)")
    parser.add_argument("--people", type=int, default=300_000, help="people of day 0 (default 300000)")
    parser.add_argument("--day", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ahead", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.day:
        run_a_day(arguments.day, arguments.ahead)
        return
    with tempfile.TemporaryDirectory() as folder:
        wrong = soak(arguments.people, arguments.days, Path(folder))
    print("\n".join(wrong) if wrong else "Nobody was lost, every status is true, and sizes are flat.")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
