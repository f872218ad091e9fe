"""Mappings out of YAML text, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scimport.errors import ConfigError
from scimport.mappings import Mapping as CompiledMapping
from scimport.mappings import compile_mapping
from scimport.model import Problem
from scimport.project import LoadedMapping, LoadedSchema, MappingConfig
from scimport.project.document import parse_document

Load = Callable[..., LoadedMapping]
Compile = Callable[..., CompiledMapping]
Problems = Callable[..., tuple[Problem, ...]]


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time of every run."""
    return datetime(2026, 3, 4, 23, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="session")
def load() -> Load:
    """Makes a mapping file of YAML text."""

    def load(text: str, name: str = "people") -> LoadedMapping:
        file = f"mappings/{name}.yml"
        document = parse_document(text, Path("/project") / file, file)
        return LoadedMapping(name, MappingConfig(**document.data), document)

    return load


@pytest.fixture(scope="session")
def make(load: Load, now: datetime) -> Compile:
    """Compiles a mapping of YAML texts, base first."""

    def make(
        *texts: str,
        columns: Sequence[str] | None = None,
        schemas: Mapping[str, Any] | None = None,
        at: datetime = now,
    ) -> CompiledMapping:
        chain = [load(text, f"m{index}") for index, text in enumerate(texts)]
        files = [LoadedSchema(file, data) for file, data in (schemas or {}).items()]
        return compile_mapping(chain, columns, schemas=files, now=at)

    return make


@pytest.fixture(scope="session")
def wrong(make: Compile) -> Problems:
    """The problems of a mapping that cannot be compiled."""

    def wrong(*texts: str, **options: Any) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as caught:
            make(*texts, **options)
        return caught.value.problems

    return wrong
