"""The expressions of a mapping: parsed, checked without data, and rewritten for the compiler.

An expression speaks of columns by name, ``row["Any Name"]``, ``vars``, ``today`` and ``now``. Each of them is
resolved once, by :mod:`scimport.mappings.resolver`; here a template is taken apart before that, and what no
row changes is put into its literals after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser

from scimport.codes import Code
from scimport.mappings.resolver import SURROGATE, Issue, is_unicode, resolve
from scimport.mappings.scope import Scope
from scimport.mappings.values import join, part

# What the parser raises; ValueError is an integer of thousands of digits.
_MISTAKES: Final = (TemplateSyntaxError, RecursionError, ValueError)
# Python allows 200 nested brackets; Jinja writes one or two for each level.
_DEEPEST: Final = 60
_STATEMENT_HINT: Final = "Use an inline if: {{ A if B else C }}; without else it is blank."


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
    resolved, columns, issues = resolve(environment, scope, parts)
    if not is_unicode("".join(literals)):
        issues.insert(0, Issue(Code.TEMPLATE_SYNTAX, SURROGATE, "Remove it."))
    lone = len(parts) == 1 and not any(literal.strip() for literal in literals)
    return Expression(source, None if lone else literals, resolved, columns), issues


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
