from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from scimport.errors import ConfigError
from scimport.inputs import opened
from scimport.model import Problem
from scimport.project import Project
from scimport.project.project import LoadedSource
from scimport.project.source_config import SqlSourceConfig
from scimport.sources.cells import given_cell

PIPELINE = "{ source: people, mapping: people, app: { target: entra-id, endpoint: sandbox } }"
SOURCE = "kind: csv\npath: people.csv\nkey: Id\ncolumns: { Grade: { type: integer } }\n"
MAPPING = """
user:
  externalId: "{{ Id }}"
  userName: "{{ Id }}"
  active: true
  title: "{{ Title }}"
"""
ROWS = "Id,Title,Grade\n 1 ,One,1\n2,Two,2\n3,Three,x\n"
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, text in {
        "pipelines/people.yml": PIPELINE,
        "sources/people.yml": SOURCE,
        "mappings/people.yml": MAPPING,
        "people.csv": ROWS,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Project(tmp_path)


def entry(key: object = 1, column: str = "Title", value: str = "New", expires: str = "2026-06-15") -> str:
    return f"  - {{ key: {key}, column: {column}, value: {value}, reason: x, expires: {expires} }}\n"


def read(project: Project, *entries: str) -> tuple[list[list[Any]], list[Problem]]:
    """The rows, and what is said of the corrections."""
    (project.root / "sources" / "overrides.yml").write_text("people:\n" + "".join(entries))
    with opened(project, project.pipeline("people"), NOW) as source:
        rows = [list(row) for batch in source.source.batches(2) for row in batch.rows]
        return rows, list(source.warnings)


def test_cells_are_corrected_before_anything_else(project: Project) -> None:
    rows, said = read(project, entry(), entry("3", "Grade", "3"), entry(3, "Title", "null"))
    assert [row[1:] for row in rows] == [["New", "1"], ["Two", "2"], ["", "3"]]
    assert [(one.code, one.severity, one.message) for one in said] == [
        ("override-applied", "note", "3 cells are corrected: Grade (1), Title (2)")
    ]


def test_one_that_has_expired_or_finds_nobody_is_told(project: Project) -> None:
    rows, said = read(project, entry(expires="2026-06-14"), entry(9))
    assert rows[0][1] == "One"
    assert [(one.code, one.severity, one.line) for one in said] == [
        ("override-expired", "warning", 2),
        ("override-unused", "warning", 3),
    ]
    assert not [one for one in said if "New" in one.message]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("people:\n" + entry(column="Id"), "bad-value", 2),
        ("people:\n" + entry(column="Titel"), "unknown-column", 2),
        ("people:\n" + entry() + entry(value="Other"), "bad-value", 3),
        ("persons:\n" + entry(), "missing-reference", 1),
        ("people:\n" + entry(expires="soon"), "bad-value", 2),
        ("people:\n" + entry(value="[1]"), "bad-value", 2),
        ("people:\n  - { key: 1, column: Title, value: x }\n", "missing-key", 2),
        ("people: { key: 1 }\n", "wrong-type", 1),
    ],
)
def test_mistakes_of_the_file(project: Project, text: str, code: str, line: int) -> None:
    (project.root / "sources" / "overrides.yml").write_text(text)
    with pytest.raises(ConfigError) as caught, opened(project, project.pipeline("people"), NOW):
        pass
    assert (caught.value.problems[0].code, caught.value.problems[0].line) == (code, line)
    is_of_files = code != "unknown-column" and "column: Id" not in text
    assert bool(project.check()) is is_of_files


def test_a_correction_is_no_source_and_changes_the_digest(project: Project) -> None:
    read(project, entry())
    assert project.source_names == ("people",)
    assert project.check() == ()


def test_a_value_is_as_the_source_would_give_it(project: Project) -> None:
    text: LoadedSource = project.source("people")
    assert [given_cell(text.config, "Title", value) for value in ("a", 7, True, None)] == [
        "a",
        "7",
        "true",
        "",
    ]
    rules = {"Start": {"type": "date"}, "Other": {"type": "date", "format": "%d.%m.%Y"}}
    said = {"url": "sqlite:///x.db", "query": "SELECT 1", "key": "Id", "columns": rules}
    sql = SqlSourceConfig.model_validate(said)
    assert given_cell(sql, "Start", "2026-02-01") == date(2026, 2, 1)
    assert given_cell(sql, "Start", "soon") == "soon"
    assert given_cell(sql, "Other", "01.02.2026") == "01.02.2026"
    assert given_cell(sql, "Id", 7) == 7
