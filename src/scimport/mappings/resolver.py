"""The names of an expression, replaced by what they stand for, and checked on the way.

A column becomes a loop target with a safe name, a constant of ``vars`` is put in, so that the compiled code
looks nothing up. What cannot be resolved is an :class:`Issue`, never an error of a later row.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.visitor import NodeTransformer

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.filters import NOT_OFFERED
from scimport.mappings.scope import Keys, Scope
from scimport.project.values import did_you_mean

JOIN: Final = "__join__"
"""Internal filter behind ``~``: as Jinja's, but ``None`` is nothing rather than the text ``None``."""

LET: Final = "__let__"
"""Internal filter around what ``let`` names: it changes nothing, and lets the compiler compute it once."""

SURROGATE: Final = "a text holds half of a surrogate pair"

_OURS: Final = ("row", "vars", "today", "now")
_MISSING: Final = object()
# Filters that take the name of another filter or test, and at which argument.
_NAMING: Final[Mapping[str, tuple[str, int]]] = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with an expression.

    Attributes:
        code: Kind of problem.
        message: In one sentence.
        hint: What to do.
        line: Line within the text of the leaf, counted from 1.
    """

    code: Code
    message: str
    hint: str = ""
    line: int = 1


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; half of a surrogate pair, which escapes can spell, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def resolve(
    environment: Environment, scope: Scope, parts: Iterable[nodes.Expr]
) -> tuple[tuple[nodes.Expr, ...], frozenset[str], list[Issue]]:
    """Resolves the names in the parts of an expression.

    Args:
        environment: Knows the filters and tests.
        scope: Knows the names; notes what is used.
        parts: Parsed expressions, which are changed.

    Returns:
        The parts of loop targets and constants, the columns that they read, and what is wrong.
    """
    resolver = _Resolver(environment, scope)
    resolved = tuple(resolver.visit(part) for part in parts)
    return resolved, frozenset(resolver.columns), resolver.issues


class _Resolver(NodeTransformer):
    """Replaces names by what they stand for, and checks names, filters and tests on the way."""

    def __init__(self, environment: Environment, scope: Scope) -> None:
        self.environment = environment
        self.scope = scope
        self.issues: list[Issue] = []
        self.columns: set[str] = set()

    def report(self, code: Code, message: str, hint: str, node: nodes.Node) -> nodes.Expr:
        self.issues.append(Issue(code, message, hint, node.lineno))
        return nodes.Const(None)

    def visit_Name(self, node: nodes.Name) -> nodes.Expr:  # noqa: N802 - Jinja's visitor asks for this name
        name = node.name
        if name == "row":
            return self.report(
                Code.UNKNOWN_NAME, "row is not a value", 'Write row["Name of the column"].', node
            )
        if name == "vars":
            return self.scope.constant(("vars",), dict(self.scope.variables))
        if name == "now":
            return self.scope.constant(("now",), self.scope.now)
        if name == "today":
            return self.scope.constant(("today",), self.scope.now.date())
        if name in self.scope.lets:
            return self._let(name)
        return self._column(name, node)

    def visit_Const(self, node: nodes.Const) -> nodes.Expr:  # noqa: N802
        if isinstance(node.value, str) and not is_unicode(node.value):
            return self.report(Code.TEMPLATE_SYNTAX, SURROGATE, "Remove it.", node)
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return self.report(Code.TEMPLATE_SYNTAX, "a number is too large", "Write a smaller one.", node)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if _is_name(node.node, "row"):
            if isinstance(key, str):
                return self._column(key, node)
            message = 'row takes the name of a column in quotes: row["Cost Center"]'
            return self.report(
                Code.UNKNOWN_NAME, message, "To choose between columns use an inline if.", node
            )
        return self._variable(node) if key is not None else self._generic(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Expr:  # noqa: N802
        if _is_name(node.node, "row"):
            return self._column(node.attr, node)
        if node.attr.startswith("_") or node.attr in ("format", "format_map"):
            hint = "Use a filter, or write text around {{ }}."
            return self.report(Code.UNKNOWN_NAME, f".{node.attr} cannot be used", hint, node)
        return self._variable(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802
        if not isinstance(node.node, nodes.Name):
            return self._generic(node)
        name = node.node.name
        hint = did_you_mean(name, self._filters()) or "Use a filter: {{ Value | filter }}."
        if name in self._filters():
            hint = f"It is a filter: {{{{ Value | {name} }}}}."
        return self.report(Code.UNKNOWN_NAME, f"there is no function {name}", hint, node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Expr:  # noqa: N802
        if node.name not in self._filters():
            other = NOT_OFFERED.get(node.name, "")
            hint = f"{other[0].upper()}{other[1:]}." if other else did_you_mean(node.name, self._filters())
            return self.report(Code.UNKNOWN_FILTER, f"there is no filter {node.name}", hint, node)
        before = len(self.issues)
        self._check_arguments(node, self.environment.filters[node.name])
        self._check_named(node)
        if node.name == "lookup" and len(self.issues) == before:
            self._check_lookup(node)
        return self._generic(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Expr:  # noqa: N802
        if node.name not in self.environment.tests:
            hint = did_you_mean(node.name, self.environment.tests)
            return self.report(Code.UNKNOWN_FILTER, f"there is no test {node.name}", hint, node)
        self._check_arguments(node, self.environment.tests[node.name])
        return self._generic(node)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Expr:  # noqa: N802
        if node.expr2 is None:
            node.expr2 = nodes.Const(None)
        return self._generic(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        first, *rest = (self.visit(child) for child in node.nodes)
        return nodes.Filter(first, JOIN, rest, [], None, None, lineno=node.lineno)

    def _generic(self, node: nodes.Expr) -> nodes.Expr:
        self.generic_visit(node)
        return node

    def _let(self, name: str) -> nodes.Expr:
        node, columns = self.scope.lets[name]
        self.columns |= columns
        self.scope.let_used.add(name)
        node = copy.deepcopy(node)
        return node if isinstance(node, nodes.Const) else nodes.Filter(node, LET, [], [], None, None)

    def _check_lookup(self, node: nodes.Filter) -> None:
        """The table and its column must be there; they are named by constants."""
        given = dict(zip(("table", "column"), node.args, strict=False))
        given |= {str(pair.key): pair.value for pair in node.kwargs}
        names = {key: getattr(given.get(key), "value", None) for key in ("table", "column")}
        if not isinstance(names["table"], str) or (
            "column" in given and not isinstance(given["column"], nodes.Const)
        ):
            message = "lookup takes the names of its table and column in quotes"
            self.report(Code.TEMPLATE_SYNTAX, message, 'Write lookup("table", "column").', node)
            return
        try:
            table = self.scope.lookups.table(names["table"])
        except ConfigError as error:
            for one in error.problems:
                place = f"{one.place}: " if one.file else ""
                self.report(one.code, place + one.message, one.hint, node)
            return
        if names["column"] is not None and names["column"] not in table.columns[1:]:
            hint = (
                did_you_mean(str(names["column"]), table.columns[1:])
                or f"It has {', '.join(table.columns[1:])}."
            )
            self.report(Code.UNKNOWN_COLUMN, f"{table.file} has no column {names['column']}", hint, node)

    def _column(self, name: str, node: nodes.Node) -> nodes.Expr:
        known = self.scope.known
        if known is not None and name not in known:
            hint = did_you_mean(name, (*known, *self.scope.lets, *_OURS))
            return self.report(Code.UNKNOWN_COLUMN, f"the source has no column {name}", hint, node)
        self.columns.add(name)
        return nodes.Name(self.scope.alias(name), "load", lineno=node.lineno)

    def _variable(self, node: nodes.Getattr | nodes.Getitem) -> nodes.Expr:
        """Puts in the value of a constant path below ``vars``."""
        path = _path_below_vars(node)
        owner = _value_at(self.scope.variables, path[:-1]) if path else _MISSING
        if path is None or owner is _MISSING:
            return self._generic(node)
        value = _value_at(owner, path[-1:])
        if value is not _MISSING:
            return self.scope.constant(("vars", *path), value)
        is_method = isinstance(node, nodes.Getattr) and path[1:] and hasattr(owner, node.attr)
        if is_method or isinstance(owner, str):
            return self._generic(node)
        hint = did_you_mean(str(path[-1]), owner) if isinstance(owner, Mapping) else ""
        name = "".join(f".{key}" if isinstance(key, str) else f"[{key}]" for key in path)
        return self.report(Code.UNKNOWN_NAME, f"there is no vars{name}", hint, node)

    def _filters(self) -> list[str]:
        return [name for name in self.environment.filters if not name.startswith("_")]

    def _check_arguments(self, node: nodes.Filter | nodes.Test, function: Any) -> None:
        signature = _signature(function)
        if signature is None or node.dyn_args or node.dyn_kwargs:
            return
        hidden = 1 if hasattr(function, "jinja_pass_arg") else 0
        try:
            positional = [None] * (hidden + 1 + len(node.args))
            signature.bind(*positional, **{str(pair.key): None for pair in node.kwargs})
        except TypeError as error:
            kind = type(node).__name__.lower()
            hint = f"It is written {node.name}{_usage(signature, hidden + 1)}."
            self.report(Code.TEMPLATE_SYNTAX, f"the {kind} {node.name} is used wrongly: {error}", hint, node)

    def _check_named(self, node: nodes.Filter) -> None:
        kind, index = _NAMING.get(node.name, ("", 0))
        argument = node.args[index] if kind and len(node.args) > index else None
        name = argument.value if isinstance(argument, nodes.Const) else None
        known = self._filters() if kind == "filter" else list(self.environment.tests)
        if isinstance(name, str) and name not in known:
            self.report(Code.UNKNOWN_FILTER, f"there is no {kind} {name}", did_you_mean(name, known), node)


def _is_name(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


def _path_below_vars(node: nodes.Expr) -> Keys | None:
    """The keys of ``vars.a["b"][0]``, None when they are not all constant or do not start at ``vars``."""
    path: list[str | int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if not isinstance(key, str | int):
            return None
        path.append(key)
        node = node.node
    return tuple(reversed(path)) if _is_name(node, "vars") else None


def _value_at(value: Any, path: Iterable[str | int]) -> Any:
    for key in path:
        if isinstance(value, Mapping) and isinstance(key, str):
            value = value.get(key, _MISSING)
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return _MISSING
    return value


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    # Jinja's wrappers for asyncio show the signature of what they wrap, not their own.
    if hasattr(function, "jinja_async_variant"):
        return None
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _usage(signature: inspect.Signature, skipped: int) -> str:
    names = list(signature.parameters)[skipped:]
    return f"({', '.join(names)})" if names else ""
