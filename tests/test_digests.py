from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.digests import digest_rows, digest_user

_cells = (
    st.none()
    | st.text()
    | st.integers(-(2**53), 2**53)
    | st.booleans()
    | st.dates()
    | st.decimals(allow_nan=False)
)


@given(st.tuples(_cells, _cells), st.tuples(_cells, _cells))
def test_rows_have_the_same_digest_only_if_they_are_the_same(
    one: tuple[object, ...], other: tuple[object, ...]
) -> None:
    typed = [[(type(cell), str(cell)) for cell in row] for row in (one, other)]
    assert (digest_rows(b"m", [one]) == digest_rows(b"m", [other])) == (typed[0] == typed[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("a\x1fb", "")),
        (("1",), (1,)),
        (("",), (None,)),
        ((1,), (True,)),
        ((Decimal("1.0"),), (Decimal("1.00"),)),
        ((dt.date(2026, 1, 1),), (dt.datetime(2026, 1, 1),)),  # noqa: DTZ001 - as databases give it
    ],
)
def test_values_that_may_map_differently_have_other_digests(
    one: tuple[object, ...], other: tuple[object, ...]
) -> None:
    assert digest_rows(b"m", [one]) != digest_rows(b"m", [other])


def test_another_mapping_finds_no_row_unchanged() -> None:
    assert digest_rows(b"m" * 16, [("a",)]) != digest_rows(b"n" * 16, [("a",)])
    assert len(digest_rows(b"m" * 16, [("a",)])[0]) == len(digest_user(b"{}")) == 16
