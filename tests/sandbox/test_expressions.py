from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.sandbox.expressions import (
    MAX_DEPTH,
    MAX_LENGTH,
    Attribute,
    Call,
    Comparison,
    Empty,
    ExpressionError,
    Number,
    Text,
    Word,
    attributes,
    parse,
)


def test_a_tree() -> None:
    assert parse('Replace([userName], , "\\\\d \\"x\\"" ,-3, &HF7, vbTextCompare)') == Call(
        "Replace",
        (
            Attribute("userName", 8),
            Empty(20),
            Text('\\d "x"', 22),
            Number(-3, 35),
            Number(247, 39),
            Word("vbTextCompare", 45),
        ),
        0,
    )


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (" [a] ", Attribute("a", 1)),
        ('""', Text("", 0)),
        ("42568.75", Number(42568.75, 0)),
        ("Now( )", Call("Now", (), 0)),
        ("F(,)", Call("F", (Empty(2), Empty(3)), 0)),
        (
            "F([a]<>1)",
            Call("F", (Comparison(Attribute("a", 2), "<>", Number(1, 7), 5),), 0),
        ),
        ('[emails[type eq "work"].value]', Attribute('emails[type eq "work"].value', 0)),
        ('[roles[value eq "]"].display]', Attribute('roles[value eq "]"].display', 0)),
    ],
)
def test_small_trees(text: str, tree: object) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "expected here"),
        ("Join(", 5, "expected here"),
        ("Join([a]", 8, "go on with a comma or end with a bracket"),
        ("Join([a] [b])", 9, "go on with a comma"),
        ("Join([a)", 5, "not closed"),
        ("[]", 0, "name no attribute"),
        ('F("a)', 2, "no closing"),
        ('F("\\d")', 3, "backslash"),
        ("[a] [b]", 4, "nothing may follow"),
        ("F([a]=)", 6, "expected here"),
        ("F([a]=1=2)", 7, "go on with a comma"),
        ("(1)", 0, "expected here"),
        ("F(" * (MAX_DEPTH + 2), 2 * (MAX_DEPTH + 1), "nested"),
        ("[" + "a" * MAX_LENGTH + "]", MAX_LENGTH, "at most 10,000 characters"),
    ],
)
def test_what_is_wrong_has_a_place(text: str, position: int, words: str) -> None:
    with pytest.raises(ExpressionError, match=words) as caught:
        parse(text)
    assert caught.value.position == position
    assert str(caught.value).startswith(f"position {position + 1}: ")


def test_attributes_are_found_once_and_in_order() -> None:
    assert attributes(parse('IIF([b]=[a], F([c]), Join("[d]", [a]))')) == ("b", "a", "c")


_ATOMS = st.sampled_from(["[a]", '"x"', '""', "3", "-1.5", "&HF", "Now()", "vbTextCompare"])
_TREES = st.recursive(
    _ATOMS,
    lambda inner: st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})",
        st.sampled_from(["Join", "IIF", "X_1"]),
        st.lists(inner | st.just("") | st.builds("{} <= {}".format, inner, inner), min_size=1, max_size=3),
    ),
    max_leaves=12,
)


@given(_TREES)
def test_what_is_of_the_language_is_read(text: str) -> None:
    parse(text)


@given(
    st.text(alphabet='Fo1[]()",\\=<>&H- é\n', max_size=40)
    | st.text(max_size=40)
    | _TREES.map(lambda text: text[1:-1])
)
def test_nothing_else_is_raised(text: str) -> None:
    with suppress(ExpressionError):
        parse(text)
