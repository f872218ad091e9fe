"""The main job on the sample data: `make demo`.

Makes a project like this one in .scimport/demo, makes and starts its two apps, loads both pipelines into the
sandbox as Prefect flow runs, puts the next day's files in place, and loads again. Nothing is left running or
written elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from scimport.cli.app import report
from scimport.cli.confirm import look
from scimport.cli.output import Output
from scimport.cli.run import progress, waiting
from scimport.errors import ScimportError
from scimport.flows.runner import flow_runner
from scimport.model import RunSummary
from scimport.plan import Selection
from scimport.project import Project, open_project

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".scimport" / "demo"
SCIMPORT = Path(sys.executable).with_name("scimport")


def main() -> None:
    """Run the demo."""
    _forget_environment()
    output = Output()
    project = _new_project()
    output.say(
        f"A copy of the sample project is in {_short(DEMO)}. The sandbox stands in for Microsoft Entra."
    )
    output.say("First the two provisioning apps, as the pipelines describe them:\n")
    _command("app", "apply", "--all", "--start")
    output.say("")
    with ExitStack() as exits:
        with waiting(output, "Starting Prefect, which runs and watches the loads ..."):
            run = exits.enter_context(flow_runner(project, None))
        output.say("Day one: everybody is new.\n")
        _load(project, run, output)
        shutil.copytree(DEMO / "sample_data" / "day2", DEMO / "sample_data", dirs_exist_ok=True)
        output.say(
            "Day two: only what changed is sent. Three records are invalid, and do not stop the others.\n"
        )
        _load(project, run, output)
    command = f"{_short(SCIMPORT)} --project {_short(DEMO)}"
    output.say("Try next:")
    output.say(f"  {command} status")
    output.say(f"  {command} preview employees --key 00103")
    output.say(f"  {command} problems employees")


def _forget_environment() -> None:
    """Keep the environment's settings from leading the demo to a real file, state or server."""
    for name in tuple(os.environ):
        if name.startswith(("SCIMPORT_", "PREFECT_")) or name in {"EMPLOYEES_CSV", "CONTRACTORS_DB"}:
            del os.environ[name]


def _new_project() -> Project:
    shutil.rmtree(DEMO, ignore_errors=True)
    subprocess.run([SCIMPORT, "init", DEMO], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    return open_project(DEMO)


def _command(*words: str) -> None:
    """Run a command in the demo's project as a person would, and show what it prints."""
    subprocess.run([SCIMPORT, "--project", DEMO, *words], check=True)  # noqa: S603 - our own command


def _load(project: Project, run: Callable[..., RunSummary], output: Output) -> None:
    for name in ("employees", "contractors"):
        with progress(output) as tell:
            summary = run(project, name, Selection(), on_progress=tell)
        output.summary(summary)
        look(project, summary, output, wait=False)


def _short(path: Path) -> str:
    """The path as it is called from the top of the repository."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    try:
        main()
    except ScimportError as error:
        report(error, as_json=False)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(1) from None
