from __future__ import annotations

import datetime as dt
import doctest
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from scimport.mappings.filters import (
    FILTERS,
    NOT_OFFERED,
    PURE,
    TESTS,
    blanks,
    is_blank,
    lists,
    numbers,
    texts,
)

JINJA: dict[str, Callable[..., Any]] = JINJA_FILTERS
NEEDED: dict[str, tuple[object, ...]] = {"replace": ("a", "b"), "map": ("lower",), "format": (None,)}
NEEDED |= {
    "regex_replace": ("a", "b"),
    "switch": ({},),
    "lookup": ("t",),
    "add_days": (1,),
    "within": ("2026-01-01",),
}


def environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    made.filters = dict(FILTERS)
    made.tests = dict(TESTS)
    return made


def evaluate(expression: str, **row: object) -> Any:
    return environment().compile_expression(expression, undefined_to_none=False)(**row)


@pytest.mark.parametrize("module", [blanks, lists, numbers, texts])
def test_examples(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_documented_under_its_name(name: str) -> None:
    assert f"``{name}``" in (FILTERS[name].__doc__ or "") or name == "d"


@pytest.mark.parametrize(
    "name", sorted(set(FILTERS) - {"default", "d", "length", "count", "format", "coalesce"})
)
@pytest.mark.parametrize("blank", [None, ""])
def test_every_filter_passes_a_blank_through(name: str, blank: str | None) -> None:
    arguments = ", ".join(map(repr, NEEDED.get(name, ())))
    assert evaluate(f"Value | {name}({arguments})", Value=blank) == blank


def test_the_exceptions_to_that() -> None:
    for blank in (None, ""):
        assert FILTERS["default"](blank, "x") == "x"
        assert FILTERS["length"](blank) == 0
        assert FILTERS["format"]("%s", blank) is None


def test_the_registry_is_consistent() -> None:
    assert set(FILTERS) >= PURE
    assert not set(NOT_OFFERED) & set(FILTERS)
    assert not {"random", "xmlattr", "tojson", "safe", "pprint", "attr"} & set(FILTERS)
    assert TESTS["blank"] is is_blank


@given(st.text(min_size=1))
def test_jinjas_filters_do_the_same_for_text(text: str) -> None:
    for name in ("lower", "upper", "trim", "capitalize", "title", "length", "string"):
        assert FILTERS[name](text) == JINJA[name](text)
    assert FILTERS["default"](text, "x") == JINJA["default"](text, "x")
    assert FILTERS["first"](text) == text[0]
    assert FILTERS["last"](text) == text[-1]
    assert FILTERS["replace"](text, "a", "b") == text.replace("a", "b")
    assert FILTERS["replace"](text, "a", "b", 1) == text.replace("a", "b", 1)


@given(st.text(), st.integers(3, 20), st.booleans())
def test_truncate_never_gives_more(text: str, length: int, killwords: bool) -> None:
    cut = FILTERS["truncate"](text, length, killwords)
    assert len(cut) <= length
    expected = JINJA["truncate"](environment(), text, length, killwords, leeway=0)
    assert cut == expected


def test_truncate_needs_room() -> None:
    with pytest.raises(ValueError, match="at least that of its end"):
        FILTERS["truncate"]("text", 2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (Decimal("1E+3"), "1000"),
        (0.5, "0.5"),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_text_of_other_values(value: object, text: str) -> None:
    assert FILTERS["text"](value) == text
    assert FILTERS["upper"](value) == text.upper()
    assert FILTERS["lower"](value) == text
    assert FILTERS["trim"](value) == text
    assert FILTERS["title"](value) == JINJA["title"](text)
    assert FILTERS["capitalize"](value) == text.capitalize()
    assert FILTERS["replace"](value, "-", "") == text.replace("-", "")


@pytest.mark.parametrize("value", [[], {}, b"x", object()])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be written as a text"):
        FILTERS["text"](value)


@pytest.mark.parametrize(
    ("value", "number"),
    [("42", 42), ("-7", -7), (" +07 ", 7), (7, 7), (7.0, 7), (Decimal("7.00"), 7), (True, 1)],
)
def test_int(value: object, number: int) -> None:
    found = FILTERS["int"](value)
    assert found == number
    assert type(found) is int


@pytest.mark.parametrize(
    "value", ["x", "1.5", "1_000", "٣", "0x1F", "1e3", 1.5, float("nan"), Decimal("NaN"), []]
)
def test_int_makes_nothing_up(value: object) -> None:
    with pytest.raises(ValueError, match="it is not a whole number"):
        FILTERS["int"](value)
    assert FILTERS["int"](value, 5) == 5


@pytest.mark.parametrize(
    ("value", "number"),
    [("1.5", 1.5), (".5", 0.5), ("-1e3", -1000.0), (7, 7.0), (Decimal("0.1"), 0.1), ("5.", 5.0)],
)
def test_float(value: object, number: float) -> None:
    assert FILTERS["float"](value) == number


@pytest.mark.parametrize("value", ["x", "1,5", "nan", "inf", "1_0", "1e999", float("inf"), "٣", []])
def test_float_makes_nothing_up(value: object) -> None:
    with pytest.raises(ValueError, match="it is not a number"):
        FILTERS["float"](value)
    assert FILTERS["float"](value, None) is None


@pytest.mark.parametrize(
    ("value", "arguments", "verdict"),
    [
        ("TRUE", (), True),
        ("0", (), False),
        (1, (), True),
        (0, (), False),
        (False, (), False),
        ("a", (["A", "P"], ["T"]), True),
        ("T", (["A", "P"], ["T"]), False),
        ("yes", ("yes", "no"), True),
        (2, ([2], [3]), True),
    ],
)
def test_bool(value: object, arguments: tuple[Any, ...], verdict: bool) -> None:
    assert FILTERS["bool"](value, *arguments) is verdict


@pytest.mark.parametrize(
    ("value", "arguments"), [("maybe", ()), ("yes", ("A", "T")), ("T", ("TRUE", "FALSE")), (2, ())]
)
def test_bool_never_guesses(value: object, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="neither among"):
        FILTERS["bool"](value, *arguments)


def test_split() -> None:
    split = FILTERS["split"]
    assert split("Ann  Lee") == ["Ann", "Lee"]
    assert split("a;;b ;", ";") == ["a", "b"]
    assert split("a;;b", ";", 2) == "b"
    assert split("a;;b", ";", 1) == ""
    assert split("a;b", ";", -1) == "b"
    assert split("a;b", ";", 2) is None
    with pytest.raises(ValueError, match="separator"):
        split("a", "")


@given(st.text(), st.sampled_from(["", "+", "+x"]))
def test_digits_are_digits(text: str, keep: str) -> None:
    found = FILTERS["digits"](text, keep)
    assert re.fullmatch(f"[0-9{keep}]*", found)
    assert FILTERS["digits"](found, keep) == found
    assert [c for c in found if c.isdigit()][: len(text)] == [
        str(int(c)) if c.isdecimal() else c for c in text if c.isdecimal()
    ]


def test_digits_of_other_scripts_and_values() -> None:
    assert FILTERS["digits"]("\u0660\u0665-\u0661") == "051"
    assert FILTERS["digits"](42) == "42"
    assert FILTERS["digits"]("n/a") == ""


def test_lists() -> None:
    items = ["b", "", "A", None, "B"]
    assert FILTERS["join"](items, "+") == "b+A+B"
    assert FILTERS["join"]([1, True], "-") == "1-true"
    assert FILTERS["unique"](["b", "A", "B"]) == ["b", "A"]
    assert FILTERS["sort"](["b", "A", "C"], True) == ["C", "b", "A"]
    assert FILTERS["first"](iter(["x"])) == "x"
    assert FILTERS["last"]([]) is None
    assert FILTERS["min"](["", None]) is None
    assert FILTERS["max"]([1, "", 3]) == 3
    assert FILTERS["length"](items) == 5
    assert FILTERS["length"](1234) == 4


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('Tags | split(";") | map("lower")', ["b", "a"]),
        ('Tags | split(";") | map("pcase") | sort | join(", ")', "A, B"),
        ('[1, "x", 2] | select("number")', [1, 2]),
        ('[1, "x", 2] | reject("number")', ["x"]),
        ("Nothing is blank", True),
        ("Tags is not blank", True),
        ('Nothing | default("x")', "x"),
        ('Missing | default("x")', "x"),
        ("0 | default(5)", 0),
        ("0 | default(5, true)", 5),
        ('"%03d" | format(7)', "007"),
        ("2.5 | round", 2.0),
        ("-3 | abs", 3),
        ('["a", "b"] | reverse | list', ["b", "a"]),
    ],
)
def test_in_expressions(expression: str, result: object) -> None:
    assert evaluate(expression, Tags="B; A", Nothing="") == result


SECRET = "Xanthippe"


@pytest.mark.parametrize("name", ["date", "datetime", "int", "float", "bool"])
def test_no_message_holds_the_value(name: str) -> None:
    with pytest.raises(ValueError, match="it is") as caught:
        FILTERS[name](SECRET)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__context__)
