from __future__ import annotations

import timeit
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.model import Problem
from scimport.project.source_config import ColumnContract
from scimport.sources import compile_contract


def check(value: object, **rules: Any) -> Code | None:
    problems = compile_contract({"c": ColumnContract(**rules)}).check([value])
    assert len(problems) <= 1
    return problems[0].code if problems else None


def test_columns_without_rules_are_left_out() -> None:
    contract = compile_contract(
        {
            "a": None,
            "b": ColumnContract(required=True),
            "c": ColumnContract(),
            "d": ColumnContract(type="date"),
        }
    )
    assert contract.columns == ("b", "d")
    assert contract.check(["x", "2026-02-01"]) == ()
    assert [problem.field for problem in contract.check(["", "x"])] == ["b", "d"]
    assert compile_contract({"a": None}).check([]) == ()


def test_problem() -> None:
    contract = compile_contract({"grade": ColumnContract(values=("A", "B"))})
    assert contract.check(["secret"]) == (
        Problem(
            Code.CONTRACT_VALUES,
            "'grade' is not one of the allowed values",
            hint="Allowed: A, B.",
            field="grade",
            value="secret",
        ),
    )


@pytest.mark.parametrize("blank", [None, ""])
def test_blank(blank: str | None) -> None:
    assert check(blank, required=True) is Code.CONTRACT_REQUIRED
    for rules in ({"type": "integer"}, {"type": "date"}, {"values": ("a",)}, {"pattern": "a"}):
        assert check(blank, **rules) is None
        assert check(blank, **rules, required=True) is Code.CONTRACT_REQUIRED
    for value in ("x", 0, False, Decimal(0)):
        assert check(value, required=True) is None


UTC_PLUS_1 = timezone(timedelta(hours=1))
GOOD: dict[str, list[object]] = {
    "integer": ["0", "-12", "+7", "007", "9" * 40, 5, -5, Decimal("3.00"), 4.0],
    "number": ["0", "-1.5", ".5", "5.", "1e5", "+2E-3", 5, 1.5, Decimal("1.5")],
    "boolean": ["true", "FALSE", "Yes", "n", "1", "0", True, False, 1, 0, b"\x01", b"\0", Decimal(1)],
    "date": [
        "2026-02-01",
        "20260201",
        "2024-02-29",
        date(2026, 2, 1),
        datetime(2026, 2, 1, tzinfo=UTC_PLUS_1),
    ],
    "datetime": [
        "2026-02-01T08:30",
        "2026-02-01 08:30:00",
        "2026-02-01T08:30:00.5Z",
        "20260201T083000+0100",
        datetime(2026, 2, 1, 8, tzinfo=UTC_PLUS_1),
    ],
}
BAD: dict[str, list[object]] = {
    "integer": [
        "1.0",
        "1e3",
        "1_000",
        "٣",
        "0x1F",
        " 1",
        "1\n",
        True,
        1.5,
        Decimal("1.5"),
        float("nan"),
        b"1",
    ],
    "number": [
        "1,5",
        "1_0",
        "nan",
        "inf",
        ".",
        "",
        "1e",
        "1\n",
        True,
        float("inf"),
        Decimal("NaN"),
        date(2026, 2, 1),
    ],
    "boolean": ["maybe", "2", "wahr", 2, 1.5, b"\x02", None],
    "date": [
        "01.02.2026",
        "2026-02-30",
        "2026-2-1",
        "2026-02-01T00:00",
        "",
        datetime(2026, 2, 1, 8, tzinfo=UTC_PLUS_1),
        20260201,
    ],
    "datetime": ["2026-02-01", "2026-02-01T25:00", "yesterday", date(2026, 2, 1), 5],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in GOOD for value in GOOD[kind]])
def test_good(kind: str, value: object) -> None:
    assert check(value, type=kind) is None


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind in BAD for value in BAD[kind] if value not in (None, "")]
)
def test_bad(kind: str, value: object) -> None:
    assert check(value, type=kind) is Code.CONTRACT_TYPE


def test_infinite_decimal_is_no_integer() -> None:
    assert check(Decimal("Infinity"), type="integer") is Code.CONTRACT_TYPE


def test_text_takes_anything() -> None:
    for value in ("x", 5, date(2026, 2, 1), b"\0"):
        assert check(value, required=True, type="text") is None


def test_format() -> None:
    rules = {"type": "date", "format": "%d.%m.%Y"}
    assert check("01.02.2026", **rules) is None
    assert check("1.2.2026", **rules) is None
    assert check("31.02.2026", **rules) is Code.CONTRACT_FORMAT
    assert check("2026-02-01", **rules) is Code.CONTRACT_FORMAT
    assert check(date(2026, 2, 1), **rules) is None
    assert check(5, **rules) is Code.CONTRACT_FORMAT
    assert check("01.02.2026 08:30", type="datetime", format="%d.%m.%Y %H:%M") is None


def test_values_and_pattern_see_text() -> None:
    assert check("a", values=("a", "b")) is None
    assert check("A", values=("a", "b")) is Code.CONTRACT_VALUES
    assert check(1, values=("1",)) is None
    assert check(True, values=("true",)) is None
    assert check(date(2026, 2, 1), pattern=r"2026-.*") is None
    assert check("ab12", pattern=r"[a-z]+\d+") is None
    assert check("ab12\n", pattern=r"[a-z]+\d+") is Code.CONTRACT_PATTERN
    assert check("ab12x", pattern=r"[a-z]+\d+") is Code.CONTRACT_PATTERN
    assert check("x", values=(), required=True) is Code.CONTRACT_VALUES


def test_first_problem_of_a_column() -> None:
    assert check("x", type="integer", values=("1",), pattern="1") is Code.CONTRACT_TYPE
    assert check("2", type="integer", values=("1",), pattern="1") is Code.CONTRACT_VALUES


def test_no_message_holds_the_value() -> None:
    some: list[dict[str, Any]] = [{"type": kind} for kind in GOOD]
    some += [{"type": "date", "format": "%Y"}, {"values": ("a",)}, {"pattern": "a"}]
    for rules in some:
        (problem,) = compile_contract({"c": ColumnContract(**rules)}).check(["hunter22"])
        assert "hunter22" not in problem.message + problem.hint
        assert problem.value == "hunter22"


ANYTHING = st.one_of(
    st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.decimals(), st.dates(),
    st.datetimes(), st.binary(), st.uuids(), st.timedeltas(), st.lists(st.integers()),
)  # fmt: skip


@settings(max_examples=200)
@given(value=ANYTHING, kind=st.sampled_from(sorted(GOOD)))
def test_never_raises(value: object, kind: str) -> None:
    check(value, type=kind, values=("a",), pattern="a")
    check(value, type="date", format="%d.%m.%Y")


RULES: list[dict[str, Any]] = [
    {"required": True},
    {"values": ("a", "", "1")},
    {"values": ("a", "b"), "required": True},
    {"type": "date"},
    {"type": "date", "required": True},
    {"type": "date", "values": ("2026-02-01",)},
    {"type": "date", "format": "%d.%m.%Y"},
    {"pattern": "a*"},
    *({"type": kind} for kind in GOOD),
]
CELLS = st.one_of(
    st.sampled_from(["a", "b", "", None, "1", "2026-02-01", "01.02.2026", "true", "2026-02-30", 0, 1]),
    ANYTHING,
)


@settings(max_examples=300)
@given(st.data())
def test_many_rows_hold_when_nothing_is_wrong_with_any(data: st.DataObject) -> None:
    rules = data.draw(st.lists(st.sampled_from(RULES), max_size=4))
    contract = compile_contract({str(n): ColumnContract(**rule) for n, rule in enumerate(rules)})
    rows = data.draw(st.lists(st.tuples(*(CELLS for _ in contract.columns)), max_size=4))
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    assert contract.holds(texts) is not any(map(contract.check, texts))
    assert not (contract.holds(rows) and any(map(contract.check, rows)))


@given(st.integers())
def test_integers_as_text(value: int) -> None:
    assert check(str(value), type="integer") is None


@given(st.datetimes())
def test_dates_as_text(value: datetime) -> None:
    assert check(value.isoformat(), type="datetime") is None
    assert check(value.date().isoformat(), type="date") is None
    assert check(value.strftime("%d/%m/%Y"), type="date", format="%d/%m/%Y") is None or value.year < 1000


def test_is_fast() -> None:
    contract = compile_contract(
        {
            "id": ColumnContract(required=True),
            "mail": ColumnContract(pattern=r"[^@]+@[^@]+"),
            "grade": ColumnContract(values=("A", "B", "C")),
            "hired": ColumnContract(type="date"),
            "hours": ColumnContract(type="number"),
            "left": ColumnContract(type="date", format="%d.%m.%Y"),
        }
    )
    row = ["00123", "ann@example.com", "B", "2026-02-01", "38.5", "01.02.2026"]
    assert contract.check(row) == ()
    checked = min(timeit.repeat(lambda: contract.check(row), number=500, repeat=20))
    trimmed = min(timeit.repeat(lambda: [value.strip() for value in row], number=500, repeat=20))
    assert checked < 40 * trimmed
