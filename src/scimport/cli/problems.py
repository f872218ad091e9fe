"""``scimport problems``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output, plural, problem_document
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("problems")(problems)


def problems(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of a run or a plan, or a pipeline for its last run.")
    ],
    to_csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write the records that did not get through there, each with its reasons.",
        ),
    ] = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """List what was wrong with the records of a run."""
    from scimport.rejects import reasons, write_rows  # noqa: PLC0415 - not needed for --help
    from scimport.state import open_state, runs  # noqa: PLC0415 - not needed for --help
    from scimport.state.plans import Plans  # noqa: PLC0415

    project = options.find(context)
    database = open_state(project)
    found = runs.last(database, run) if run in project.pipeline_names else runs.find(database, run)
    if found is None:
        hint = "`scimport status` shows the last run of each pipeline."
        raise UsageError(Problem(Code.UNKNOWN_RUN, f"there is no run '{run}'", hint=hint))
    with database.read() as connection:
        listed = list(Plans(database, found.pipeline).problems(connection, found.plan_id))
    output = Output(as_json=as_json)
    if to_csv is not None:
        why = reasons(database, found)
        database.close()
        source = project.source(project.pipeline(found.pipeline).config.source)
        count = write_rows(project, source, why, to_csv)
        output.say(f"{plural(count, 'record')} with reasons in {to_csv}")
        output.json({"run_id": found.id, "pipeline": found.pipeline, "records": count, "file": str(to_csv)})
        return
    database.close()
    output.problems(listed, show_values=show_values)
    output.say(f"{found.id} of {found.pipeline}: {plural(len(listed), 'problem')}")
    output.json([problem_document(one, show_values=show_values) for one in listed])
