"""``scimport lineage`` and ``scimport docs``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("lineage")(lineage)
    app.command("docs")(docs)


def lineage(
    context: typer.Context,
    name: options.Name,
    what: Annotated[
        str | None,
        typer.Argument(metavar="[WHAT]", help="An attribute or a column; everything when it is left out."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show which columns each attribute is made of, and what each column is used for."""
    from scimport.inputs import compiled  # noqa: PLC0415 - not needed for --help
    from scimport.workbench.lineage import lineage as all_uses  # noqa: PLC0415
    from scimport.workbench.lineage import uses_of  # noqa: PLC0415

    project = options.find(context)
    pipeline = project.pipeline(name)
    mapping, _ = compiled(project, pipeline, None, datetime.now(UTC))
    uses = all_uses(mapping, pipeline.config.app.target)
    found = uses if what is None else uses_of(uses, what)
    output = Output(as_json=as_json)
    rows = [
        (
            ", ".join(use.columns),
            use.expression,
            use.attribute,
            ", ".join(use.becomes),
            f"{use.file}:{use.line}",
        )
        for use in found
        if use.columns or what is not None
    ]
    output.table("", ("columns", "expression", "attribute", "in the app", "from"), rows)
    output.json([dataclasses.asdict(use) for use in found])


def docs(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where to write it; .scimport/docs when left out."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Build a site that documents the project: static pages, without values of people."""
    from scimport.workbench.site import build_site  # noqa: PLC0415 - not needed for --help

    project = options.find(context)
    target = folder or project.data_dir / "docs"
    written = build_site(project, target)
    output = Output(as_json=as_json)
    output.say(f"{target / 'index.html'}: {len(written)} pages")
    output.json({"written": [str(path) for path in written]})
