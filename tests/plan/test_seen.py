from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scimport.plan.seen import Seen


def test_nobody_is_known() -> None:
    seen = Seen(1, 0)
    assert not len(seen)
    assert seen.unseen() == []


@given(st.dictionaries(st.integers(7, 30), st.integers(0, 2**50)))
def test_positions_are_kept_whatever_their_size(found: dict[int, int]) -> None:
    seen = Seen(7, 30)
    for person, position in found.items():
        seen.mark(person, position)
    assert {person: seen.position(person) for person in found} == found
    assert seen.unseen() == [person for person in range(7, 31) if person not in found]
