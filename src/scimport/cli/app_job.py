"""``scimport app start``, ``stop``, ``restart``, ``status`` and ``demand``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.app_shared import Yes, managed, time_shown
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.apps.job import Job


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (start, stop, restart, status, demand):
        app.command()(command)


def start(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Start the app: it listens for uploads, and goes on with what waits."""
    from scimport.provisioning import jobs  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        started = jobs.start(found.tenant(), name)
    output.say(f"{name}: {'started' if started else 'runs already'}. It listens for uploads.")
    output.json({"pipeline": name, "started": started})


def stop(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Stop (pause) the app: the cycle ends first; uploads are taken, and wait until it is started."""
    from scimport.provisioning import jobs  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        stopped = jobs.stop(found.tenant())
    words = "stopped" if stopped else "was not running"
    output.say(f"{name}: {words}. Uploads are taken, and wait until scimport app start {name}.")
    output.json({"pipeline": name, "stopped": stopped})


def restart(
    context: typer.Context,
    name: options.Name,
    reset: Annotated[
        list[str] | None,
        typer.Option(
            "--reset",
            metavar="SCOPE",
            help="What it forgets; several times for several. Default: Watermark, Escrows, QuarantineState.",
        ),
    ] = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Restart the app. One that is stopped or in quarantine throws away what was uploaded and waits."""
    # Not needed for --help.
    from scimport.project.values import did_you_mean  # noqa: PLC0415
    from scimport.provisioning import jobs  # noqa: PLC0415

    scope = tuple(reset or jobs.BUTTON)
    if unknown := [each for each in scope if each not in jobs.RESET_SCOPES]:
        hint = did_you_mean(unknown[0], jobs.RESET_SCOPES) or f"One of {', '.join(jobs.RESET_SCOPES)}."
        raise UsageError(
            Problem(Code.BAD_VALUE, f"'{unknown[0]}' cannot be reset", hint=hint, field="--reset")
        )
    output = Output(as_json=as_json)
    with managed(context, name) as found:
        tenant = found.tenant()
        purged = jobs.purges(tenant, scope)
        if (
            purged
            and not yes
            and not typer.confirm(
                "The app is not running: what was uploaded and waits is thrown away. Go on?", err=True
            )
        ):
            message = "nothing was restarted"
            hint = f"scimport app start {name} goes on with what waits; --yes throws it away."
            raise UsageError(Problem(Code.INTERRUPTED, message, hint=hint))
        jobs.restart(tenant, name, scope)
    output.say(f"{name}: restarted ({', '.join(scope)}).")
    if purged:
        output.say(f"What waited is gone. In 40 minutes, send everybody again: scimport run {name} --full")
    output.json({"pipeline": name, "reset": scope, "purged": purged})


def status(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Show the app's state, its quarantine and the way out, statistics, and technical information."""
    from scimport.apps.job import job_of  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        tenant = found.tenant()
    state = job_of(tenant.job)
    technical = {
        "endpoint": tenant.endpoint,
        "service_principal": tenant.principal,
        "application": tenant.application,
        "job": tenant.job_id,
    }
    output.say(f"{name}: '{tenant.name}'")
    rows = [*_rows(state, name), *((key.replace("_", " "), value) for key, value in technical.items())]
    output.table("", ("what", "value"), rows)
    output.json({"pipeline": name, "name": tenant.name, **dataclasses.asdict(state), **technical})


def _rows(state: Job, name: str) -> list[tuple[str, str]]:
    from scimport.provisioning.status import explained  # noqa: PLC0415 - not needed for --help

    rows = [("state", f"{state.schedule} ({state.code})")]
    if state.quarantined:
        why, way = explained(state, name)
        rows += [
            ("quarantine", f"{state.quarantine or 'Unknown'}: {why}"),
            *([("error", f"{state.error}: {state.words}")] if state.error else []),
            ("since", time_shown(state.since)),
            ("next attempt", time_shown(state.next_attempt)),
            ("way out", way),
        ]
    elif not state.runs:
        rows.append(("way out", f"scimport app start {name}; until then uploads wait"))
    rows += [("provisioned to date", f"{count:,} ({kind})") for kind, count in state.people]
    rows.append(("everything processed", time_shown(state.steady)))
    if state.last:
        last = state.last
        counts = f"{last.imported:,} read, {last.exported:,} written, {last.escrowed:,} failed"
        rows += [("last cycle", f"{last.state}, {counts}"), ("ended", time_shown(last.ended))]
        rows.append(("activity", last.activity))
    return rows


def demand(
    context: typer.Context,
    name: options.Name,
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The person it is about.")] = "KEY",
) -> None:
    """Explain why one person cannot be provisioned on demand, and what to do instead."""
    pipeline = options.find(context).pipeline(name)
    output = Output()
    output.say(
        "Microsoft does not support provisioning on demand for API-driven apps: people come by uploads alone."
    )
    output.say("What would be sent for one person, leaf by leaf:")
    output.say(f"  scimport preview {pipeline.name} --key {key}")
    output.say("Send one person now:")
    output.say(f"  scimport run {pipeline.name} --key {key} --full")
    output.say("What became of a person, from the row to the directory:")
    output.say(f"  scimport trace {key}")
