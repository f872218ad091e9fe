"""``scimport check``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.codes import Code
from scimport.errors import ConfigError, SourceError
from scimport.model import Problem, Severity

if TYPE_CHECKING:
    from scimport.project import Pipeline, Project


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(context: typer.Context, name: options.OptionalName = None, as_json: options.Json = False) -> None:
    """Check the files of the project: keys, references, mappings against SCIM and the source's columns."""
    project = options.find(context)
    output = Output(as_json=as_json)
    problems = project.check(*([name] if name else []))
    if not problems:
        problems = tuple(dict.fromkeys(_compiled(project, (name,) if name else project.pipeline_names)))
    output.problems(problems)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    checked = name or f"{len(project.pipeline_names)} pipelines"
    output.say(f"{checked}: {errors} errors" if errors else f"{checked}: nothing wrong")
    output.json([problem_document(problem) for problem in problems])
    raise typer.Exit(2 if errors else 0)


def _compiled(project: Project, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in names:
        pipeline = project.pipeline(name)
        for step in (_check_endpoint, _check_mapping):
            try:
                yield from step(project, pipeline)
            except ConfigError as error:
                yield from error.problems


def _check_endpoint(_project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    from scimport.connection import checked_endpoint  # noqa: PLC0415 - not needed for --help

    checked_endpoint(pipeline)
    return iter(())


def _check_mapping(project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    """A source that cannot be opened is a warning here: files are checked where the data is not, too."""
    from scimport.inputs import compiled, known_columns  # noqa: PLC0415 - not needed for --help

    columns = None
    try:
        columns, warnings = known_columns(project, pipeline)
        yield from warnings
    except SourceError as error:
        yield from (dataclasses.replace(problem, severity=Severity.WARNING) for problem in error.problems)
    mapping, _ = compiled(project, pipeline, columns, datetime.now(UTC))
    if pipeline.config.leavers == "deactivate" and project.state.values == "digest" and mapping.clear:
        message = "leavers are sent without their values, which an app that lets nulls flow then clears"
        hint = "Keep values (state.values: encrypt), or say `leavers: report`; see docs/privacy.md."
        place = ("leavers",)
        problem = pipeline.document.problem(Code.MINIMAL_LEAVERS, place, message, hint)
        yield dataclasses.replace(problem, severity=Severity.WARNING)
