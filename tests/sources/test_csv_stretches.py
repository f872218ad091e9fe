from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.test_csv_blocks import ENDS, QUOTING, SIZES, TABLES, read, written

from scimport.sources import csv_stretches
from scimport.sources.csv_blocks import blocks
from scimport.sources.csv_stretches import stretches


@pytest.fixture(autouse=True, scope="module")
def short_ones() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_stretches, "SHORTEST", 2)
        patch.setattr(csv_stretches, "_ENDS", 1)
        yield


@given(TABLES, QUOTING, ENDS, SIZES)
def test_stretches_hold_whole_records(table: list[list[str]], quoting: int, end: str, size: int) -> None:
    for block in blocks(io.BytesIO(written(table, quoting, end)), ",", '"', size):
        if block.countable:
            check(block.data)


@given(st.text(st.sampled_from('ab,,"\n\n\r'), max_size=60), SIZES)
def test_so_they_do_where_quotes_stand_anywhere(text: str, size: int) -> None:
    for block in blocks(io.BytesIO(text.encode()), ",", '"', size):
        if block.countable:
            check(block.data)


def check(data: bytes) -> None:
    found = list(stretches(data, '"'))
    assert b"".join(part for _, part in found) == data
    for (before, part), (after, _) in pairwise(found):
        assert after - before == sum(1 for _ in io.StringIO(part.decode(), newline=""))
    try:
        rows = read(data)
    except csv.Error:
        with pytest.raises(csv.Error):
            [read(part) for _, part in found]
        return
    assert [row for _, part in found for row in read(part)] == rows


def lines_of(count: int) -> list[bytes]:
    return [f'{n},"Person {n * n}",x{n % 7}\n'.encode() for n in range(count)]


def cut(lines: list[bytes]) -> list[bytes]:
    found = blocks(io.BytesIO(b"".join(lines)), ",", '"', 20_000)
    return [part for block in found for _, part in stretches(block.data, '"')]


@pytest.mark.parametrize("at", [0, 700, 4999])
def test_a_line_more_changes_the_stretches_near_to_it_alone(at: int) -> None:
    lines = lines_of(5000)
    before = set(cut(lines))
    after = cut([*lines[:at], b'new,"line"\n', *lines[at:]])
    assert len(before) > 500
    assert len([part for part in after if part not in before]) < 40


def test_a_line_that_changes_costs_one_stretch() -> None:
    lines = lines_of(5000)
    before = set(cut(lines))
    for at in range(1000, 1200):
        changed = [*lines[:at], lines[at].replace(b"Person", b"Dr. Person"), *lines[at + 1 :]]
        new = [part for part in cut(changed) if part not in before]
        assert 1 <= len(new) <= 40
