from __future__ import annotations

import pytest
from jinja2 import Environment, nodes

from scimport.mappings.sharing import share

ENVIRONMENT = Environment()  # noqa: S701 - nothing is HTML here
PURE = frozenset(("lower", "trim", "upper", "replace"))


def expression(text: str) -> nodes.Expr:
    (output,) = ENVIRONMENT.parse(f"{{{{ {text} }}}}").body
    assert isinstance(output, nodes.Output)
    found = output.nodes[0]
    assert isinstance(found, nodes.Expr)
    return found


def shared(*texts: str) -> tuple[list[str], list[dict[str, str]]]:
    found, levels = share([expression(text) for text in texts], PURE)
    return [write(item) for item in found], [
        {name: write(item) for name, item in level.items()} for level in levels
    ]


def write(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Filter):
        return f"{node.name}({write(node.node)})" if node.node else node.name
    children = ", ".join(write(child) for child in node.iter_child_nodes())
    return f"{type(node).__name__}({children})" if children else type(node).__name__


def test_a_chain_that_occurs_twice_is_computed_once() -> None:
    assert shared("a | lower", "b", "a | lower") == (["s0", "b", "s0"], [{"s0": "lower(a)"}])


def test_a_chain_that_occurs_once_stays() -> None:
    assert shared("a | lower", "b | lower") == (["lower(a)", "lower(b)"], [])


def test_the_longest_chain_is_moved_not_its_parts() -> None:
    assert shared("a | trim | lower", "a | trim | lower") == (["s0", "s0"], [{"s0": "lower(trim(a))"}])


def test_what_chains_share_is_moved_before_them() -> None:
    found, levels = shared(
        "a | trim | lower", "a | trim | lower", "a | trim | upper", "a | trim | upper", "a | trim"
    )
    assert levels == [{"s0": "trim(a)"}, {"s1": "lower(s0)", "s2": "upper(s0)"}]
    assert found == ["s1", "s1", "s2", "s2", "s0"]


def test_arguments_tell_chains_apart() -> None:
    assert shared("a | replace('x', 1)", "a | replace('x', true)")[1] == []
    assert shared("a | replace('x', 1)", "a | replace('x', 1)")[1] == [{"s0": "replace(a)"}]


@pytest.mark.parametrize(
    "conditional",
    [
        "a | lower if b",
        "b and (a | lower)",
        "b or (a | lower)",
        "1 < b < (a | lower)",
        "b if b else (a | lower)",
    ],
)
def test_a_chain_is_moved_only_where_it_is_evaluated_anyway(conditional: str) -> None:
    assert shared(conditional, conditional)[1] == []
    found, levels = shared(conditional, "a | lower")
    assert levels == [{"s0": "lower(a)"}]
    assert "s0" in found[0]
    assert found[1] == "s0"


@pytest.mark.parametrize(
    "unconditional", ["b if a | lower", "(a | lower) and b", "(a | lower) < b", "[a | lower]"]
)
def test_conditions_themselves_are_evaluated(unconditional: str) -> None:
    assert shared(unconditional, unconditional)[1] == [{"s0": "lower(a)"}]


@pytest.mark.parametrize("impure", ["a | random", "a.b() | lower", "a.b | lower", "a | lower | random"])
def test_what_is_not_known_to_be_pure_stays(impure: str) -> None:
    assert "random" not in str(shared(impure, impure)[1])
    assert "Getattr" not in str(shared(impure, impure)[1])


def test_the_expressions_are_not_changed() -> None:
    given = expression("[a | lower, a | lower]")
    before = write(given)
    share([given], PURE)
    assert write(given) == before
