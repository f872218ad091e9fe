from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.mappings.marks import MarkError, mark, spots, unmarked

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cn")))


@given(TEXT, TEXT, TEXT, st.booleans())
def test_marks_are_found_and_filled(before: str, base: str, after: str, keeps: bool) -> None:
    text = f"{before}{mark(base, '', keeps=keeps)}{after}"
    user = {"active": True, "emails": [{"type": "work"}, {"value": text}], "name": {"givenName": before}}
    (spot,) = spots(user)
    marked = spot.marked
    assert (marked.before, marked.base, marked.after, marked.keeps) == (before, base, after, keeps)
    assert (marked.pool, marked.attribute) == ("emails.value", "emails.value")
    spot.put("x")
    assert user["emails"] == [{"type": "work"}, {"value": f"{before}x{after}"}]
    assert spots(user) == []
    assert unmarked(text) == f"{before}{base}{after}"


def test_a_pool_may_be_named() -> None:
    (spot,) = spots({"nickName": mark("ann", "userName", keeps=True)})
    assert (spot.marked.pool, spot.marked.attribute) == ("userName", "nickName")


def test_what_is_cut_or_doubled_is_refused() -> None:
    whole = mark("ann", "", keeps=True)
    for text in (whole[:-1], whole[1:], whole + whole):
        with pytest.raises(MarkError, match="last filter"):
            spots({"userName": text})
    with pytest.raises(ValueError, match="character"):
        mark(whole, "", keeps=True)
