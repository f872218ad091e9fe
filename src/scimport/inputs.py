"""A pipeline's source with its compiled mapping: what a plan, a preview and a test are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.mappings.mapping import Mapping, compile_mapping
from scimport.mappings.validation import UserValidator
from scimport.model import Problem
from scimport.plan.records import Input
from scimport.project import LoadedSource, Pipeline, Project
from scimport.project.overrides import load_overrides
from scimport.project.values import did_you_mean
from scimport.sources.contract import compile_contract
from scimport.sources.corrected import CorrectedSource
from scimport.sources.drift import open_steady


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
    overrides = load_overrides(project, loaded.name)
    with open_steady(loaded, project.root) as steady:
        _check_as_of(loaded, steady.columns)
        source = CorrectedSource(steady, loaded, overrides, now.date()) if overrides else steady
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
            unresolved_manager=pipeline.config.unresolved_manager,
            warnings=source.warnings,
        )


def known_columns(project: Project, pipeline: Pipeline) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The columns that a pipeline's source has now, and what has changed about them and stops nothing.

    Raises:
        ConfigError: The source's file is wrong.
        SourceError: The source cannot be opened.
    """
    loaded = project.source(pipeline.config.source)
    overrides = load_overrides(project, loaded.name)
    with open_steady(loaded, project.root) as steady:
        if overrides:
            CorrectedSource(steady, loaded, overrides, datetime.now(UTC).date())
        return steady.columns, tuple(steady.warnings)


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
    return compiled_mapping(project, pipeline.config.mapping, columns, now)


def compiled_mapping(
    project: Project, name: str, columns: Sequence[str] | None, now: datetime
) -> tuple[Mapping, UserValidator]:
    """Compile the mapping of a name, as :func:`compiled` does a pipeline's."""
    chain = project.mapping_chain(name)
    mapping = compile_mapping(chain, columns, schemas=project.schemas(chain), now=now, root=project.root)
    return mapping, UserValidator(mapping.schema, nullable=mapping.clear)


def _check_as_of(source: LoadedSource, columns: Sequence[str]) -> None:
    as_of = source.config.as_of
    if as_of is not None and as_of not in columns:
        hint = did_you_mean(as_of, columns) or "Correct as_of, or the export."
        message = f"the source has no column '{as_of}'"
        raise SourceError(source.document.problem(Code.MISSING_COLUMN, ("as_of",), message, hint))
