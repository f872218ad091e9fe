from __future__ import annotations

import csv
import io
import itertools
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import CsvSourceConfig
from scimport.sources import csv_blocks, csv_file
from scimport.sources.base import Batch
from scimport.sources.csv_blocks import Block, blocks, can_be_cut
from scimport.sources.csv_file import CsvSource
from scimport.sources.csv_text import CsvText
from scimport.sources.files import DataFile

CELLS = st.text(st.sampled_from('ab", \n\r;é€"'), max_size=9)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12)
QUOTING = st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
ENDS = st.sampled_from(("\n", "\r\n", "\r"))
SIZES = st.integers(1, 60)


def read(data: bytes) -> list[list[str]]:
    text = io.StringIO(data.decode(), newline="")
    return list(csv.reader(text, strict=True))


def written(table: list[list[str]], quoting: int, end: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(table)  # type: ignore[arg-type]
    return text.getvalue().encode()


@given(TABLES, QUOTING, ENDS, SIZES)
def test_blocks_hold_whole_records(table: list[list[str]], quoting: int, end: str, size: int) -> None:
    data = written(table, quoting, end)
    check(data, size)


@given(st.text(st.sampled_from('ab", \n\r"'), max_size=60), SIZES)
def test_so_they_do_where_quotes_stand_anywhere(text: str, size: int) -> None:
    check(text.encode(), size)


def check(data: bytes, size: int) -> None:
    found = list(blocks(io.BytesIO(data), ",", '"', size))
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
    found = list(blocks(io.BytesIO(data), ",", '"', 8))
    assert [row for block in found for row in read(block.data)] == read(data)
    assert len(found) > 3
    assert found[2] == Block(b'3,6",z\n', line=3, countable=False)


def test_a_quote_that_is_never_closed_takes_neither_long_nor_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "LONGEST", 1000)
    data = b'1,a\n2,"b\n' + b"3,c\n" * 1000
    found = list(blocks(io.BytesIO(data), ",", '"', 100))
    assert b"".join(block.data for block in found) == data
    assert found[0] == Block(b"1,a\n", line=0, countable=True)
    assert 1000 < max(len(block.data) for block in found) < 2500


@pytest.mark.parametrize(
    ("encoding", "delimiter", "head", "can"),
    [
        ("utf-8", ",", 0, True),
        ("utf-8-sig", ";", 0, True),
        ("UTF8", "\t", 0, True),
        ("iso-8859-1", ",", 0, True),
        ("cp1252", "|", 0, True),
        ("utf-16", ",", 0, False),
        ("shift_jis", ",", 0, False),
        ("utf-8", "§", 0, False),
        ("utf-8", ",", 1, False),
    ],
)
def test_only_some_files_can_be_cut(encoding: str, delimiter: str, head: int, *, can: bool) -> None:
    text = CsvText(DataFile("staff.csv", io.BytesIO), encoding, skip_head=head, delimiter=delimiter)
    assert can_be_cut(text) is can


@given(
    st.text(st.sampled_from('ab,"\n\r é\0'), max_size=60),
    SIZES,
    st.integers(1, 4),
    st.sampled_from(("utf-8", "utf-8-sig", "latin-1")),
)
def test_in_pieces_a_file_reads_as_it_does_whole(
    folder: Path, body: str, cut: int, size: int, encoding: str
) -> None:
    (folder / "staff.csv").write_bytes(f"a,b\n{body}".encode(encoding, "replace"))
    whole = outcome(folder, encoding, cut=None, size=size)
    cut_up = outcome(folder, encoding, cut=cut, size=size)
    # Of several faults, that in the first slice to be read is told.
    assert cut_up == whole or (isinstance(whole, Problem) and isinstance(cut_up, Problem))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pieces")


def outcome(folder: Path, encoding: str, *, cut: int | None, size: int) -> object:
    """All rows with their lines, or what is wrong: read whole, or in pieces by a source sent elsewhere."""
    config = CsvSourceConfig.model_validate(
        {"kind": "csv", "path": "staff.csv", "key": "a", "encoding": encoding}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "can_be_cut", lambda _: cut is not None)
        if cut:
            patch.setattr(csv_blocks, "SIZE", cut)
        try:
            source = CsvSource(config, root=folder)
            batches = source.batches(size) if cut is None else in_pieces(source, size)
            found = [(list(row), position) for batch in batches for row, position in zip_batch(batch)]
        except SourceError as error:
            return error.problems[0]
    return found


def in_pieces(source: CsvSource, size: int) -> Iterator[Batch]:
    elsewhere = pickle.loads(pickle.dumps(source))  # noqa: S301 - as it was just made
    for piece in source.pieces() or ():
        yield from elsewhere.piece_batches(piece, size)


def zip_batch(batch: Batch) -> Iterator[tuple[Sequence[object], int]]:
    return zip(batch.rows, batch.positions, strict=True)
