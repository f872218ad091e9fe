"""``scimport capacity``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output, duration

if TYPE_CHECKING:
    from scimport.capacity import Capacity, Load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("capacity")(capacity)


def capacity(
    context: typer.Context,
    name: options.Name,
    people: Annotated[
        int | None,
        typer.Option(
            "--people", min=0, metavar="N", help="Reckon with a population of N, not with who is known."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Reckon how long loads take under the tenant's limits, when they fit, and what sending changes saves."""
    from scimport import capacity as reckoning  # noqa: PLC0415 - not needed for --help
    from scimport.state import open_state  # noqa: PLC0415

    project = options.find(context)
    pipeline = project.pipeline(name)
    database = open_state(project)
    try:
        found = reckoning.capacity(database, pipeline, people)
    finally:
        database.close()
    output = Output(as_json=as_json)
    _show(output, found, datetime.now(UTC))
    output.json(dataclasses.asdict(found))


def _show(output: Output, found: Capacity, now: datetime) -> None:
    loads = [("everybody", found.everybody), *([("a usual run", found.usual)] if found.usual else [])]
    columns = ("load", "people", "calls", "takes", "fits the day's calls")
    rows = [
        (what, one.people, one.calls, duration(one.seconds), _fits(one, found.daily_calls, now))
        for what, one in loads
    ]
    output.table(found.pipeline, columns, rows)
    most = f" of {found.daily_calls:,}" if found.daily_calls else ", which are not limited"
    output.say(f"Calls of the last 24 hours: {found.used:,}{most}.")
    habit = found.habit
    if habit.everybody_calls:
        saved = 100 * (1 - habit.calls / habit.everybody_calls)
        output.say(
            f"Whole runs looked back at: {habit.runs:,}. Sending only changes took {habit.calls:,} calls;"
            f" sending everybody would have taken {habit.everybody_calls:,} ({saved:.0f} % saved)."
        )


def _fits(one: Load, daily_calls: int, now: datetime) -> str:
    if one.fits_in is None:
        return f"never: it takes {one.calls / daily_calls:.1f} days' calls"
    if not one.fits_in:
        return "now"
    return f"from {now + timedelta(seconds=one.fits_in):%Y-%m-%d %H:%M} UTC"
