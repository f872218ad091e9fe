"""A pipeline's source with its compiled mapping: what a plan, a preview and a test are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.mappings.mapping import Mapping, compile_mapping
from scimport.mappings.validation import UserValidator
from scimport.plan.records import Input
from scimport.project import LoadedSource, Pipeline, Project
from scimport.project.values import did_you_mean
from scimport.sources.base import open_source
from scimport.sources.contract import compile_contract


@contextmanager
def opened(project: Project, pipeline: Pipeline, now: datetime) -> Iterator[Input]:
    """Open a pipeline's source and compile its mapping for the columns that the source has.

    Args:
        project: The project folder.
        pipeline: The pipeline.
        now: What ``now`` and ``today`` are in its expressions.

    Raises:
        ConfigError: The mapping does not fit the source.
        SourceError: The source cannot be opened, or has not the columns of its contract.
    """
    loaded = project.source(pipeline.config.source)
    config = loaded.config
    with open_source(config, name=loaded.name, root=project.root) as source:
        _check_contract(loaded, source.columns)
        mapping, validator = compiled(project, pipeline, source.columns, now)
        yield Input(
            source=source,
            key=config.key,
            mapping=mapping,
            validator=validator,
            contract=compile_contract(config.columns),
            trim=config.trim,
            duplicates=config.duplicates,
            extent=config.extent,
            leavers=pipeline.config.leavers,
            as_of=config.as_of,
        )


def known_columns(project: Project, pipeline: Pipeline) -> tuple[str, ...]:
    """The columns that a pipeline's source has now.

    Raises:
        ConfigError: The source's file is wrong.
        SourceError: The source cannot be opened.
    """
    loaded = project.source(pipeline.config.source)
    with open_source(loaded.config, name=loaded.name, root=project.root) as source:
        _check_contract(loaded, source.columns)
        return source.columns


def compiled(
    project: Project, pipeline: Pipeline, columns: Sequence[str] | None, now: datetime
) -> tuple[Mapping, UserValidator]:
    """Compile a pipeline's mapping, with the validator of what it makes.

    Args:
        project: The project folder.
        pipeline: The pipeline.
        columns: The source's columns; ``None`` when they are not known.
        now: What ``now`` and ``today`` are in its expressions.

    Raises:
        ConfigError: The mapping is wrong, with every problem of its files.
    """
    chain = project.mapping_chain(pipeline.config.mapping)
    mapping = compile_mapping(chain, columns, schemas=project.schemas(chain), now=now)
    return mapping, UserValidator(mapping.schema, nullable=mapping.clear)


def _check_contract(source: LoadedSource, columns: Sequence[str]) -> None:
    """Every column that the contract, the key or ``as_of`` names must be there."""
    problems = [
        source.document.problem(
            Code.MISSING_COLUMN,
            ("columns", name),
            f"the source has no column '{name}'",
            did_you_mean(name, columns) or "Correct the contract, or the export.",
        )
        for name in source.config.columns
        if name not in columns
    ]
    if (as_of := source.config.as_of) is not None and as_of not in columns:
        hint = did_you_mean(as_of, columns) or "Correct as_of, or the export."
        message = f"the source has no column '{as_of}'"
        problems.append(source.document.problem(Code.MISSING_COLUMN, ("as_of",), message, hint))
    if problems:
        raise SourceError(problems)
