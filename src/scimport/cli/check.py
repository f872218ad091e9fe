"""``scimport check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.model import Problem, Severity

if TYPE_CHECKING:
    from scimport.project import Project

_INVALID = 4


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    context: typer.Context,
    name: options.OptionalName = None,
    data: Annotated[
        int | None,
        typer.Option("--data", min=1, metavar="N", help="Map and validate the first N records, too."),
    ] = None,
    notes: Annotated[
        bool, typer.Option("--notes", help="Show notes, too: what is not wrong, but worth a look.")
    ] = False,
    form: Annotated[
        Format,
        typer.Option(
            "--format", metavar="FORMAT", help="text, json, sarif, or github (annotations of GitHub Actions)."
        ),
    ] = Format.TEXT,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Check the files of the project: keys, references, mappings against SCIM, and rules for mappings."""
    from scimport.project import remembering  # noqa: PLC0415 - not needed for --help

    project = remembering(options.find(context))
    form = Format.JSON if as_json else form
    output = Output(as_json=form is not Format.TEXT)
    names = (name,) if name else project.pipeline_names
    problems = project.check(*([name] if name else []))
    wrong = bool(problems)
    if not wrong:
        problems = tuple(dict.fromkeys(_checked(project, names, opens=data is not None, notes=notes)))
        wrong = any(problem.severity is Severity.ERROR for problem in problems)
    found = tuple(_rows(project, names, data)) if data is not None and not wrong else ()
    shown = [one for one in (*problems, *found) if notes or one.severity is not Severity.NOTE]
    _print(output, shown, form, show_values=show_values)
    errors = sum(problem.severity is Severity.ERROR for problem in (*problems, *found))
    checked = name or f"{len(names)} pipelines"
    output.say(f"{checked}: {errors} errors" if errors else f"{checked}: nothing wrong")
    raise typer.Exit(2 if wrong else _INVALID if errors else 0)


def _checked(project: Project, names: tuple[str, ...], *, opens: bool, notes: bool) -> Iterator[Problem]:
    from scimport.workbench.checks import check_pipeline  # noqa: PLC0415 - not needed for --help

    for name in names:
        yield from check_pipeline(project, project.pipeline(name), opens=opens, notes=notes)


def _rows(project: Project, names: tuple[str, ...], most: int) -> Iterator[Problem]:
    from scimport.workbench.checks import check_rows  # noqa: PLC0415 - not needed for --help

    for name in names:
        yield from check_rows(project, project.pipeline(name), most)


def _print(output: Output, problems: list[Problem], form: Format, *, show_values: bool) -> None:
    if form is Format.JSON:
        output.json([problem_document(problem, show_values=show_values) for problem in problems])
    elif form is Format.TEXT:
        output.problems(problems, show_values=show_values)
    else:
        from scimport.workbench.reports import github, sarif  # noqa: PLC0415 - seldom asked for

        sys.stdout.write(
            github(problems) if form is Format.GITHUB else json.dumps(sarif(problems), indent=2) + "\n"
        )
