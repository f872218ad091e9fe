"""What the commands of somebody who edits a mapping cost to start, beside the least that they need.

    .venv/bin/python benchmarks/startup.py [--rounds N]

Each command is run on the sample project, in turns with ``python -c "import yaml, jinja2"``; the least CPU
time of each counts, and its ratio to that of the import is printed. CPU of children depends on what else the
machine does as little as can be. All run with the bytecode of their modules at hand, as installed programs
do, whatever the environment says about writing it.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SCIMPORT = Path(sys.executable).with_name("scimport")
COMMANDS = {
    "check": ["check"],
    "test": ["test"],
    "preview": ["preview", "employees", "--key", "00107"],
}


def cpu(command: list[str], folder: str, environment: dict[str, str]) -> float:
    """Seconds of CPU, user and system, of a command that ends well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as parent:
        folder = f"{parent}/project"
        subprocess.run([SCIMPORT, "init", folder], check=True, capture_output=True)
        commands = {"import yaml, jinja2": [sys.executable, "-c", "import yaml, jinja2"]}
        commands |= {name: [str(SCIMPORT), *arguments] for name, arguments in COMMANDS.items()}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = f"{parent}/bytecode"
        for command in commands.values():
            cpu(command, folder, environment)
        least = dict.fromkeys(commands, float("inf"))
        for _ in range(rounds):
            for name, command in commands.items():
                least[name] = min(least[name], cpu(command, folder, environment))
    base = least["import yaml, jinja2"]
    for name, seconds in least.items():
        print(f"{name:20}  {seconds / base:5.1f}  ({seconds:.2f} s of CPU)")


if __name__ == "__main__":
    main()
