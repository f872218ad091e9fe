"""What several expressions have in common, computed once.

A chain of filters that occurs more than once is moved out, so that it is evaluated before the expressions.
That is done only where at least one of its places is evaluated in any case: an error of a moved chain would
have been an error of the row anyway.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from jinja2 import nodes

Key = tuple[Any, ...]
Level = dict[str, nodes.Expr]

# What may do more than compute a value.
_OPAQUE = (nodes.Call, nodes.Getattr)


def share(expressions: Sequence[nodes.Expr], pure: Collection[str]) -> tuple[list[nodes.Expr], list[Level]]:
    """Moves the filter chains that occur several times out of expressions.

    Args:
        expressions: They are not changed.
        pure: Names of the filters that depend on nothing but their arguments.

    Returns:
        The expressions with names in place of what was moved, and what those names stand for: level by level,
        where a level may use the names of the levels before it.
    """
    sharer = _Sharer(pure)
    for expression in expressions:
        sharer.find_firm(expression)
    for expression in expressions:
        sharer.count(expression)
    return [sharer.rewrite(expression)[0] for expression in expressions], sharer.levels


class _Sharer:
    def __init__(self, pure: Collection[str]) -> None:
        self.levels: list[Level] = []
        self._pure = pure
        self._firm: set[Key] = set()
        self._counts: Counter[Key] = Counter()
        self._moved: dict[Key, tuple[nodes.Expr, int]] = {}

    def find_firm(self, node: nodes.Node) -> None:
        """Notes the chains that are evaluated for every row."""
        if self._is_chain(node):
            self._firm.add(_key(node))
        for child in _unconditional(node):
            self.find_firm(child)

    def count(self, node: nodes.Node) -> None:
        """Counts the places of each chain, those inside another chain once however often that occurs."""
        if self._is_chain(node) and (key := _key(node)) in self._firm:
            self._counts[key] += 1
            if self._counts[key] > 1:
                return
        for child in node.iter_child_nodes():
            self.count(child)

    def rewrite(self, node: Any) -> tuple[Any, int]:
        """A copy with names in place of what is moved, and how many levels must come before it."""
        key = _key(node) if self._is_chain(node) else ()
        if key in self._moved:
            return self._moved[key]
        copied, level = self._copy(node)
        if self._counts[key] < 2:
            return copied, level
        if level == len(self.levels):
            self.levels.append({})
        name = f"s{len(self._moved)}"
        self.levels[level][name] = copied
        self._moved[key] = (nodes.Name(name, "load"), level + 1)
        return self._moved[key]

    def _copy(self, node: Any) -> tuple[Any, int]:
        copied, levels = copy.copy(node), [0]

        def rewrite(child: Any) -> Any:
            found, level = self.rewrite(child)
            levels.append(level)
            return found

        for name, value in node.iter_fields():
            setattr(copied, name, _mapped(value, rewrite))
        return copied, max(levels)

    def _is_chain(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Filter) and self._is_pure(node)

    def _is_pure(self, node: nodes.Node) -> bool:
        if isinstance(node, _OPAQUE) or (isinstance(node, nodes.Filter) and node.name not in self._pure):
            return False
        return all(self._is_pure(child) for child in node.iter_child_nodes())


def _mapped(value: Any, change: Callable[[nodes.Node], nodes.Node]) -> Any:
    if isinstance(value, nodes.Node):
        return change(value)
    return [_mapped(item, change) for item in value] if isinstance(value, list) else value


def _key(value: Any) -> Key:
    """Equal for what is spelt the same; ``1`` and ``true`` are not."""
    if isinstance(value, nodes.Node):
        return (type(value).__name__, *(_key(item) for _, item in value.iter_fields()))
    return (
        tuple(_key(item) for item in value)
        if isinstance(value, list)
        else (type(value).__name__, repr(value))
    )


def _unconditional(node: nodes.Node) -> Iterator[nodes.Node]:
    """The children that are evaluated whenever the node is."""
    if isinstance(node, nodes.CondExpr):
        yield node.test
    elif isinstance(node, nodes.And | nodes.Or):
        yield node.left
    elif isinstance(node, nodes.Compare):
        yield node.expr
        yield node.ops[0]
    else:
        yield from node.iter_child_nodes()
