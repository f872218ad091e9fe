from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.project.values import did_you_mean, whole_number


@pytest.mark.parametrize(
    ("word", "near"),
    [("deliimiter", "delimiter"), ("USERNAME", "userName"), ("emial", "emails"), ("xyz", ""), ("", "")],
)
def test_the_nearest_candidate_in_its_own_spelling(word: str, near: str) -> None:
    hint = did_you_mean(word, ("delimiter", "userName", "emails"))
    assert hint == (f"Did you mean '{near}'?" if near else "")


def test_without_candidates_there_is_no_hint() -> None:
    assert did_you_mean("x", ()) == ""


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_a_whole_number_is_read_from_its_text(number: int) -> None:
    assert whole_number(str(number)) == number
