"""The expressions of a mapping: parsed, checked without data, and rewritten for the compiler.

An expression speaks of columns by name, ``row["Any Name"]``, ``vars``, ``today`` and ``now``. Here each of
them is resolved once: a column becomes a loop target with a safe name, a constant of ``vars`` is put in, so
that the compiled code looks nothing up. What cannot be resolved is an :class:`Issue`, never an error of a
later row.
"""

from __future__ import annotations

import copy
import datetime as dt
import inspect
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.filters import NOT_OFFERED
from scimport.mappings.lookups import Lookups
from scimport.mappings.values import join, part
from scimport.project.values import did_you_mean

JOIN: Final = "__join__"
"""Internal filter behind ``~``: as Jinja's, but ``None`` is nothing rather than the text ``None``."""

LET: Final = "__let__"
"""Internal filter around what ``let`` names: it changes nothing, and lets the compiler compute it once."""

Keys = tuple[str | int, ...]

_OURS: Final = ("row", "vars", "today", "now")
_MISSING: Final = object()
# What the parser raises; ValueError is an integer of thousands of digits.
_MISTAKES: Final = (TemplateSyntaxError, RecursionError, ValueError)
_SCALARS: Final = (bool, int, float, str, type(None))
# Python allows 200 nested brackets; Jinja writes one or two for each level.
_DEEPEST: Final = 60
# Filters that take the name of another filter or test, and at which argument.
_NAMING: Final[Mapping[str, tuple[str, int]]] = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}
_SURROGATE: Final = "a text holds half of a surrogate pair"
_STATEMENT_HINT: Final = "Use an inline if: {{ A if B else C }}; without else it is blank."


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


@dataclass(frozen=True, slots=True)
class Expression:
    """A template, ready for the compiler.

    Attributes:
        source: As it is written.
        literals: Text before, between and after the parts; None when the value of the one part is the value.
        parts: Jinja expressions of loop targets and constants.
        columns: Names of the columns that it reads.
        constant: Its value when there are no parts, because nothing in it depends on a row.
    """

    source: str
    literals: tuple[str, ...] | None
    parts: tuple[nodes.Expr, ...]
    columns: frozenset[str] = frozenset()
    constant: Any = None


@dataclass
class Scope:
    """What the expressions of one mapping may speak of, and what they have spoken of so far.

    Attributes:
        known: Columns of the source, None when they are not known.
        variables: The mapping's ``vars``.
        now: Time of the run, with its zone.
        aliases: Loop target of each column used.
        constants: Values that the compiled code reads by name, because they have no short spelling in Python.
        lookups: The tables of the filter ``lookup``.
        lets: What each name of ``let`` stands for, and the columns that it reads.
        used: Values of ``today``, ``now`` and the parts of ``vars`` that are used, by their path.
        let_used: Names of ``let`` that are used.
    """

    known: Collection[str] | None
    variables: Mapping[str, Any]
    now: dt.datetime
    aliases: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    lookups: Lookups = field(default_factory=lambda: Lookups(None))
    lets: dict[str, tuple[nodes.Expr, frozenset[str]]] = field(default_factory=dict)
    used: dict[Keys, Any] = field(default_factory=dict)
    let_used: set[str] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns used, sorted, so that a source may reorder its own."""
        return tuple(sorted(self.aliases))

    def alias(self, column: str) -> str:
        """Loop target for a column."""
        return self.aliases.setdefault(column, f"c{len(self.aliases)}")

    def constant(self, path: Keys, value: Any) -> nodes.Expr:
        """What stands for a constant in the compiled code."""
        self.used[path] = value
        if isinstance(value, _SCALARS):
            return nodes.Const(value)
        name = f"k{list(self.used).index(path)}"
        self.constants[name] = value
        return nodes.Name(name, "load")


def parse(environment: Environment, scope: Scope, source: str) -> tuple[Expression, list[Issue]]:
    """Parses a leaf.

    Args:
        environment: Knows the filters and tests.
        scope: Knows the names; notes what is used.
        source: Text with at least one of ``{{``, ``{%`` and ``{#`` in it.

    Returns:
        The expression, whose ``parts`` are () for a text in which nothing is to be evaluated, and what is
        wrong.
    """
    try:
        if issue := _statement(environment, source):
            return Expression(source, (source,), ()), [issue]
        pieces = list(_pieces(environment.parse(source)))
    except _MISTAKES as error:
        return Expression(source, (source,), ()), [_syntax(error)]
    literals, parts = _split(pieces)
    expression, issues = _resolve(environment, scope, source, literals, parts)
    return expression if issues else _folded(expression), issues


def parse_condition(environment: Environment, scope: Scope, source: str) -> tuple[Expression, list[Issue]]:
    """Parses an expression that is true or false, with or without braces around it; see :func:`parse`."""
    text = source.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2]
    try:
        parser = Parser(environment, text, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail(f"unexpected '{parser.stream.current.value}'", parser.stream.current.lineno)
    except _MISTAKES as error:
        return Expression(source, None, ()), [_syntax(error)]
    return _resolve(environment, scope, source, ("", ""), [expression])


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; half of a surrogate pair, which escapes can spell, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _statement(environment: Environment, source: str) -> Issue | None:
    for line, kind, _ in environment.lex(source):
        if kind == "block_begin":
            return Issue(
                Code.TEMPLATE_SYNTAX, "a statement {% %} cannot be used in a leaf", _STATEMENT_HINT, line
            )
    return None


def _syntax(error: Exception) -> Issue:
    if isinstance(error, RecursionError):
        return _too_deep()
    if not isinstance(error, TemplateSyntaxError):
        return Issue(Code.TEMPLATE_SYNTAX, "the template has a mistake: a number is too long")
    message = (error.message or "it cannot be parsed").rstrip(".")
    hint = ""
    if re.search(r"unexpected '[}<&|!:=]|expected token 'end of print", message):
        hint = 'An expression is Jinja: columns by name, filters after |, others as row["Any Name"].'
    return Issue(Code.TEMPLATE_SYNTAX, f"the template has a mistake: {message}", hint, error.lineno)


def _too_deep() -> Issue:
    return Issue(Code.TEMPLATE_SYNTAX, "the expression is nested too deep", "Use a table in vars instead.")


def _pieces(template: nodes.Template) -> Iterator[str | nodes.Expr]:
    for output in template.find_all(nodes.Output):
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else node


def _split(pieces: list[str | nodes.Expr]) -> tuple[tuple[str, ...], list[nodes.Expr]]:
    """Literals and expressions in turns, beginning and ending with a literal."""
    literals, parts = [""], []
    for piece in _flat(pieces):
        if isinstance(piece, str):
            literals[-1] += piece
        else:
            parts.append(piece)
            literals.append("")
    return tuple(literals), parts


def _flat(pieces: list[str | nodes.Expr]) -> Iterator[str | nodes.Expr]:
    """``{{ a ~ ' ' ~ b }}`` is the same as ``{{ a }} {{ b }}``."""
    for piece in pieces:
        if isinstance(piece, nodes.Concat):
            for node in piece.nodes:
                is_text = isinstance(node, nodes.Const) and isinstance(node.value, str)
                yield from [node.value] if is_text else _flat([node])  # type: ignore[attr-defined]
        else:
            yield piece


def _resolve(
    environment: Environment, scope: Scope, source: str, literals: tuple[str, ...], parts: list[nodes.Expr]
) -> tuple[Expression, list[Issue]]:
    if any(_depth(part) > _DEEPEST for part in parts):
        return Expression(source, literals, ()), [_too_deep()]
    resolver = _Resolver(environment, scope)
    if not is_unicode("".join(literals)):
        resolver.issues.append(Issue(Code.TEMPLATE_SYNTAX, _SURROGATE, "Remove it."))
    resolved = tuple(resolver.visit(part) for part in parts)
    lone = len(parts) == 1 and not any(literal.strip() for literal in literals)
    columns = frozenset(resolver.columns)
    return Expression(source, None if lone else literals, resolved, columns), resolver.issues


def _folded(expression: Expression) -> Expression:
    """The expression with the parts that no row changes in its literals."""
    literals = expression.literals
    if literals is None:
        only = expression.parts[0]
        return (
            replace(expression, parts=(), constant=only.value)
            if isinstance(only, nodes.Const)
            else expression
        )
    if all(isinstance(item, nodes.Const) for item in expression.parts):
        values = [part(item.as_const()) for item in expression.parts]
        return replace(expression, parts=(), constant=join(literals, values) if values else literals[0])
    texts, parts = [literals[0]], []
    for item, literal in zip(expression.parts, literals[1:], strict=True):
        if isinstance(item, nodes.Const):
            texts[-1] += part(item.value) + literal
        else:
            parts.append(item)
            texts.append(literal)
    return replace(expression, literals=tuple(texts), parts=tuple(parts))


def _depth(node: nodes.Node) -> int:
    deepest, level = 0, [node]
    while level and deepest <= _DEEPEST:
        deepest += 1
        level = [child for parent in level for child in parent.iter_child_nodes()]
    return deepest


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
            return self.report(Code.TEMPLATE_SYNTAX, _SURROGATE, "Remove it.", node)
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
