from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import CsvSourceConfig
from scimport.sources import Source, open_source

ReadCsv = Callable[..., list[list[str]]]


@pytest.fixture
def csv_source(tmp_path: Path) -> Callable[..., Source]:
    """Opens ``people.csv``, written with the bytes given, as a source."""

    def opened(content: bytes | None = None, **settings: Any) -> Source:
        if content is not None:
            (tmp_path / "people.csv").write_bytes(content)
        config = CsvSourceConfig(**{"path": "people.csv", "key": "id"} | settings)
        return open_source(config, name="people", root=tmp_path)

    return opened


@pytest.fixture
def read_csv(csv_source: Callable[..., Source]) -> ReadCsv:
    """Reads all rows of such a source."""

    def read(content: bytes | None = None, size: int = 3, **settings: Any) -> list[list[str]]:
        with csv_source(content, **settings) as source:
            return [list(map(str, row)) for batch in source.batches(size) for row in batch.rows]

    return read


@pytest.fixture
def refused(read_csv: ReadCsv) -> Callable[..., Problem]:
    """The only problem that reading such a source raises."""

    def problem(content: bytes | None = None, **settings: Any) -> Problem:
        with pytest.raises(SourceError) as caught:
            read_csv(content, **settings)
        (only,) = caught.value.problems
        assert only.message
        assert only.file
        return only

    return problem
