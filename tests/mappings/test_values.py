from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.exceptions import UndefinedError
from markupsafe import Markup

from scimport.mappings.values import CONVERTERS, ValueRefusedError, each, join, part, text


class Grade(IntEnum):
    ONE = 1


EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", None, None),
        ("string", "", None),
        ("string", " Ann ", " Ann "),
        ("string", Markup("<b>"), "<b>"),
        ("string", 123, "123"),
        ("string", 0, "0"),
        ("string", Decimal("12.50"), "12.50"),
        ("string", Decimal("1E+3"), "1000"),
        ("string", 12.0, "12"),
        ("string", 12.5, "12.5"),
        ("string", 1e300, "1e+300"),
        ("string", date(2026, 2, 1), "2026-02-01"),
        ("string", datetime(2026, 2, 1, 8, 30), "2026-02-01T08:30:00Z"),  # noqa: DTZ001 - as databases give it
        ("string", time(8, 30), "08:30:00"),
        ("string", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("reference", "https://acme.example", "https://acme.example"),
        ("integer", Grade.ONE, 1),
        ("boolean", True, True),
        ("boolean", False, False),
        ("boolean", None, None),
        ("boolean", "", None),
        ("boolean", 1, True),
        ("boolean", 0, False),
        ("boolean", Decimal(1), True),
        ("integer", 7, 7),
        ("integer", "", None),
        ("integer", None, None),
        ("integer", Decimal("7.0"), 7),
        ("integer", 7.0, 7),
        ("decimal", 7, 7),
        ("decimal", Decimal("7.5"), 7.5),
        ("decimal", 7.5, 7.5),
        ("decimal", None, None),
        ("dateTime", None, None),
        ("dateTime", "", None),
        ("dateTime", date(2026, 2, 1), "2026-02-01T00:00:00Z"),
        ("dateTime", "2026-02-01", "2026-02-01T00:00:00Z"),
        ("dateTime", "2026-02-01T08:00:00+02:00", "2026-02-01T08:00:00+02:00"),
        ("dateTime", datetime(2026, 2, 1, 8, tzinfo=UTC), "2026-02-01T08:00:00Z"),
        ("dateTime", datetime(2026, 2, 1, 8, tzinfo=EAST), "2026-02-01T08:00:00+02:00"),
        ("dateTime", datetime(2026, 2, 1, 8, 0, 0, 5), "2026-02-01T08:00:00.000005Z"),  # noqa: DTZ001
        ("binary", b"\x00\xff", "AP8="),
        ("binary", memoryview(b"ab"), "YWI="),
        ("binary", b"", None),
        ("binary", "AP8=", "AP8="),
    ],
)
def test_what_has_one_meaning_is_converted(kind: str, value: object, expected: object) -> None:
    found = CONVERTERS[kind](value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", True, "it gives true or false where a text is needed"),
        ("string", ["a"], "it gives a list where a text is needed"),
        ("string", {"a": 1}, "it gives an object where a text is needed"),
        ("string", b"a", "it gives binary data where a text is needed"),
        ("string", float("nan"), "it gives a number that is not finite"),
        ("boolean", "false", "it gives a text where true or false is needed"),
        ("boolean", 2, "it gives an integer where true or false is needed"),
        ("integer", "7", "it gives a text where an integer is needed"),
        ("integer", True, "it gives true or false where an integer is needed"),
        ("integer", 7.5, "it gives a number where an integer is needed"),
        ("integer", float("inf"), "it gives a number where an integer is needed"),
        ("integer", 2**63, "it gives an integer of more than 64 bits"),
        ("decimal", "7", "it gives a text where a number is needed"),
        ("decimal", Decimal("NaN"), "it gives a number that is not finite"),
        ("decimal", False, "it gives true or false where a number is needed"),
        ("dateTime", 7, "it gives an integer where a date or time is needed"),
        ("binary", 7, "it gives an integer where binary data is needed"),
        ("string", object(), "it gives a object where a text is needed"),
    ],
)
def test_what_has_none_is_refused_without_the_value(kind: str, value: object, message: str) -> None:
    with pytest.raises(ValueRefusedError, match=f"^{message}$"):
        CONVERTERS[kind](value)


@pytest.mark.parametrize("kind", sorted(CONVERTERS))
def test_what_is_missing_says_so_itself(kind: str) -> None:
    with pytest.raises(UndefinedError):
        CONVERTERS[kind](StrictUndefined(name="x"))


def test_a_list_loses_its_blanks() -> None:
    assert each(["a", "", None, 1], text) == ["a", "1"]
    assert each((item for item in "ab"), text) == ["a", "b"]
    assert each([], text) is None
    assert each(["", None], text) is None
    assert each("", text) is None
    assert each(None, text) is None


def test_a_list_is_a_new_one() -> None:
    shared = ["a"]
    assert each(shared, text) is not shared


@pytest.mark.parametrize("value", ["a;b", b"ab", {"a": 1}, 7])
def test_what_is_no_list_is_refused(value: object) -> None:
    with pytest.raises(ValueRefusedError, match="where a list is needed"):
        each(value, text)


@pytest.mark.parametrize(
    ("value", "expected"), [(None, ""), ("", ""), ("a", "a"), (True, "true"), (False, "false"), (7, "7")]
)
def test_a_part_of_a_text(value: object, expected: str) -> None:
    assert part(value) == expected


@pytest.mark.parametrize(
    ("literals", "parts", "expected"),
    [
        (("", " ", ""), ("Ann", "Lee"), "Ann Lee"),
        (("", " ", ""), ("Ann", ""), "Ann"),
        (("", " ", ""), ("", "Lee"), "Lee"),
        (("", " ", ""), ("", ""), None),
        (("", " ", " ", ""), ("Ann", "", "Lee"), "Ann Lee"),
        (("", " ", " ", " ", ""), ("Ann", "", "", "Lee"), "Ann Lee"),
        (("", " ", " ", ""), ("", "", "Lee"), "Lee"),
        (("", " ", " ", ""), ("Ann", "", ""), "Ann"),
        (("", "@x.org"), ("",), None),
        (("", "@x.org"), ("ann",), "ann@x.org"),
        (("C", ""), ("",), None),
        (("", ", ", ""), ("Lee", ""), "Lee,"),
        (("(", ") ", ""), ("", "Ann"), "() Ann"),
        (("", "-", ""), ("", "7"), "-7"),
        (("Dr. ", " ", ""), ("", "Lee"), "Dr. Lee"),
        (("", " ", ""), (" ", " "), None),
    ],
)
def test_blank_parts_leave_no_space(
    literals: tuple[str, ...], parts: tuple[str, ...], expected: str | None
) -> None:
    assert join(literals, parts) == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1), st.text())
def test_without_a_blank_part_a_text_is_what_is_written(pieces: list[Any], first: str) -> None:
    parts, literals = [piece[0] for piece in pieces], [first, *(piece[1] for piece in pieces)]
    whole = first + "".join(value + literal for value, literal in pieces)
    assert join(literals, parts) == (whole if whole.strip() else None)
