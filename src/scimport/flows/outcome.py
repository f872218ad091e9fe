"""How a flow run ends, in words fit for Prefect's database: no values of people, no pickled causes."""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import cache
from pathlib import Path

from prefect.logging import get_run_logger

from scimport.errors import ScimportError
from scimport.flows.blocks import read_block
from scimport.project import Project, find_project, open_project


def words(error: Exception) -> str:
    """What Prefect is told of an error.

    An exception that Prefect catches itself is logged with all that led to it, and pickled: values of people
    would be in its database and its storage.
    """
    return str(error) if isinstance(error, ScimportError) else f"unexpected {type(error).__name__}"


def clean(error: Exception) -> Exception:
    """The error that a Python flow sees, and Prefect after it: without what led to it, values and keys."""
    if isinstance(error, ScimportError):
        return type(error)([replace(problem, value="", key="", keys=()) for problem in error.problems])
    return RuntimeError(words(error))


def log(error: Exception) -> None:
    """Tell the run's log of an error: each problem with its place and what to do."""
    logger = get_run_logger()
    if isinstance(error, ScimportError):
        for problem in error.problems:
            about = " ".join(filter(None, (problem.place, problem.field)))
            said = f"{problem.code}: {problem.message} {problem.hint}".rstrip()
            logger.error("%s", f"{about}: {said}" if about else said)
    else:
        # Where it happened, without the error's own words: they may quote a value.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s\n%s", words(error), frames)


def project_of(folder: str | None) -> Project:
    """The project folder that a run is given, or the one that it is in."""
    found = find_project(Path.cwd()) if folder is None else open_project(Path(folder))
    return replace(found, blocks=cache(read_block))
