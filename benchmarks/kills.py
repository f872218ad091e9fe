"""Kills plan, apply, run, resume, confirm and retry at random moments: nobody is lost, no status is wrong.

Commands run one after the other, each in a process that gets a SIGKILL at a random moment of the time that it
takes, or ends before. In between, people join, change, leave and come back. At the end the commands run
undisturbed, and the directory must be as the file is, and every status as the directory says.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

import scimport.confirm
import soak
from scimport.cli import main as command_line
from scimport.project.project import Project
from scimport.sandbox import run_sandbox
from scimport.sandbox.settings import Settings
from scimport.state import open_state
from scimport.state.plans import list_plans

CRASH = 70
"""Exit code of a command that ended with an exception."""
LOOKS = 20
"""How often the log is looked at in the end: the sandbox may not be done at once."""
COMMANDS = ("plan", "apply", "run", "run", "resume", "confirm", "retry", "retry --plan")
FAULTS = {"fail": {"rate": 0.05}, "cut_after": {"rate": 0.05}, "latency": {"jitter": 0.05}, "seed": 3}
PIPELINE = """
source: people
mapping: people
leavers: deactivate
max_attempts: 1000
app: {target: entra-id, endpoint: ENDPOINT, auth: none, daily_calls: 6000}
guards:
  leavers: {max_percent: 100, max_count: 1000000}
"""


def kill(count: int, people: int, folder: Path) -> list[str]:
    """Live through so many kills; returns what was not as it should be."""
    dice, town, said = random.Random(5), soak.Town(), Counter[str]()
    # The sandbox's log may be read as often as one likes, so commands need not take turns.
    scimport.confirm.TURN = 0.0  # type: ignore[attr-defined]  # a name that it has, and does not offer
    with served(folder / "sandbox") as base_url:
        app = httpx.post(f"{base_url}/sandbox/apps", json={"name": "p", "target": "entra-id"}).json()
        httpx.post(f"{base_url}/sandbox/faults", json=FAULTS).raise_for_status()
        project = folder / "project"
        for name, text in (soak.FILES | {"pipelines/people.yml": PIPELINE}).items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text.replace("ENDPOINT", app["endpoint"]), encoding="utf-8")
        town.join(people)
        town.write(project / "people.csv")
        longest = 4.0
        while said["killed"] < count:
            if dice.random() < 0.3:
                town.live_a_day()
                town.write(project / "people.csv")
            words = dice.choice(COMMANDS)
            began = time.monotonic()
            ended = attempt(project, words, dice.uniform(0, longest))
            said[f"{words} ended {ended}" if ended is not None else "killed"] += 1
            if ended == CRASH:
                return [f"`scimport {words}` crashed: see above"]
            if ended is not None:
                longest = max(time.monotonic() - began, 0.2)
        print(json.dumps(said), json.dumps(town.touched))
        httpx.delete(f"{base_url}/sandbox/faults").raise_for_status()
        for words in ("resume", "run", *["confirm"] * LOOKS):
            if (code := attempt(project, words, None)) not in {0, 4}:
                return [f"undisturbed, `scimport {words}` ended {code}"]
            if words == "confirm" and "waiting" not in soak.statuses(project).values():
                break
            time.sleep(0.5)
        return soak.wrong(town, project, soak.directory(base_url, app["jobId"]))


def attempt(project: Path, words: str, until: float | None) -> int | None:
    """Run a command, and kill it after some seconds; its exit code, or ``None`` when it was killed."""
    name, *options = words.split()
    about = [newest_plan(project)] if name == "apply" else ["people"]
    more = ["--no-prefect"] if name == "run" else []
    child = os.fork()
    if not child:
        become(["scimport", "--project", str(project), name, *about, *options, *more])
    deadline = None if until is None else time.monotonic() + until
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.005)


def become(arguments: list[str]) -> None:
    """Be the command line, in a process that was forked for it; it does not return."""
    code: Any = 0
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    kept, sys.argv = os.dup(2), arguments
    os.dup2(nowhere, 2)
    try:
        command_line()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - whatever it was is told, and the process ends here
        os.dup2(kept, 2)
        traceback.print_exc()
        code = CRASH
    os._exit(code)


def newest_plan(project: Path) -> str:
    """Id of the plan that was made last; a name that no plan has when there is none."""
    database = open_state(Project(project))
    try:
        with database.read() as connection:
            found = list_plans(connection, "people")
    finally:
        database.close()
    return found[0].id if found else "none"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A sandbox in a process of its own: this one has no threads, so that it can be forked."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


def serve(folder: Path) -> None:
    """Serve a sandbox until standard input is closed."""
    settings = Settings(daily_calls=0, burst_calls=0, log_calls=0)
    with run_sandbox(folder, settings=settings) as sandbox:
        print(sandbox.base_url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Kill, then look; or (for the tool itself) serve the sandbox."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--people", type=int, default=1000, help="people at the beginning (default 1000)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        wrong = kill(arguments.kills, arguments.people, Path(folder))
    print(
        "\n".join(wrong)
        if wrong
        else f"After {arguments.kills} kills nobody was lost, and no status is wrong."
    )
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
