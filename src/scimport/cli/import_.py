"""``scimport import``."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Literal

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.codes import Code
from scimport.errors import ConfigError, UsageError
from scimport.model import Problem, Severity


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_mapping)


def import_mapping(
    kind: Annotated[
        Literal["csv2scim"], typer.Argument(metavar="KIND", help="Whose mapping it is: csv2scim.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The mapping: AttributeMapping.psd1.")],
    target: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Where to write the mapping file; else it is printed."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Turn another program's mapping into a mapping file, and name what could not be turned."""
    from scimport.imports.csv2scim import imported  # noqa: PLC0415 - not needed for --help
    from scimport.imports.powershell import SyntaxFault  # noqa: PLC0415

    output = Output(as_json=as_json)
    try:
        found = imported(_read(file), file.name)
    except SyntaxFault as fault:
        hint = f"A mapping of {kind} is one hashtable: @{{ externalId = 'WorkerID'; ... }}."
        problem = Problem(Code.IMPORT_SYNTAX, str(fault), hint=hint, file=str(file), line=fault.line)
        raise ConfigError(problem) from None
    problems = [
        Problem(
            Code.NOT_IMPORTED,
            one.why,
            Severity.WARNING,
            "Write it by hand; a comment in the mapping file marks the place.",
            file=str(file),
            line=one.line,
            field=one.path,
        )
        for one in found.left
    ]
    if target is not None:
        _write(target, found.text)
    elif not as_json:
        typer.echo(found.text, nl=False)
    # The mapping may be what stdout is redirected for.
    Output(as_json=True).problems(problems)
    if target is not None:
        output.say(f"{target} is written; {len(problems)} things could not be turned")
    output.json({"mapping": found.text, "problems": [problem_document(problem) for problem in problems]})


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            Problem(Code.FILE_NOT_FOUND, f"the file cannot be read: {error.strerror}", file=str(path))
        ) from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")  # what Windows PowerShell writes


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"the file cannot be written: {error.strerror}"
        hint = "Name a file that does not exist yet, in a folder that does."
        raise UsageError(Problem(Code.BAD_VALUE, message, hint=hint, file=str(path))) from None
