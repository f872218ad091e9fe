from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.sources.csv_blocks import Block, Dialect, blocks

COMMA = Dialect("utf-8", ",", '"')

CELLS = st.text(st.sampled_from('ab", \n\r;é€"'), max_size=9)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12)
QUOTING = st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
ENDS = st.sampled_from(("\n", "\r\n", "\r"))
SIZES = st.integers(1, 60)


def read(data: bytes, dialect: Dialect = COMMA) -> list[list[str]]:
    text = io.StringIO(data.decode(dialect.encoding), newline="")
    return list(csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quotechar, strict=True))


def written(table: list[list[str]], quoting: int, end: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(table)  # type: ignore[arg-type]
    return text.getvalue().encode()


@given(
    TABLES, st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)), st.sampled_from(("\n", "\r\n", "\r")), SIZES
)
def test_blocks_hold_whole_records(table: list[list[str]], quoting: int, end: str, size: int) -> None:
    data = written(table, quoting, end)
    check(data, size)


@given(st.text(st.sampled_from('ab", \n\r"'), max_size=60), SIZES)
def test_so_they_do_where_quotes_stand_anywhere(text: str, size: int) -> None:
    check(text.encode(), size)


def check(data: bytes, size: int) -> None:
    found = list(blocks(io.BytesIO(data), COMMA, size))
    assert b"".join(block.data for block in found) == data
    for before, block in itertools.pairwise(found):
        text = io.StringIO(before.data.decode(), newline="")
        assert block.line == before.line + sum(1 for _ in text)
    try:
        rows = read(data)
    except csv.Error:
        # A block says so too; which of them depends on where it was cut.
        with pytest.raises(csv.Error):
            [read(block.data) for block in found]
        return
    assert [row for block in found for row in read(block.data)] == rows


def test_a_quote_within_a_cell_is_no_opening() -> None:
    rows = ['1,5" pipe,x', '2,"two\nlines",y', '3,6",z', '4,"say ""a, b"", then\n""c""",w', "5,,"]
    data = ("\n".join(rows) + "\n").encode()
    found = list(blocks(io.BytesIO(data), COMMA, 8))
    assert [row for block in found for row in read(block.data)] == read(data)
    assert len(found) > 3
    assert found[2] == Block(b'3,6",z\n', line=3)


@pytest.mark.parametrize(
    ("encoding", "delimiter", "can"),
    [
        ("utf-8", ",", True),
        ("utf-8-sig", ";", True),
        ("UTF8", "\t", True),
        ("iso-8859-1", ",", True),
        ("cp1252", "|", True),
        ("utf-16", ",", False),
        ("shift_jis", ",", False),
        ("utf-8", "§", False),
    ],
)
def test_only_some_encodings_can_be_cut(encoding: str, delimiter: str, can: bool) -> None:
    assert Dialect(encoding, delimiter, '"').can_be_cut is can
