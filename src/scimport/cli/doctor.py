"""``scimport doctor``."""

from __future__ import annotations

import dataclasses

import typer

from scimport.cli import options
from scimport.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Look whether a pipeline could be loaded now: files, source, state, app; nobody is sent."""
    from scimport.doctor import examine  # noqa: PLC0415 - not needed for --help
    from scimport.findings import Result  # noqa: PLC0415

    project, output = options.find(context), Output(as_json=as_json)
    findings = output.findings(examine(project, name))
    healthy = all(one.result is not Result.MISSING for one in findings)
    output.say(f"{name} could be loaded now." if healthy else f"{name} could not be loaded as it should.")
    output.json(
        {"pipeline": name, "healthy": healthy, "checks": [dataclasses.asdict(one) for one in findings]}
    )
    raise typer.Exit(0 if healthy else 1)
