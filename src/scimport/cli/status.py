"""``scimport status``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from scimport.cli import options
from scimport.cli.confirm import COUNTS
from scimport.cli.output import Output, plural

if TYPE_CHECKING:
    from scimport.state.runs import Run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(context: typer.Context, name: options.OptionalName = None, as_json: options.Json = False) -> None:
    """Show each pipeline's people, what became of them, its last run and unfinished work."""
    from scimport.state import open_state, runs  # noqa: PLC0415 - not needed for --help
    from scimport.state.outcomes import Outcomes  # noqa: PLC0415
    from scimport.state.people import People  # noqa: PLC0415
    from scimport.state.plans import Plans  # noqa: PLC0415
    from scimport.state.retries import Retries  # noqa: PLC0415

    project = options.find(context)
    names = (project.pipeline(name).name,) if name else project.pipeline_names
    database = open_state(project)
    found: list[dict[str, Any]] = []
    for one in names:
        last = runs.last(database, one)
        with database.read() as connection:
            known, active = People(database, one).count(connection)
            unfinished = Plans(database, one).unfinished(connection)
            outcomes = dataclasses.asdict(Outcomes(database, one).counts(connection))
            most = project.pipeline(one).config.max_attempts
            standing = Retries(one).standing_count(connection, most)
        run = _document(last)
        state = {"pipeline": one, "known": known, "active": active, "outcomes": outcomes}
        state |= {"standing": standing}
        found.append(state | {"unfinished": unfinished, "last_run": run})
    database.close()
    output = Output(as_json=as_json)
    columns = ("pipeline", "known", "active", "last run", "began", "state", "to resume")
    output.table("", columns, [_row(pipeline) for pipeline in found])
    rows = [(pipeline["pipeline"], *(pipeline["outcomes"][name] for name in COUNTS)) for pipeline in found]
    output.table("What became of them", ("pipeline", *COUNTS), rows)
    for pipeline in found:
        if pipeline["standing"]:
            people = plural(pipeline["standing"], "person was", "people were")
            hint = f"`scimport retry {pipeline['pipeline']}` lists them."
            output.say(f"{pipeline['pipeline']}: {people} sent as often as is allowed, in vain; {hint}")
        if pipeline["last_run"] and pipeline["last_run"]["error"]:
            output.say(f"{pipeline['pipeline']}: {pipeline['last_run']['error']}")
    output.json(found[0] if name else {"pipelines": found})


def _document(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    ended = None if run.ended_at is None else _time(run.ended_at)
    return dataclasses.asdict(run) | {"started_at": _time(run.started_at), "ended_at": ended}


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    run = one["last_run"] or {"id": "never", "started_at": "", "state": ""}
    unfinished = f"scimport resume {one['pipeline']}" if one["unfinished"] else ""
    return (
        one["pipeline"],
        one["known"],
        one["active"],
        run["id"],
        run["started_at"][:16].replace("T", " "),
        run["state"],
        unfinished,
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
