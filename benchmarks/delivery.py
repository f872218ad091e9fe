"""How fast scimport delivers a staged plan, against a bare httpx loop and a replay of the same bytes.

    python benchmarks/delivery.py [--people 20000] [--rounds 5] [--calls 400] [--json FILE]

All three send the same bodies to a small server in another process that answers 202 at once; they take turns
in one run, and the figures are medians of the rounds. scimport besides reads the people from its state,
writes down each request before and after it is sent, and acknowledges everybody in it. Then the plan is
delivered at a limit on calls, scaled down in time, and the server counts them: how many in any window of its
own, and how much longer all took than the limit needs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import httpx
from sqlalchemy import select

import ours
import people
from counting_server import serve
from pipeline import environment
from replay import as_request, replay
from sandwich import one_core
from scimport.apps.app import App
from scimport.apps.auth import Anonymous
from scimport.apps.bulk import bulk_request
from scimport.apps.delivery import deliver
from scimport.apps.hosts import check_endpoint
from scimport.apps.outbox import MAX_OPERATIONS, Operation
from scimport.model import DeliveryCounts
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.queue import Queue
from scimport.state.schema import plan

WORKERS = 8  # more threads make a bare loop slower
UNLIMITED = Limits("benchmark", burst=0, daily_calls=0)
ENTRA = Limits("benchmark")
"""40 calls in 5 seconds (entra-facts 2.6)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What sending all bodies once took.

    Attributes:
        cpu: Seconds of this process's CPU time, all threads.
        wall: Seconds.
    """

    cpu: float
    wall: float


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000, help="people in the plan, a multiple of 100")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run")
    parser.add_argument("--calls", type=int, default=400, help="calls at the limit")
    parser.add_argument("--window", type=float, default=0.5, help="seconds of the limit's window, Entra's: 5")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    people.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=people.CACHE) as name:
        staged = Staged(Path(name), arguments.people)
        report = {
            "environment": environment(),
            "speed": measure_speed(staged, arguments.rounds),
            "limit": measure_limit(Path(name), arguments.calls, arguments.window),
        }
    print_report(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


class Staged:
    """A plan that is staged in a state of its own, as often as it is wanted.

    Args:
        folder: Where its files are.
        count: People in it, a multiple of 100.
    """

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(exist_ok=True)
        self.people, self._original, self._state = count, folder / "staged.db", folder / "state.db"
        with ours.ready_plan(people.csv_file(count), self._original) as make:
            assert make().to_send == count
        with closing(Database(f"sqlite:///{self._original}")) as database, database.read() as connection:
            self.plan_id = connection.execute(select(plan.c.id)).scalar_one()
            pages = Queue(database.vault, ours.NAME, self.plan_id).pages(connection)
            operations = [one for page in pages for one in page.operations]
        self.bodies = [bulk_request(some) for some in _in_requests(operations)]

    @contextmanager
    def outbox(self, limits: Limits) -> Iterator[StateOutbox]:
        """The outbox of a copy of which nothing has been sent yet."""
        ours.copy_state(self._original, self._state)
        with closing(Database(f"sqlite:///{self._state}")) as database:
            yield StateOutbox(database, ours.NAME, self.plan_id, limits)


def measure_speed(staged: Staged, rounds: int) -> dict[str, Any]:
    """Deliver without limits, and send the same bodies in the other two ways; figures by name."""
    costs: dict[str, list[Cost]] = {}
    with serve() as served, one_core():
        ways = _ways(staged, served.port, served.url)
        for number in range(rounds):
            for name, send in ways if number % 2 == 0 else reversed(ways):
                costs.setdefault(name, []).append(send())
                seen = served.report()
                assert seen.calls == len(staged.bodies), seen
                assert seen.received == sum(map(len, staged.bodies)), "the same bytes have arrived"
    return {
        name: {
            "cpu_us_a_person": 1e6 * statistics.median(one.cpu for one in found) / staged.people,
            "wall_us_a_person": 1e6 * statistics.median(one.wall for one in found) / staged.people,
            # Of each round by itself: the machine's speed changes between them.
            "cpu": statistics.median(_over(costs["scimport"], found, "cpu")),
            "wall": statistics.median(_over(costs["scimport"], found, "wall")),
        }
        for name, found in costs.items()
    }


def _ways(staged: Staged, port: int, url: str) -> list[tuple[str, Callable[[], Cost]]]:
    headers = {"Host": "127.0.0.1", "User-Agent": "scimport", "Content-Type": "application/scim+json"}
    requests = [as_request(body, headers) for body in staged.bodies]

    def by_scimport() -> Cost:
        app = App(check_endpoint(url), Anonymous())
        with staged.outbox(UNLIMITED) as outbox:
            return _cost(lambda: _complete(deliver(outbox, app), staged.people))

    return [
        ("scimport", by_scimport),
        ("httpx", lambda: _cost(lambda: send_by_httpx(url, staged.bodies, headers))),
        ("replay", lambda: _cost(lambda: replay(port, requests, WORKERS))),
    ]


def send_by_httpx(url: str, bodies: Sequence[bytes], headers: dict[str, str]) -> None:
    """Post bodies with as many threads and connections as scimport has, and nothing else."""
    waiting, lock = iter(bodies), threading.Lock()

    def work() -> None:
        with httpx.Client(trust_env=False, headers=headers) as client:
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    return
                assert client.post(url, content=body).status_code == 202

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_limit(folder: Path, calls: int, window: float) -> list[dict[str, Any]]:
    """Deliver at Entra's limit, scaled down in time, to endpoints that answer at once and after a while."""
    staged = Staged(folder / "limit", 100 * -(-calls // 2))
    limits = Limits("benchmark", ENTRA.burst, window, daily_calls=0)
    return [_at_limit(staged, limits, latency) for latency in (0.0, window / 100)]


def _at_limit(staged: Staged, limits: Limits, latency: float) -> dict[str, Any]:
    # The endpoint counts as strictly as it can: all that came in any window that ends now.
    with serve(limits.burst, limits.window, latency) as served, staged.outbox(limits) as outbox:
        app = App(check_endpoint(served.url), Anonymous())
        _complete(deliver(outbox, app), staged.people)
        seen = served.report()
    assert not seen.refused, seen
    took = seen.last - seen.first
    least = (seen.calls - 1) // limits.burst * limits.window
    return {
        "calls": seen.calls,
        "refused": seen.refused,
        "most_in_a_window": seen.most,
        "latency_of_window": latency / limits.window,
        "idle": 1 - least / took,
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the tables as Markdown."""
    print(", ".join(f"{name} {value}" for name, value in report["environment"].items()))
    print(f"\n| {'limits off':<10} | us a person, CPU | wall | speed of scimport over it, CPU | wall |")
    print("| ---------- | ---------------- | ---- | ----------------------------- | ---- |")
    for name, one in report["speed"].items():
        cells = (f"{one['cpu_us_a_person']:.1f}", f"{one['wall_us_a_person']:.1f}")
        print(f"| {name:<10} | {' | '.join(cells)} | {one['cpu']:.2f} | {one['wall']:.2f} |")
    print("\n| calls at the limit | refused | most in a window | latency, of the window | idle |")
    print("| ------------------ | ------- | ---------------- | ---------------------- | ---- |")
    for one in report["limit"]:
        counts = f"{one['calls']} | {one['refused']} | {one['most_in_a_window']}"
        print(f"| {counts} | {one['latency_of_window']:.1%} | {one['idle']:.2%} |")


def _in_requests(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    return (operations[n : n + MAX_OPERATIONS] for n in range(0, len(operations), MAX_OPERATIONS))


def _complete(counts: DeliveryCounts, people: int) -> None:
    assert (counts.accepted, counts.throttled) == (people, 0), counts


def _cost(send: Callable[[], None]) -> Cost:
    began = process_time(), perf_counter()
    send()
    return Cost(process_time() - began[0], perf_counter() - began[1])


def _over(ours: Sequence[Cost], theirs: Sequence[Cost], what: str) -> list[float]:
    return [getattr(their, what) / getattr(our, what) for our, their in zip(ours, theirs, strict=True)]


if __name__ == "__main__":
    main()
