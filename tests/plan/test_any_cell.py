"""Any text in any cell survives into valid JSON, or is a problem; nothing raises."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.plan.conftest import Workshop

from scimport.errors import SourceError
from scimport.inputs import compiled
from scimport.plan import Input
from scimport.plan.records import Mapper, Record, Row, key_text
from scimport.project.source_config import CsvSourceConfig
from scimport.sources import compile_contract, open_source
from scimport.sources.base import Columns

EXAMPLES = int(os.environ.get("SCIMPORT_EXAMPLES", "100"))
"""How many: a hundred thousand were run by hand."""

COLUMNS = ("id", "name", "title")
MAPPING = """
user:
  externalId: "{{ id }}"
  userName: "{{ id }}@acme.example"
  displayName: "{{ name }}"
  title: "{{ title }}"
  active: true
"""
Cells = list[tuple[str, str, str]]
Records = Callable[[Cells], list[Record]]


@pytest.fixture
def records(workshop: Workshop) -> Records:
    """Writes cells as a CSV file, reads it, and maps its rows."""
    workshop.mapping(MAPPING)
    project, path = workshop.project, workshop.root / "people.csv"
    now = datetime(2026, 11, 23, tzinfo=UTC)
    mapping, validator = compiled(project, project.pipeline("people"), COLUMNS, now)
    config, contract = CsvSourceConfig(path="people.csv", key="id"), compile_contract({})

    def mapped(cells: Cells) -> list[Record]:
        write(path, cells)
        with open_source(config, name="people", root=workshop.root) as source:
            mapper = Mapper(Input(source, "id", mapping, validator, contract))
            read = [mapper.pick(row) for batch in source.batches(2) for row in batch.rows]
        return mapper.records([Row(key_text(row[mapper.key]), 1, b"", None, row) for row in read])

    return mapped


def write(path: Path, cells: Cells) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *cells])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cells=st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1, max_size=3))
@example(cells=[("1", "\ufeffa\u2028", ""), ('"', '\r\n,;\'""', "\ud7ff\U0010ffff"), ("2", "\x00", "\x1f")])
def test_any_text_in_any_cell_survives_or_is_a_problem(records: Records, cells: Cells) -> None:
    try:
        made = records(cells)
    except SourceError as error:
        assert any("\0" in cell for row in cells for cell in row), error  # noqa: PT017 - the only one allowed
        return
    assert len(made) == len(cells)
    for record, row in zip(made, cells, strict=True):
        if record.problems:
            assert not record.body
            continue
        user = json.loads(record.body.decode("utf-8"))
        said = (user["externalId"], user.get("displayName", ""), user.get("title", ""))
        assert said == tuple(cell.strip() for cell in row)


def test_half_a_character_is_a_problem(workshop: Workshop) -> None:
    workshop.mapping(MAPPING)
    project = workshop.project
    mapping, validator = compiled(
        project, project.pipeline("people"), COLUMNS, datetime(2026, 11, 23, tzinfo=UTC)
    )
    source = Columns(COLUMNS)
    mapper = Mapper(Input(source, "id", mapping, validator, compile_contract({})))
    rows = [Row(key, 1, b"", None, (key, "Ann", title)) for key, title in (("1", "\ud800"), ("2", "Boss"))]
    wrong, right = mapper.records(rows)
    assert [(one.field, one.message) for one in wrong.problems] == [
        ("title", "has characters that no encoding has")
    ]
    assert (wrong.user, wrong.body) == ({}, b"")
    assert json.loads(right.body)["title"] == "Boss"
