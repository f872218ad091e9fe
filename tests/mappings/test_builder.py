from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.mappings.builder import Field, RequiredBlankError, build, field_value
from scimport.mappings.expression import Expression
from scimport.mappings.scim import Attribute
from scimport.mappings.shape import Array, Constant, Object, Place, Shape, Slot
from scimport.mappings.tree import Leaf, Origin
from scimport.mappings.values import ValueRefusedError
from scimport.project import Document

ORIGIN = Origin(Document(Path("m.yml"), "m.yml", {}), ())
LONE: Any = object()


def field(
    kind: str = "string", *, name: str = "x", literals: tuple[str, ...] | None = None, many: bool = False
) -> Field:
    place = Place((name,), Attribute(name, kind, multi_valued=many), many)
    parts = tuple(LONE for _ in (literals or ("", ""))[1:])
    return Field(place, Leaf("", ORIGIN), Expression("", literals, parts))


def built(shape: Shape, fields: list[Field], *values: object) -> Any:
    out: list[Any] = []
    build(Object((("schemas", Array((Constant("core"),))), ("x", shape))), fields)(out.append, *values)
    (user,) = out
    assert user.pop("schemas") == ["core"]
    return user.get("x", "nothing")


TEXT = [field(), field(), field()]
FLAG = [field("boolean"), field()]


@pytest.mark.parametrize(
    ("shape", "fields", "values", "expected"),
    [
        (Constant(True), [], (), True),
        (Constant(None), [], (), None),
        (Constant('it\'s "{x}" \\N{x}\n'), [], (), 'it\'s "{x}" \\N{x}\n'),
        (Object((("a", Constant(1)),)), [], (), {"a": 1}),
        (Array((Constant(1), Object((("a", Constant("b")),)))), [], (), [1, {"a": "b"}]),
        (Slot(0), TEXT[:1], ("a",), "a"),
        (Slot(0), TEXT[:1], ("",), "nothing"),
        (Slot(0), TEXT[:1], (None,), "nothing"),
        (Slot(0), TEXT[:1], (7,), "7"),
        (Slot(0, True), TEXT[:1], ("",), None),
        (Slot(0, True), TEXT[:1], ("a",), "a"),
        (Slot(0), [field("boolean")], (False,), False),
        (Slot(0), [field("boolean")], ("",), "nothing"),
        (Slot(0, True), [field("boolean")], (False,), False),
        (Slot(0, True), [field("boolean")], (None,), None),
        (Slot(0), [field("integer")], (0,), 0),
        (Slot(0), [field("decimal")], (0.0,), 0.0),
        (Slot(0), [field("dateTime")], ("2026-01-02",), "2026-01-02T00:00:00Z"),
        (Slot(0), [field(many=True)], (["a", ""],), ["a"]),
        (Slot(0), [field(many=True)], ([],), "nothing"),
        (Object((("a", Slot(0)),)), TEXT[:1], ("x",), {"a": "x"}),
        (Object((("a", Slot(0)),)), TEXT[:1], ("",), "nothing"),
        (Object((("a", Slot(0)),), True), TEXT[:1], ("",), None),
        (Object((("a", Slot(0, True)),)), TEXT[:1], ("",), {"a": None}),
        (Object((("a", Slot(0)), ("b", Slot(1)))), TEXT[:2], ("", "y"), {"b": "y"}),
        (Object((("a", Slot(0)), ("b", Slot(1)))), TEXT[:2], ("", ""), "nothing"),
        (Object((("a", Slot(0)), ("b", Constant(1)))), TEXT[:1], ("",), {"b": 1}),
        (Object((("a", Object((("b", Slot(0)),))),)), TEXT[:1], ("",), "nothing"),
        (Object((("a", Object((("b", Slot(0)), ("c", Slot(1))))),)), TEXT[:2], ("", "z"), {"a": {"c": "z"}}),
        (Array((Object((("v", Slot(0)), ("t", Constant("w")))),)), TEXT[:1], ("",), "nothing"),
        (Array((Object((("v", Slot(0)), ("t", Constant("w")))),)), TEXT[:1], ("a",), [{"v": "a", "t": "w"}]),
        (Array((Object((("v", Slot(0)), ("u", Slot(1)))),)), FLAG, (False, ""), [{"v": False}]),
        (Array((Object((("v", Slot(0)), ("u", Slot(1)))),)), FLAG, (None, ""), "nothing"),
        (
            Array((Object((("t", Constant("w")), ("u", Slot(0)), ("v", Slot(1)))),)),
            TEXT[:2],
            ("", ""),
            "nothing",
        ),
        (Array((Slot(0), Constant("b"), Slot(1))), TEXT[:2], ("", "c"), ["b", "c"]),
        (Array((Slot(0), Slot(1))), TEXT[:2], ("", ""), "nothing"),
        (Array((Object((("t", Constant("w")),)), Object((("v", Slot(0)),)))), TEXT[:1], ("",), [{"t": "w"}]),
    ],
)
def test_what_is_blank_is_left_out(
    shape: Shape, fields: list[Field], values: tuple[Any, ...], expected: Any
) -> None:
    assert built(shape, fields, *values) == expected


def test_keys_keep_their_order() -> None:
    members = (("a", Slot(0)), ("b", Constant(1)), ("c", Slot(1)), ("d", Constant(2)))
    assert list(built(Object(members), TEXT[:2], "x", "y")) == ["a", "b", "c", "d"]
    assert list(built(Array((Object(members),)), TEXT[:2], "x", "y")[0]) == ["a", "b", "c", "d"]


def test_users_share_nothing() -> None:
    out: list[Any] = []
    shape = Object((("schemas", Array((Constant("core"),))), ("x", Array((Object((("a", Constant(1)),)),)))))
    emit = build(shape, [])
    emit(out.append)
    emit(out.append)
    assert out[0]["schemas"] is not out[1]["schemas"]
    assert out[0]["x"][0] is not out[1]["x"][0]


CUSTOM = "urn:acme:2.0:User"


def test_schemas_name_the_extensions_that_are_there() -> None:
    shape = Object((("schemas", Array((Constant("core"),))), (CUSTOM, Object((("a", Slot(0)),)))))
    out: list[Any] = []
    emit = build(shape, TEXT[:1])
    emit(out.append, "x")
    emit(out.append, "")
    assert out == [{"schemas": ["core", CUSTOM], CUSTOM: {"a": "x"}}, {"schemas": ["core"]}]


@pytest.mark.parametrize(
    ("name", "kind"), [("externalId", "string"), ("userName", "string"), ("active", "boolean")]
)
def test_what_is_required_is_never_left_out(name: str, kind: str) -> None:
    required = field(kind, name=name)
    for blank in ("", None):
        with pytest.raises(RequiredBlankError, match=r"^it is blank$"):
            built(Slot(0), [required], blank)
        with pytest.raises(RequiredBlankError):
            field_value(required, [blank])


def test_what_does_not_suit_is_refused() -> None:
    with pytest.raises(ValueRefusedError):
        built(Slot(0), [field("boolean")], "false")


CELLS = st.one_of(
    st.none(), st.text(), st.integers(), st.booleans(), st.just(datetime(2026, 1, 2, tzinfo=UTC))
)


@given(st.lists(st.text(), min_size=2, max_size=4), st.data())
def test_texts_are_as_their_rule_says(literals: list[str], data: st.DataObject) -> None:
    values = [data.draw(CELLS) for _ in literals[1:]]
    text = field(literals=tuple(literals))
    expected = field_value(text, values)
    assert built(Slot(0), [text], *values) == ("nothing" if expected is None else expected)


@given(
    st.sampled_from(("string", "reference", "boolean", "integer", "decimal", "dateTime", "binary")),
    st.booleans(),
)
def test_single_values_are_as_their_rule_says(kind: str, many: bool) -> None:
    for value in (None, "", " ", "a", "2026-01-02", 0, 1, True, False, 1.5, b"x", ["a"], [1], [], {"a": 1}):
        one = field(kind, many=many)
        try:
            expected: Any = field_value(one, [value])
        except ValueRefusedError:
            with pytest.raises(ValueRefusedError):
                built(Slot(0), [one], value)
            continue
        found = built(Slot(0), [one], value)
        assert (found, type(found)) == (("nothing", str) if expected is None else (expected, type(expected)))
