"""``scimport preview``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem, Severity

WRONG = 4


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview")(preview)


def preview(
    context: typer.Context,
    name: options.Name,
    row: Annotated[
        int | None,
        typer.Option("--row", min=1, metavar="N", help="Record number, from 1; the first when left out."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The record with this key.")] = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Show what the mapping makes of one record: the row beside the SCIM user, and its problems."""
    from scimport.inputs import opened  # noqa: PLC0415
    from scimport.preview import Preview, preview_record  # noqa: PLC0415 - not needed for --help

    if row is not None and key is not None:
        raise UsageError(
            Problem(Code.BAD_VALUE, "--row and --key do not go together", hint="Give one of them.")
        )
    project = options.find(context)
    with opened(project, project.pipeline(name), datetime.now(UTC)) as source:
        found: Preview = preview_record(source, key if key is not None else row or 1)
    output = Output(as_json=as_json)
    if not as_json:
        output.table(f"{found.place}", ("column", "value"), found.row.items())
        rows = [(one.attribute, one.shown, one.expression, one.origin) for one in found.attributes]
        output.table("SCIM user", ("attribute", "value", "expression", "from"), rows)
        if found.in_scope is False:
            output.say("Out of scope: `where` is false for this record. It would not be sent.")
        output.problems(found.problems, show_values=show_values)
    output.json(
        {
            "pipeline": name,
            "place": found.place,
            "in_scope": found.in_scope,
            "row": found.row,
            "user": found.user,
            "problems": [problem_document(one, show_values=show_values) for one in found.problems],
        }
    )
    raise typer.Exit(WRONG if any(one.severity is Severity.ERROR for one in found.problems) else 0)
