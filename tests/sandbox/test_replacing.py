from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scimport.sandbox.replacing import (
    compile_pattern,
    extract_group,
    is_harmless,
    replace_group,
    replace_matches,
    search,
)
from scimport.sandbox.values import EvaluationError


@pytest.mark.parametrize(
    ("pattern", "harmless"),
    [
        ("(?<Suffix>@(.)*)", True),
        (r"\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})".replace("\\\\", "\\"), False),
        (r"[()\s-]+", True),
        ("[a-zA-Z_]*", True),
        (r"(?<streetNumber>^\d*)", True),
        ("(a+)+", False),
        ("(a|aa)+", False),
        ("a*b*c*d*", False),
        (r"(?<a>.)\k<a>", False),
        (r"(a*)\1*", False),
        (r"\p{L}+", False),
        ("(?=a)b", False),
        ("[[a]+", False),
        (r"\(a+\)+", True),
    ],
)
def test_which_patterns_need_no_limit(pattern: str, harmless: bool) -> None:
    assert is_harmless(pattern) is harmless


@given(
    pattern=st.text(alphabet="ab.*+?()[]^$\\dw|", max_size=8),
    text=st.text(alphabet="ab1 .", max_size=6),
)
@settings(max_examples=300)
def test_both_engines_agree(pattern: str, text: str) -> None:
    assume(is_harmless(pattern))
    try:
        found = search(text, pattern)
    except EvaluationError:
        return
    # One more group, twice repeated, is no longer harmless, but means the same.
    other = f"(?:(?:{pattern})|(?!x)x)"
    assert not is_harmless(other)
    assert search(text, other) is found


def test_harmless_patterns_are_quick_on_long_texts() -> None:
    began = time.monotonic()
    assert replace_matches("x" * 3000, "x*y*z", "") == "x" * 3000
    assert time.monotonic() - began < 20


def test_groups_are_replaced_and_extracted() -> None:
    assert replace_group("a1b22", r"[a-z](?<n>\d+)", "n", "#") == "a#b#"
    assert extract_group("a1b22", r"[a-z](?<n>\d+)", "n") == "1"
    assert extract_group("x", r"(?<n>\d+)", "n") is None


@pytest.mark.parametrize("pattern", ["(", "a**", "[a", r"(?<n>a"])
def test_wrong_patterns(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.compile(".")):
        compile_pattern(pattern)
