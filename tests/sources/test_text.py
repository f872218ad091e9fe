from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.model import Problem
from scimport.sources import Source
from scimport.sources.text import without_last

Read = Callable[..., list[list[str]]]
Refused = Callable[..., Problem]
Open = Callable[..., Source]

REPORT = b'Report of people\n\nid;name\n1;"a\na"\n2;b\nTRAILER;2\n\n'
AROUND: dict[str, Any] = {"skip_head": 2, "delimiter": ";", "trailer": {"pattern": r"TRAILER;(\d+)"}}


class TestAround:
    def test_head_and_trailer_are_no_rows(self, csv_source: Open) -> None:
        with csv_source(REPORT, **AROUND) as source:
            batches = list(source.batches(1))
            assert source.columns == ("id", "name")
            assert [list(row) for batch in batches for row in batch.rows] == [["1", "a\na"], ["2", "b"]]
            assert [source.place(n).line for batch in batches for n in batch.positions] == [4, 6]

    def test_foot(self, read_csv: Read) -> None:
        content = b"id\n1\n2\n\nmade by HR\nsum 2\n \n"
        assert read_csv(content, skip_foot=2) == [["1"], ["2"]]
        assert read_csv(content, skip_foot=2, trailer={"pattern": r"sum (\d)"}) == [["1"], ["2"]]

    @pytest.mark.parametrize(
        ("end", "message"),
        [
            (b"TRAILER;3\n", "the trailer says 3 rows, and the file has 2"),
            (b"3;c\n", "the file does not end with its trailer"),
            (b"", "the file does not end with its trailer"),
        ],
    )
    def test_trailer_that_is_not_right(self, refused: Refused, end: bytes, message: str) -> None:
        problem = refused(REPORT.replace(b"TRAILER;2\n\n", end), **AROUND)
        assert problem.code is Code.TRAILER_MISMATCH
        assert message in problem.message

    def test_trailer_that_is_no_number(self, refused: Refused) -> None:
        assert "not matched a number" in refused(REPORT, **AROUND | {"trailer": {"pattern": "(.*)"}}).message

    def test_head_that_is_not_said(self, refused: Refused) -> None:
        problem = refused(b"Report,2026\n\nid,name\n1,a\n")
        assert (problem.code, problem.hint) == (Code.MISSING_COLUMN, "Line 3 has it: set skip_head: 2.")

    def test_faults_have_their_lines(self, refused: Refused) -> None:
        assert refused(b"x\ny\nid,name\n1,a\n2\n", skip_head=2).line == 5
        assert refused(b'x\ny\nid,name\n1,a\n2,"b\n', skip_head=2).line == 5
        assert refused(b"x\ny\nid,name\n1,\xe9\n", skip_head=2).line == 4

    @given(st.lists(st.sampled_from(["a", "b", ""])), st.integers(1, 4))
    def test_last_ones(self, items: list[str], count: int) -> None:
        foot: list[str] = []
        passed = list(without_last(items, count, bool, foot))
        assert passed + foot == items
        assert len([item for item in foot if item]) == min(count, len([item for item in items if item]))


class TestNames:
    def test_no_header(self, csv_source: Open) -> None:
        with csv_source(b"1,a\n2,b\n", names=("id", "name")) as source:
            (batch,) = source.batches(9)
            assert list(map(list, batch.rows)) == [["1", "a"], ["2", "b"]]
            assert [source.place(n).line for n in batch.positions] == [1, 2]

    def test_width_is_one_problem(self, refused: Refused) -> None:
        problem = refused(b"\n1,a,x\n2,b,x\n", names=("id", "name"))
        assert (problem.code, problem.line) == (Code.SOURCE_HEADER, 2)
        assert problem.message == "the row has 3 cells, and names: lists 2"

    def test_delimiter(self, refused: Refused) -> None:
        assert refused(b"1;a\n", names=("id", "name")).code is Code.SOURCE_DELIMITER


def test_words_for_nothing(read_csv: Read) -> None:
    content = b"id,name\n1,NULL\n2, n/a \n3,null\n"
    assert read_csv(content, null_values=("NULL", "n/a")) == [["1", ""], ["2", ""], ["3", "null"]]
    assert read_csv(content, null_values=("n/a",), trim=False)[1] == ["2", " n/a "]


def test_newest_file(tmp_path: Path, read_csv: Read) -> None:
    for n, name in enumerate(("b.csv", "c.csv", "a.csv", "d.csv")):
        (tmp_path / name).write_text(f"id\n{n}\n")
        os.utime(tmp_path / name, (1, min(n, 2)))
    assert read_csv(path="?.csv", files="newest") == [["3"]]
    os.utime(tmp_path / "c.csv", (9, 9))
    assert read_csv(path="?.csv", files="newest") == [["1"]]
    assert len(read_csv(path="?.csv")) == 4
    assert read_csv(path=f"file://{tmp_path}/?.csv", files="newest") == [["1"]]
