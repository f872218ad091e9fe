"""What a plan is made of: a pipeline's open source and its compiled mapping, and the digests of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson

from scimport.codes import Code
from scimport.digests import digest_user
from scimport.errors import SourceError
from scimport.mappings.mapping import Mapping, compile_mapping
from scimport.mappings.validation import UserValidator
from scimport.plan import Input
from scimport.project import LoadedSource, Pipeline, Project
from scimport.project.config import query_file
from scimport.project.values import did_you_mean
from scimport.sources.base import open_source, source_state
from scimport.sources.contract import compile_contract

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


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


def digests(project: Project, pipeline: Pipeline, source: Input) -> dict[str, str]:
    """Digests of what a plan is made of, by part: a plan made of something else is another plan."""
    loaded, mapping = project.source(pipeline.config.source), source.mapping
    if mapping.uses_time:  # the time alone does not make it another mapping
        mapping, _ = compiled(project, pipeline, source.source.columns, _ANY_TIME)
    parts = {
        "pipeline": pipeline.document.data,
        "source": [
            loaded.document.data,
            _query(loaded, project.root),
            source_state(loaded.config, project.root),
        ],
        "mapping": mapping.fingerprint.hex(),
    }
    return {name: digest_user(orjson.dumps(part, default=str)).hex() for name, part in parts.items()}


def _check_contract(source: LoadedSource, columns: Sequence[str]) -> None:
    """Every column that the contract or the key names must be there."""
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
    if problems:
        raise SourceError(problems)


def _query(source: LoadedSource, root: Path) -> str:
    """Text of the .sql file that a source names; empty where there is none."""
    name = query_file(source.config.query) if source.config.kind == "sql" else None
    return (root / "sources" / name).read_text("utf-8") if name else ""
