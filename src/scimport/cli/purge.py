"""``scimport purge``."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Project
    from scimport.state import Database
    from scimport.state.purge import Ages


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("purge")(purge)


def purge(
    context: typer.Context,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Remove what is older, such as 90d; else as retention says."
        ),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="KEY", help="Remove what is known of this person.")
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", metavar="NAME", help="With --person: from this pipeline alone."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    as_json: options.Json = False,
) -> None:
    """Remove what is old, or a person, from the state and from the files of runs."""
    from scimport.state import open_state  # noqa: PLC0415 - not needed for --help

    if pipeline is not None if person is None else older_than is not None:
        message = "--pipeline goes with --person, and --older-than without it"
        raise UsageError(Problem(Code.BAD_VALUE, message))
    project, output = options.find(context), Output(as_json=as_json)
    ages = None if person is not None else _ages(project, older_than)
    names = (project.pipeline(pipeline).name,) if pipeline else project.pipeline_names
    with closing(open_state(project)) as database:
        if ages is not None:
            _purge_old(output, project, database, ages, dry_run=dry_run)
        else:
            _purge_person(output, project, database, names, person or "", dry_run=dry_run)


def _ages(project: Project, older_than: str | None) -> Ages:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - not needed for --help

    from scimport.forget import ages_of  # noqa: PLC0415
    from scimport.project.values import Duration  # noqa: PLC0415
    from scimport.state.purge import Ages  # noqa: PLC0415

    if older_than is None:
        ages = ages_of(project.retention)
        if ages == Ages():
            message = "the project keeps everything: say what to remove"
            hint = "Give --older-than or --person, or write [retention] into scimport.toml."
            raise UsageError(Problem(Code.BAD_VALUE, message, hint=hint))
        return ages
    try:
        age = TypeAdapter(Duration).validate_python(older_than)
    except ValidationError:
        message = "--older-than must be a duration of at most a year"
        raise UsageError(Problem(Code.BAD_VALUE, message, hint="Write days, such as 90d.")) from None
    return Ages(plans=age, runs=age, outcomes=age)


def _purge_old(output: Output, project: Project, database: Database, ages: Ages, *, dry_run: bool) -> None:
    from scimport.forget import purge_old  # noqa: PLC0415 - not needed for --help

    purged = purge_old(project, database, ages, dry_run=dry_run)
    counts = dataclasses.asdict(purged.rows) | {"folders": purged.folders}
    output.table("Would be removed" if dry_run else "Removed", list(counts), [list(counts.values())])
    output.json(counts | {"dry_run": dry_run})


def _purge_person(
    output: Output, project: Project, database: Database, names: tuple[str, ...], key: str, *, dry_run: bool
) -> None:
    from scimport.forget import purge_person  # noqa: PLC0415 - not needed for --help

    found = purge_person(project, database, names, key, dry_run=dry_run)
    rows: list[dict[str, Any]] = [{"pipeline": name} | dataclasses.asdict(one) for name, one in found.items()]
    columns = ("pipeline", "people", "changes", "problems")
    table = [[row[name] for name in columns] for row in rows]
    output.table("Would be removed" if dry_run else "Removed", columns, table)
    for plan_id in (one for row in rows for one in row["discarded"]):
        verb = "would be" if dry_run else "is"
        output.say(f"The plan {plan_id} would have sent the person: it {verb} discarded.")
    output.say(
        "Nothing is sent to the endpoint. A key that is still in a source is a joiner to the next run."
    )
    output.json({"key": key, "removed": rows, "dry_run": dry_run})
