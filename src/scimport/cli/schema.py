"""``scimport schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where to write them; .scimport/schemas when left out."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the JSON Schemas of the kinds of files, for editors."""
    import orjson  # noqa: PLC0415

    from scimport.project.editor import editor_schemas  # noqa: PLC0415 - not needed for --help

    folder = folder or options.find(context).data_dir / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for name, document in editor_schemas().items():
        path = folder / name
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        written.append(str(path))
    output = Output(as_json=as_json)
    for one in written:
        output.say(one)
    output.json({"written": written})
