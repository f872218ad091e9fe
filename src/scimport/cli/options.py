"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Project

Json = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on stdout; text goes to stderr.")
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Show values of people; they are masked otherwise.")
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the pipeline: its file in pipelines/ without .yml.")
]
OptionalName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Name of the pipeline; all when it is left out.")
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Names of pipelines: their files in pipelines/ without .yml."),
]
All = Annotated[bool, typer.Option("--all", help="All pipelines of the project.")]
Full = Annotated[bool, typer.Option("--full", help="Send everybody, changed or not.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=0, metavar="N", help="Send at most N people; the rest is for the next run."),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Read the log again and again until nobody waits; confirm_within at most."),
]
QueueAnyway = Annotated[
    bool, typer.Option("--queue-anyway", help="Send to a paused job too: people wait there until it starts.")
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="Consider this key alone; may be given several times."),
]


def find(context: typer.Context) -> Project:
    """The project folder that the command works on.

    Raises:
        UsageError: There is none.
    """
    from scimport.project import find_project, open_project  # noqa: PLC0415 - not needed for --help

    folder: Path | None = context.obj
    project = find_project(Path.cwd()) if folder is None else open_project(folder)
    return replace(project, blocks=_blocks(project))


def _blocks(project: Project) -> Callable[[str], str | None]:
    @cache
    def block(name: str) -> str | None:
        from scimport.flows.blocks import find_block  # noqa: PLC0415 - few projects refer to a block

        return find_block(project, name)

    return block


def chosen(project: Project, names: list[str] | None, *, everything: bool) -> tuple[str, ...]:
    """The pipelines that a command is about.

    Raises:
        UsageError: None is named, or names and ``--all`` are given together.
    """
    if bool(names) == everything:
        there = ", ".join(project.pipeline_names) or "none yet"
        message = (
            "name one or more pipelines, or say --all" if not names else "names and --all do not go together"
        )
        raise UsageError(Problem(Code.MISSING_REFERENCE, message, hint=f"There are: {there}."))
    return tuple(dict.fromkeys(names)) if names else project.pipeline_names
