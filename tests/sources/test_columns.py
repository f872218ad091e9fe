from __future__ import annotations

from scimport.sources.columns import bad_names, missing_key


def test_key_is_there() -> None:
    assert missing_key(("id", "name"), "id", file="f") is None


def test_good_names() -> None:
    assert list(bad_names(("a", "A", "b c"), file="f")) == []


def test_long_lists_are_cut() -> None:
    (problem,) = bad_names(["x"] * 9, file="f")
    assert problem.message == "columns 1, 2, 3, 4, 5 and 4 more: the name 'x' occurs 9 times"
