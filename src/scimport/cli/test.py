"""``scimport test``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Project
    from scimport.project.cases import LoadedCases
    from scimport.workbench.cases import Verdict


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(run_tests)


def run_tests(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Name of a file of tests, a mapping or a pipeline; all tests when it is left out.",
        ),
    ] = None,
    word: Annotated[
        str | None, typer.Option("--match", "-k", metavar="WORD", help="Only tests with this in their name.")
    ] = None,
    create: Annotated[
        bool,
        typer.Option("--create", help="Write a test of a record of pipeline NAME, with made-up values."),
    ] = False,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="The record for --create: its key.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run the tests of the mappings, in mappings/tests/."""
    from scimport.project import remembering  # noqa: PLC0415 - not needed for --help

    project = remembering(options.find(context))
    output = Output(as_json=as_json)
    if create:
        _create(project, name, key, output)
        return
    if key is not None:
        raise UsageError(Problem(Code.BAD_VALUE, "--key goes with --create", hint="Use -k to choose tests."))
    verdicts = []
    for verdict in _verdicts(project, name, word or ""):
        verdicts.append(verdict)
        if not verdict.passed:
            _show(output, verdict)
    failed = sum(not verdict.passed for verdict in verdicts)
    if not verdicts:
        output.say("No tests. Write one with: scimport test --create NAME --key KEY")
    else:
        output.say(f"{len(verdicts)} tests: {failed} failed" if failed else f"{len(verdicts)} tests passed")
    output.json([dataclasses.asdict(verdict) | {"passed": verdict.passed} for verdict in verdicts])
    raise typer.Exit(1 if failed else 0)


def _verdicts(project: Project, name: str | None, word: str) -> Iterator[Verdict]:
    from scimport.workbench.cases import run_of  # noqa: PLC0415 - not needed for --help

    for cases in _chosen(project, name):
        run = run_of(project, cases)
        for index, case in enumerate(cases.config.tests):
            if word.lower() in case.name.lower():
                yield run.verdict(index)


def _chosen(project: Project, name: str | None) -> list[LoadedCases]:
    """The files of tests that a name stands for.

    Raises:
        UsageError: It stands for none.
    """
    from scimport.project.cases import FOLDER, case_files, load_cases  # noqa: PLC0415
    from scimport.project.references import there_are  # noqa: PLC0415

    files = case_files(project)
    if name in files:
        return [load_cases(project, name)]
    found = [load_cases(project, file) for file in files]
    if name is None:
        return found
    mapping = project.pipeline(name).config.mapping if name in project.pipeline_names else name
    if chosen := [cases for cases in found if cases.mapping == mapping]:
        return chosen
    message = f"there is no test of {name}"
    raise UsageError(Problem(Code.MISSING_REFERENCE, message, hint=there_are(FOLDER, name, files)))


def _create(project: Project, name: str | None, key: str | None, output: Output) -> None:
    from scimport.workbench.example import create_case  # noqa: PLC0415 - not needed for --help

    if name is None or key is None:
        hint = "For example: scimport test --create employees --key 00103"
        raise UsageError(Problem(Code.BAD_VALUE, "--create needs NAME and --key KEY", hint=hint))
    file, line = create_case(project, name, key)
    output.say(f"{file}:{line} has a new test. Look at it: what the mapping makes now is what it expects.")
    output.json({"file": file, "line": line})


def _show(output: Output, verdict: Verdict) -> None:
    from rich.markup import escape  # noqa: PLC0415 - most tests pass

    start = f"{verdict.file}:{verdict.line}: "
    output.console.print(f"{escape(start)}[red]failed[/] {escape(verdict.name)}")
    for one in verdict.differences:
        output.say(f"  {one.file}:{one.line} {one.attribute}")
        output.say(f"    expected  {one.expected}")
        output.say(f"    got       {one.got}")
        if one.origin:
            output.say(f"    made by   {one.origin}", style="dim")
