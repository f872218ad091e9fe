from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from scimport.mappings.expression import parse, parse_condition
from scimport.mappings.scope import Scope
from scimport.mappings.template import Loop, MappingEnvironment, compile_loop, compile_probes

NOW = datetime(2026, 3, 4, 23, 5, 6, tzinfo=UTC)
VARS = {"table": {"DE": "Germany"}, "list": ["a"]}
Out = Callable[[Any], None]


def emit(out: Out, *values: object) -> None:
    out(values)


def skip(out: Out) -> None:
    out("skipped")


class Setting:
    """Expressions over any columns, in an environment of their own."""

    def __init__(self) -> None:
        self.environment = MappingEnvironment()
        self.scope = Scope(None, VARS, NOW)

    def part(self, text: str) -> Any:
        expression, issues = parse(self.environment, self.scope, f"{{{{ {text} }}}}")
        assert issues == []
        return expression.parts[0]

    def loop(self, *texts: str, where: str | None = None) -> Loop:
        parts = [self.part(text) for text in texts]
        condition = parse_condition(self.environment, self.scope, where)[0].parts[0] if where else None
        return compile_loop(self.environment, self.scope, parts, condition, emit, skip)


def run(loop: Loop, rows: Sequence[Sequence[object]]) -> list[Any]:
    out: list[Any] = []
    loop.run(iter(rows), out.append)
    return out


def value(text: str, **row: object) -> Any:
    setting = Setting()
    part = setting.part(text)
    (probe,) = compile_probes(setting.environment, setting.scope, [[part]])
    assert list(row) == sorted(row)
    (looped,) = run(
        compile_loop(setting.environment, setting.scope, [part], None, emit, skip), [list(row.values())]
    )
    (probed,) = probe(row)
    assert looped == (probed,)
    return probed


def test_a_row_gives_its_values() -> None:
    assert run(Setting().loop("A", "B | upper", "A"), [("x", "y"), ("", None)]) == [
        ("x", "Y", "x"),
        ("", None, ""),
    ]


def test_columns_come_sorted() -> None:
    setting = Setting()
    loop = setting.loop("Z", "A")
    assert setting.scope.columns == ("A", "Z")
    assert run(loop, [("a", "z")]) == [("z", "a")]


def test_one_column_and_none() -> None:
    assert run(Setting().loop("A"), [["x"], ["y"]]) == [("x",), ("y",)]
    assert run(Setting().loop("today"), [(), ()]) == [(NOW.date(),), (NOW.date(),)]
    assert run(Setting().loop(), [(), ()]) == [(), ()]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Cost Center",
            "loop",
            "self",
            "context",
            "missing",
            "environment",
            "true",
            "class",
            "lambda",
            "now",
        ),
        *("c0", "s0", "k0", "__out__", "__rows__", "l_0_c0", "ﬁrst", "Straße", "a'b", '\\"', "1st", "{{", ""),
    ],
)
def test_columns_of_any_name(name: str) -> None:
    text = f'row["{name}"] | upper'
    setting = Setting()
    loop = setting.loop(text, "A", text)
    row = ["a" if column == "A" else "x" for column in setting.scope.columns]
    assert run(loop, [row]) == [("X", "a", "X")]


def test_shared_chains_give_the_same() -> None:
    chain = "A | trim | lower"
    loop = Setting().loop(chain, f"[{chain}, B] | join", f"{chain} | pcase", "A | trim", where="B")
    assert run(loop, [(" X ", "b"), (" Y ", "")]) == [("x", "xb", "X", "X"), "skipped"]


def test_an_error_ends_the_loop_after_the_row() -> None:
    loop = Setting().loop("A | int")
    out: list[Any] = []
    rows = iter([["1"], ["x"], ["y"], ["2"]])
    for _ in range(2):
        with pytest.raises(ValueError, match="not a whole number"):
            loop.run(rows, out.append)
    loop.run(rows, out.append)
    assert out == [(1,), (2,)]


def test_where_comes_before_the_values() -> None:
    loop = Setting().loop("A | int", where='B == "in"')
    assert run(loop, [("x", "out"), ("7", "in")]) == ["skipped", (7,)]


def test_a_chain_behind_a_condition_is_not_computed_before_it() -> None:
    loop = Setting().loop("A | int if A != 'x'", "A | int if A != 'x' else 0")
    assert run(loop, [["7"], ["x"]]) == [(7, 7), (None, 0)]


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("A ~ '-' ~ B", {"A": None, "B": 7}, "-7"),
        ("A if B", {"A": "x", "B": ""}, None),
        ("A[0:2]", {"A": "Ann"}, "An"),
        ("vars.table[A]", {"A": "DE"}, "Germany"),
        ("vars.table.get(A)", {"A": "XX"}, None),
        ("vars.table[A] | default('?')", {"A": "XX"}, "?"),
        ("vars.list", {}, ["a"]),
        ("A.lower()", {"A": "X"}, "x"),
        ("A.zfill(5)", {"A": "7"}, "00007"),
        ("'%05d' | format(A)", {"A": 7}, "00007"),
        ("A * 3", {"A": "ab"}, "ababab"),
        ("3 * A", {"A": "ab"}, "ababab"),
        ("A ** 2 % 5", {"A": 7}, 4),
        ("A * 1.5", {"A": 2}, 3.0),
        ("today.year - A", {"A": 2000}, 26),
        ("(now | datetime)[0:4] ~ A", {"A": ""}, "2026"),
        ("{'A': 'active'}[A]", {"A": "A"}, "active"),
        ("[A, B] | join(' ')", {"A": "x", "B": None}, "x"),
    ],
)
def test_expressions(text: str, row: dict[str, object], expected: object) -> None:
    if "~" in text:
        text = f"({text}) | text"
    assert value(text, **row) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A * 10 ** 9",
        "[A] * 1000000",
        "1000000 * A",
        "A | length ** 101",
        "100000 ** (A | length)",
        "'%s' % A",
        "'%999999d' | format(A | length)",
        "'%*d' | format(1000000, A | length)",
        "A.ljust(1000000)",
        "A.center(10000000)",
        "A['format'](1)",
        "A['__class__']",
        "vars.list.append(A)",
        "vars.table.update(A)",
    ],
)
def test_the_sandbox_has_bounds(text: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        str(value(text, A="x"))


def test_nothing_else_is_there() -> None:
    assert MappingEnvironment().globals == {}


def test_probes_are_apart() -> None:
    setting = Setting()
    parts = [[setting.part("A | int")], [setting.part("B"), setting.part("A")]]
    first, second = compile_probes(setting.environment, setting.scope, parts)
    row = {"A": "x", "B": "y"}
    with pytest.raises(ValueError, match="whole number"):
        first(row)
    assert second(row) == ("y", "x")
