from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Place, Problem
from scimport.sources import Source

Read = Callable[..., list[list[str]]]
Refused = Callable[..., Problem]
Open = Callable[..., Source]


def places(source: Source, size: int = 3) -> list[int | None]:
    return [source.place(n).line for batch in source.batches(size) for n in batch.positions]


def test_cells_stay_text(read_csv: Read) -> None:
    content = b"id,a,b,c\n00123,NA,null, x \n1e5,True,,'q'\n"
    assert read_csv(content) == [["00123", "NA", "null", " x "], ["1e5", "True", "", "'q'"]]


def test_names_are_trimmed(csv_source: Open) -> None:
    assert csv_source(b' id ,"Cost Center "\n').columns == ("id", "Cost Center")


def test_header_only_has_no_rows(read_csv: Read) -> None:
    assert read_csv(b"id,name") == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark(read_csv: Read, end: str, bom: bytes) -> None:
    content = bom + end.join(['"id",name', "1,Zoë", "2,Åsa"]).encode()
    assert read_csv(content) == [["1", "Zoë"], ["2", "Åsa"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "iso-8859-15"])
def test_encodings(read_csv: Read, encoding: str) -> None:
    content = "id;name\n1;Zoë\n".encode(encoding)
    if encoding == "utf-16-le":
        content = b"\xff\xfe" + content
    assert read_csv(content, encoding=encoding, delimiter=";") == [["1", "Zoë"]]


def test_delimiter_and_quotechar(read_csv: Read) -> None:
    assert read_csv(b"id\tname\n1\t'a\tb ''c'''\n", delimiter="tab", quotechar="'") == [["1", "a\tb 'c'"]]


def test_place_is_where_the_record_begins(csv_source: Open) -> None:
    content = b'\nid,name\r\n1,a\n\n2,"b\r\nb\rb"\n \t\n3,"\n"\n4,d'
    with csv_source(content) as source:
        assert places(source) == [3, 5, 9, 11]
        assert places(source, 1) == [3, 5, 9, 11]
        assert source.place(5) == Place("people.csv", line=5)


def test_positions_within_several_blocks(csv_source: Open) -> None:
    rows = "".join(f'{n},"{"x" * 90}\n{n}"\n' for n in range(5000))
    with csv_source(f"id,name\n{rows}".encode()) as source:
        assert places(source, 64) == list(range(2, 10_002, 2))


def test_blank_lines_alone_make_no_batch(csv_source: Open) -> None:
    with csv_source(b"id,name\n1,a\n" + b"\n" * 10 + b"2,b\n") as source:
        assert [len(batch.rows) for batch in source.batches(2)] == [1, 1]


def test_one_column(read_csv: Read) -> None:
    assert read_csv(b'id\n1\n\n""\n2\n') == [["1"], [""], ["2"]]


def test_ten_thousand_columns(read_csv: Read) -> None:
    names = [f"c{n}" for n in range(10_000)]
    (row,) = read_csv(("id," + ",".join(names) + "\n1" + ",x" * 10_000).encode())
    assert len(row) == 10_001


class TestFiles:
    def test_glob_reads_in_order_of_names(self, tmp_path: Path, csv_source: Open) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in/b.csv").write_text("name,id\nb,2\n")
        (tmp_path / "in/a.csv").write_text("id,name\n1,a\n\n9,z\n")
        (tmp_path / "in/folder.csv").mkdir()
        with csv_source(path="in/*.csv") as source:
            assert source.columns == ("id", "name")
            batches = list(source.batches(10))
            assert [list(row) for batch in batches for row in batch.rows] == [
                ["1", "a"],
                ["9", "z"],
                ["2", "b"],
            ]
            found = [source.place(n) for batch in batches for n in batch.positions]
        assert found == [Place("in/a.csv", 2), Place("in/a.csv", 4), Place("in/b.csv", 2)]

    def test_other_columns(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "a.csv").write_text("id,name,mail\n1,a,m\n")
        (tmp_path / "b.csv").write_text("\nid,name,Ann\n1,a,m\n")
        problem = refused(path="?.csv")
        assert (problem.code, problem.file, problem.line) == (Code.SOURCE_HEADER, "b.csv", 2)
        assert "lacks 'mail'" in problem.message
        assert "Ann" not in problem.message

    def test_min_rows_counts_all_files(self, tmp_path: Path, read_csv: Read, refused: Refused) -> None:
        for name in "ab":
            (tmp_path / f"{name}.csv").write_text("id\n1\n2\n")
        assert len(read_csv(path="?.csv", min_rows=4)) == 4
        assert refused(path="?.csv", min_rows=5).code is Code.TOO_FEW_ROWS


class TestHeader:
    def test_key_is_missing(self, refused: Refused) -> None:
        problem = refused(b"\nID,name\n1,a\n")
        assert (problem.code, problem.line, problem.field) == (Code.MISSING_COLUMN, 2, "id")
        assert problem.hint == "Did you mean 'ID'?"

    def test_first_line_may_be_a_person(self, refused: Refused) -> None:
        problem = refused(b"4711,Ann,ann@example.com\n4712,Bob,bob@example.com\n", key="employee")
        assert problem.code is Code.MISSING_COLUMN
        assert "Ann" not in problem.message + problem.hint

    def test_names_twice_and_none(self, csv_source: Open) -> None:
        with pytest.raises(SourceError) as caught:
            csv_source(b"id,a,, a,\n1,2,3,4,5\n")
        told = [(problem.code, problem.line, problem.message) for problem in caught.value.problems]
        assert told == [
            (Code.SOURCE_HEADER, 1, "columns 2, 4: the name 'a' occurs 2 times"),
            (Code.SOURCE_HEADER, 1, "columns 3, 5: no name"),
        ]

    @pytest.mark.parametrize(
        ("header", "delimiter", "hint"),
        [
            (b"id;name;mail", ",", "';'"),
            (b"id\tname", ",", "tab"),
            (b"id|name", ";", "'|'"),
            (b"id,name", ";", "','"),
            (b'"id";"name"', ",", "';'"),
            (b"no;name, first;id", ",", "';'"),
            (b"name;first", ",", "';'"),
        ],
    )
    def test_wrong_delimiter(self, refused: Refused, header: bytes, delimiter: str, hint: str) -> None:
        problem = refused(header + b"\n1;2\n", delimiter=delimiter)
        assert (problem.code, problem.line) == (Code.SOURCE_DELIMITER, 1)
        assert problem.hint == f"Set delimiter: {hint}."

    def test_single_column_that_is_the_key(self, read_csv: Read) -> None:
        assert read_csv(b"id;no\n1;2\n", key="id;no") == [["1;2"]]


class TestRows:
    def test_ragged(self, csv_source: Open) -> None:
        content = b'id,name\n1,"a\na"\n2\n3,c\n4,d,e\n'
        with csv_source(content) as source, pytest.raises(SourceError) as caught:
            list(source.batches(100))
        told = [(problem.code, problem.place, problem.message) for problem in caught.value.problems]
        assert told == [
            (Code.RAGGED_ROW, "people.csv:4", "the row has 1 cell, and the header has 2"),
            (Code.RAGGED_ROW, "people.csv:6", "the row has 3 cells, and the header has 2"),
        ]

    def test_many_ragged(self, csv_source: Open) -> None:
        with csv_source(b"id,name\n" + b"1,2,3\n" * 100) as source, pytest.raises(SourceError) as caught:
            list(source.batches(100))
        assert len(caught.value.problems) == 10

    def test_nothing_but_a_header_is_enough_unless_rows_are_wanted(self, refused: Refused) -> None:
        assert refused(b"id,name\n", min_rows=1).code is Code.TOO_FEW_ROWS

    def test_rows_before_a_fault_come_out(self, csv_source: Open) -> None:
        seen: list[object] = []
        with csv_source(b"id,name\n" + b"1,a\n" * 50 + b"2\n") as source, pytest.raises(SourceError):
            seen.extend(row for batch in source.batches(10) for row in batch.rows)
        assert len(seen) == 50


class TestChanges:
    def test_written_to_while_read(self, tmp_path: Path, csv_source: Open) -> None:
        with csv_source(b"id,name\n" + b"1,a\n" * 30) as source:
            batches = source.batches(10)
            next(batches)
            with (tmp_path / "people.csv").open("ab") as file:
                file.write(b"2,b\n")
            with pytest.raises(SourceError) as caught:
                list(batches)
        assert caught.value.problems[0].code is Code.SOURCE_CHANGED

    def test_replaced_after_opening(self, tmp_path: Path, csv_source: Open) -> None:
        with csv_source(b"id,name\n1,a\n") as source:
            (tmp_path / "people.csv").write_bytes(b"name,id\na,1\n")
            with pytest.raises(SourceError) as caught:
                list(source.batches(10))
        assert caught.value.problems[0].code is Code.SOURCE_CHANGED

    def test_deleted_after_opening(self, tmp_path: Path, csv_source: Open) -> None:
        with csv_source(b"id,name\n1,a\n") as source:
            (tmp_path / "people.csv").unlink()
            with pytest.raises(SourceError) as caught:
                list(source.batches(10))
        assert caught.value.problems[0].code is Code.SOURCE_NOT_FOUND


def test_memory_does_not_grow(tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from scimport.project.source_config import CsvSourceConfig
from scimport.sources import open_source
def peak(rows):
    with open({str(tmp_path / "people.csv")!r}, "w") as file:
        file.write("id,name\\n")
        for n in range(rows):
            file.write(f"{{n}},{{'x' * 200}}\\n")
    config = CsvSourceConfig(path="people.csv", key="id")
    with open_source(config, name="people", root=Path({str(tmp_path)!r})) as source:
        assert sum(len(batch.rows) for batch in source.batches(200)) == rows
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, large = peak(1_000), peak(150_000)
assert large - small < 3_000, (small, large)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONWARNINGS": "error"})


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_csv_writes_comes_back(data: st.DataObject, csv_source: Open) -> None:
    width = data.draw(st.integers(1, 4))
    table = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8))
    delimiter = data.draw(st.sampled_from(",;\t|~"))
    quotechar = data.draw(st.sampled_from("\"'"))
    # With an end of \n alone, the writer leaves a cell with \r without quotes.
    end, quoting = data.draw(
        st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)])
    )
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
    size = data.draw(st.integers(1, 5))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quotechar=quotechar, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["id", "b", "c", "d"][:width], *table])
    content = out.getvalue().encode(encoding)
    with csv_source(content, delimiter=delimiter, quotechar=quotechar, encoding=encoding) as source:
        batches = list(source.batches(size))
    assert [row for batch in batches for row in batch.rows] == table


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=60) | st.text(alphabet='",\r\n a\0é', max_size=30).map(str.encode))
def test_any_bytes_give_rows_or_a_problem(tail: bytes, csv_source: Open) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        with csv_source(b"id,name\n" + tail) as source:
            for batch in source.batches(2):
                assert all(len(row) == 2 for row in batch.rows)
    except SourceError as error:
        problems = error.problems
    assert all(problem.code and problem.message and problem.line for problem in problems)
