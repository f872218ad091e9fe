from __future__ import annotations

import csv
import gzip
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.model import Problem

Refused = Callable[..., Problem]

LIMIT = csv.field_size_limit()


class TestEncoding:
    @pytest.mark.parametrize("rows", [0, 3, 20_000])
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    def test_byte_and_line(self, refused: Refused, rows: int, end: bytes) -> None:
        before = b"id,name" + end + (b"1,\xc3\xa4b" + end) * rows
        problem = refused(before + b"2,Jos\xe9" + end)
        assert (problem.code, problem.line) == (Code.SOURCE_ENCODING, rows + 2)
        assert problem.message == f"byte 0xE9 at offset {len(before) + 5} cannot be decoded as utf-8"
        assert "cp1252" in problem.hint

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        filler=st.integers(65_500, 65_560),
        bad=st.sampled_from([b"\xe4\xb8", b"\xff", b"\xf0\x9f\x98"]),
        then=st.sampled_from([b"", b"\r\nx", b"abc"]),
    )
    def test_at_the_border_of_a_block(self, refused: Refused, filler: int, bad: bytes, then: bytes) -> None:
        before = b"id,n\n" + b"a" * filler + b",b\r\n"
        problem = refused(before + bad + then)
        assert problem.line == 3
        assert f"0x{bad[0]:02X} at offset {len(before)} " in problem.message

    def test_end_within_a_character(self, refused: Refused) -> None:
        problem = refused("id,name\n1,Zoë".encode()[:-1])
        assert "byte 0xC3 at offset 12 " in problem.message

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
    def test_wide_encodings(self, refused: Refused, encoding: str) -> None:
        problem = refused("id,name\n1,Ann\n".encode(encoding))
        assert (problem.code, problem.line) == (Code.SOURCE_ENCODING, 1)
        assert problem.hint.endswith(f"set encoding: {encoding}.")

    def test_utf_16_without_mark(self, refused: Refused) -> None:
        problem = refused("id,name\n1,Ann\n".encode("utf-16-le"), encoding="utf-16")
        assert problem.code is Code.SOURCE_ENCODING
        assert "utf-16-le" in problem.hint

    def test_utf_8_read_as_something_else(self, refused: Refused) -> None:
        assert "set encoding: utf-8" in refused("id,name\n1,“Ann”\n".encode(), encoding="cp1252").hint

    def test_neither(self, refused: Refused) -> None:
        assert refused(b"id,name\n1,\x81\n", encoding="cp1252").code is Code.SOURCE_ENCODING

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (gzip.compress(b"id,name\n", mtime=0), ".gz"),
            (b"PK\x03\x04\x14\0\x06\0\x08\xff\0", "Excel"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        ],
    )
    def test_not_text_at_all(self, refused: Refused, content: bytes, words: str) -> None:
        assert words in refused(content).hint


class TestNul:
    def test_line(self, refused: Refused) -> None:
        problem = refused(b"id,name\n" + b"1,a\n" * 30_000 + b"2,\0\n")
        assert (problem.code, problem.line) == (Code.NUL_BYTE, 30_002)

    def test_utf_16_without_mark(self, refused: Refused) -> None:
        problem = refused("id,name\n1,Ann\n".encode("utf-16-be"))
        assert (problem.code, problem.line) == (Code.NUL_BYTE, 1)
        assert "utf-16-be" in problem.hint

    def test_in_utf_16(self, refused: Refused) -> None:
        assert refused("id,name\n1,\0\n".encode("utf-16"), encoding="utf-16").line == 2


class TestEmpty:
    @pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
    def test_no_header(self, refused: Refused, content: bytes) -> None:
        assert refused(content).code is Code.SOURCE_EMPTY


class TestQuotes:
    def test_never_closed(self, refused: Refused) -> None:
        problem = refused(b'id,name\n1,"a\na"\n2,"b\n3,c\n4,d\n')
        assert (problem.code, problem.line) == (Code.SOURCE_SYNTAX, 4)
        assert problem.message == "the quote that opens cell 2 is never closed"

    def test_opened_later_than_its_record(self, refused: Refused) -> None:
        assert refused(b'id,name,x\n1,"a\na","b\n2,c,d\n').line == 3

    def test_meets_the_next_quote(self, refused: Refused) -> None:
        problem = refused(b'id,name\n1,"Ann\n2,Bob\n3,"Cy"\n')
        assert (problem.code, problem.line) == (Code.SOURCE_SYNTAX, 2)
        assert "in line 4" in problem.message
        assert "Cy" not in problem.message + problem.hint

    def test_not_doubled(self, refused: Refused) -> None:
        problem = refused(b'id,name\n1,"the ""good"" one"\n2,"the "bad" one"\n')
        assert (problem.code, problem.line) == (Code.SOURCE_SYNTAX, 3)
        assert problem.message == "cell 2 goes on after its closing quote"

    def test_in_the_header(self, refused: Refused) -> None:
        problem = refused(b'id,"name\n1,a\n')
        assert (problem.code, problem.line) == (Code.SOURCE_SYNTAX, 1)

    def test_swallows_a_large_file(self, refused: Refused) -> None:
        rows = b"".join(b"%d,somebody\n" % n for n in range(30_000))
        problem = refused(b'id,name\n1,a\n2,"b\n' + rows)
        assert (problem.code, problem.line) == (Code.SOURCE_SYNTAX, 3)
        assert "131,072" in problem.message


class TestLargeCells:
    def test_as_large_as_it_may_be(self, read_csv: Callable[..., list[list[str]]]) -> None:
        assert len(read_csv(b"id,name\n1," + b"x" * LIMIT + b"\n")[0][1]) == LIMIT

    def test_plain(self, refused: Refused) -> None:
        problem = refused(b"id,name,b\n1,a,b\n2," + b"x" * 1_000_000 + b",b\n")
        assert (problem.code, problem.line) == (Code.CELL_TOO_LARGE, 3)
        assert "cell 2" in problem.message

    def test_quoted_with_lines(self, refused: Refused) -> None:
        problem = refused(b'id,name\n1,"' + b"some text\n" * 20_000 + b'"\n')
        assert (problem.code, problem.line) == (Code.CELL_TOO_LARGE, 2)

    def test_process_wide_limit_stays(self, refused: Refused) -> None:
        refused(b"id,name\n1," + b"x" * 1_000_000 + b"\n")
        assert csv.field_size_limit() == LIMIT
