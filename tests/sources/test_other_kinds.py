"""Workbooks, fixed-width files and JSON lines, in what they do not have in common with CSV files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.workbooks import write_workbook

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import SOURCE_KINDS
from scimport.sources import Source, open_source

Rows = list[list[object]]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Source]:
    def source(kind: str, content: str | None = None, **settings: Any) -> Source:
        if content is not None:
            (tmp_path / "people").write_text(content, "utf-8")
        config = SOURCE_KINDS[kind].model_validate({"path": "people", "key": "id", **settings})
        return open_source(config, name="people", root=tmp_path)

    return source


@pytest.fixture
def read(opened: Callable[..., Source]) -> Callable[..., Rows]:
    def rows(kind: str, content: str | None = None, **settings: Any) -> Rows:
        with opened(kind, content, **settings) as source:
            return [list(row) for batch in source.batches(3) for row in batch.rows]

    return rows


@pytest.fixture
def refused(read: Callable[..., Rows]) -> Callable[..., Problem]:
    def problem(kind: str, content: str | None = None, **settings: Any) -> Problem:
        with pytest.raises(SourceError) as caught:
            read(kind, content, **settings)
        return caught.value.problems[0]

    return problem


class TestExcel:
    SHEET = (
        ("Staff of ACME", None),
        (),
        ("id", " name ", "value"),
        ("00123", "Ann", 7),
        (),
        ("2", None, 0.1 + 0.2),
        ("3", "NULL", date(2026, 2, 1)),
        ("4", "d", datetime(2026, 2, 1, 8, 30)),  # noqa: DTZ001 - workbooks know no time zones
        ("5", "e", time(8, 30)),
        ("6", "f", True),
        ("7", "g", 1e20),
        ("8", "h", 123456789012),
        ("Total", None, 8),
    )

    @pytest.fixture(autouse=True)
    def _book(self, tmp_path: Path) -> None:
        sheets = {"Old": [("id",)], "Staff": self.SHEET, "Two": [("id", "id"), ("1", "2")], "None": []}
        write_workbook(tmp_path / "people", sheets, hidden=["Old"])

    def test_cells_are_what_a_person_sees(self, opened: Callable[..., Source]) -> None:
        with opened("excel", skip_head=2, skip_foot=1, null_values=["NULL"]) as source:
            assert source.columns == ("id", "name", "value")
            batches = list(source.batches(2))
            assert [list(row) for batch in batches for row in batch.rows] == [
                ["00123", "Ann", "7"],
                ["2", "", "0.3"],
                ["3", "", "2026-02-01"],
                ["4", "d", "2026-02-01T08:30:00"],
                ["5", "e", "08:30:00"],
                ["6", "f", "TRUE"],
                ["7", "g", "1e+20"],
                ["8", "h", "123456789012"],
            ]
            places = [str(source.place(n)) for batch in batches for n in batch.positions]
        assert places[:3] == ["people row 4", "people row 6", "people row 7"]

    def test_sheet_and_names(self, read: Callable[..., Rows]) -> None:
        assert read("excel", sheet="Two", names=["id", "b"]) == [["id", "id"], ["1", "2"]]

    @pytest.mark.parametrize(
        ("settings", "code", "words"),
        [
            ({"sheet": "Tow"}, Code.SOURCE_UNREADABLE, "Did you mean 'Two'?"),
            ({"sheet": "None"}, Code.SOURCE_EMPTY, "complete"),
            ({"sheet": "Two"}, Code.SOURCE_HEADER, "name of its own"),
            ({"sheet": "Staff"}, Code.MISSING_COLUMN, "key:"),
            ({"sheet": "Two", "names": ["id"]}, Code.RAGGED_ROW, "Give the column a name"),
        ],
    )
    def test_faults(
        self, refused: Callable[..., Problem], settings: dict[str, Any], code: Code, words: str
    ) -> None:
        problem = refused("excel", **settings)
        assert problem.code is code
        assert words in problem.hint

    def test_no_workbook(self, refused: Callable[..., Problem]) -> None:
        assert refused("excel", "id,name\n").code is Code.SOURCE_UNREADABLE


class TestFixed:
    COLUMNS: ClassVar[dict[str, Any]] = {"id": {"start": 1, "width": 3}, "name": {"start": 4, "width": 4}}

    def test_cells_are_slices(self, opened: Callable[..., Source]) -> None:
        content = "STAFF\n001Zoë x\n\n02\r\n3  ÄÖ  yy\nEND 3\n"
        trailer = {"pattern": r"END (\d+)"}
        with opened("fixed", content, columns=self.COLUMNS, skip_head=1, trailer=trailer) as source:
            (batch,) = source.batches(9)
            assert list(map(list, batch.rows)) == [["001", "Zoë "], ["02", ""], ["3  ", "ÄÖ  "]]
            assert [source.place(n).line for n in batch.positions] == [2, 4, 5]

    def test_width_of_lines(self, refused: Callable[..., Problem]) -> None:
        problem = refused("fixed", "001Ann \n\n002Bo\n", columns=self.COLUMNS, line_width=7)
        assert (problem.code, problem.line) == (Code.RAGGED_ROW, 3)
        assert problem.message == "the line has 5 characters"


class TestJsonl:
    def test_paths_and_types(self, read: Callable[..., Rows]) -> None:
        content = (
            '{"id": 12345678901234567890, "name": {"given": "Zo\\u00eb"}, "tags": ["a", 1]}\n\n'
            '{"id": "2", "name": {}, "on": true, "none": null}\n'
        )
        assert read("jsonl", content) == [
            [12345678901234567890, ["a", 1], "Zoë", None, None],
            ["2", None, None, True, None],
        ]

    def test_fields(self, opened: Callable[..., Source]) -> None:
        content = (
            '{"no": "1", "mails": [{"value": "a@b.example"}], "x": {"y": {"z": 1}}}\n{"no": "2", "x": 3}\n'
        )
        fields = {"id": "no", "mail": "mails.0.value", "z": "x.y.z"}
        with opened("jsonl", content, fields=fields) as source:
            assert source.columns == ("id", "mail", "z")
            rows = [list(row) for batch in source.batches(1) for row in batch.rows]
        assert rows == [["1", "a@b.example", 1], ["2", None, None]]

    @pytest.mark.parametrize(
        ("line", "code", "words"),
        [
            ('{"id": 1,}', Code.SOURCE_SYNTAX, "not JSON"),
            ("[1]", Code.SOURCE_SYNTAX, "not a JSON object"),
            ('{"id": NaN}', Code.SOURCE_SYNTAX, "NaN"),
            ('{"id": 1, "id": 2}', Code.SOURCE_SYNTAX, "twice"),
            ('{"id": 1, "a.b": 2, "a": {"b": 3}}', Code.SOURCE_SYNTAX, "same column"),
            ('{"id": "\\u0000"}', Code.NUL_BYTE, "NUL"),
            ('{"id": "\\ud800"}', Code.SOURCE_SYNTAX, "half a character"),
            ('{"id": ' + '{"a":' * 60 + "1" + "}" * 61, Code.SOURCE_SYNTAX, "levels deep"),
            ('{"id": ' + "[" * 100_000, Code.SOURCE_SYNTAX, "nested too deeply"),
            ('{"id": ' + "9" * 5000 + "}", Code.SOURCE_SYNTAX, "too long"),
        ],
    )
    def test_faults(self, refused: Callable[..., Problem], line: str, code: Code, words: str) -> None:
        problem = refused("jsonl", '{"id": 0}\n' + line)
        assert (problem.code, problem.line) == (code, 2)
        assert words in problem.message

    def test_empty(self, refused: Callable[..., Problem]) -> None:
        assert refused("jsonl", "\n").code is Code.SOURCE_EMPTY

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.one_of(st.text(), st.dictionaries(st.text(), st.text()).map(json.dumps)))
    def test_any_text_is_rows_or_a_problem(self, read: Callable[..., Rows], line: str) -> None:
        content = json.dumps({"id": 1}) + "\n" + line.encode("utf-8", "replace").decode()
        try:
            rows = read("jsonl", content)
        except SourceError:
            return
        assert json.dumps(rows, ensure_ascii=False).encode()
