from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scimport.digests import digest_name
from scimport.plan.names import Names


@given(st.lists(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)))
def test_what_occurs_twice_is_found(digests: list[int]) -> None:
    names = Names()
    names.add(digests)
    assert names.repeated() == {digest for digest in digests if digest and digests.count(digest) > 1}


def test_case_does_not_count() -> None:
    assert (
        digest_name("Ann@acme.example") == digest_name("aNN@ACME.example") != digest_name("an@acme.example")
    )
