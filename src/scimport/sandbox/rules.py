"""Mappings made ready to run: names and arguments checked once, then one call a user.

``https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data``
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from scimport.sandbox import replacing
from scimport.sandbox.expressions import (
    Attribute,
    Call,
    Comparison,
    Empty,
    ExpressionError,
    Node,
    Text,
    Word,
    attributes,
    walk,
)
from scimport.sandbox.functions import FUNCTIONS
from scimport.sandbox.signatures import Function, signature
from scimport.sandbox.values import (
    EvaluationError,
    Scope,
    Value,
    is_blank,
    plain,
    to_date,
    to_flag,
    to_number,
    to_text,
)

Reader = Callable[[Any], object]
Evaluate = Callable[[Any, Scope], Value]

_OUTBOUND: Final = ("AppRoleAssignmentsComplex", "SingleAppRoleAssignment")
_OUTERMOST: Final = ("IgnoreFlowIfNullOrEmpty", "SelectUniqueValue")
_ENUMS: Final = ("vbBinaryCompare", "vbTextCompare")
_FORMS: Final = (
    "IgnoreFlowIfNullOrEmpty(expression)",
    "IIF(condition, valueIfTrue, valueIfFalse)",
    "Redact(value)",
    "Replace(source, oldValue?, regexPattern?, regexGroupName?, replacementValue?, replacementAttributeName?, template?)",  # noqa: E501 - one form, one line
    "SelectUniqueValue(uniqueValueRule1, uniqueValueRule...)",
    "Switch(source, defaultValue?, key..., value...)",
)


def _compiled(*_: Value) -> Value:
    raise AssertionError("forms are compiled, not applied")


SIGNATURES: Final = {
    **FUNCTIONS,
    **{found.name: found for found in (signature(form, _compiled) for form in _FORMS)},
}
"""All functions that apply to inbound provisioning, with their parameters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping's expression, ready to run.

    Attributes:
        candidates: What works out the value; several for ``SelectUniqueValue``, to be tried in order.
        attributes: Names of the source's attributes in it.
        ignores_empty: Whether a value that is null or empty is left out of the flow.
        redacted: Whether the provisioning log must not show the value.
        selects: Whether it is a ``SelectUniqueValue``.
    """

    candidates: tuple[Evaluate, ...]
    attributes: tuple[str, ...]
    ignores_empty: bool = False
    redacted: bool = False
    selects: bool = False


def compile_rule(node: Node, read: Callable[[str], Reader]) -> Rule:
    """A rule of a parsed expression.

    Args:
        node: What ``expressions.parse`` made.
        read: Makes what reads an attribute of the source by its name.

    Raises:
        ExpressionError: for a function or an attribute that is not known, and for wrong arguments.
    """
    outer = node.name if isinstance(node, Call) else ""
    parts: tuple[Node, ...] = (node,)
    if isinstance(node, Call) and outer in _OUTERMOST:
        parts = _arguments(node)
    compiler = _Compiler(read)
    redacted = any(isinstance(part, Call) and part.name == "Redact" for part in walk(node))
    candidates = tuple(compiler.compile(part) for part in parts)
    ignores, selects = (outer == name for name in _OUTERMOST)
    return Rule(candidates, attributes(node), ignores, redacted, selects)


def _arguments(call: Call) -> tuple[Node, ...]:
    """The arguments of a call, which are as many as its function takes, and none left out that it needs.

    Raises:
        ExpressionError: when they are not, or the function is not known.
    """
    function = _function(call)
    least, most, given = function.least, function.most, len(call.arguments)
    if not least <= given <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        wanted = f"{least} or more" if most == float("inf") else wanted
        names = ", ".join(item.name for item in function.parameters) or "none"
        raise ExpressionError(f"{call.name} takes {wanted} arguments ({names}), not {given}", call.position)
    for item, argument in zip(function.parameters, call.arguments, strict=False):
        if isinstance(argument, Empty) and item.required and not item.repeats:
            raise ExpressionError(f"{call.name} needs its argument {item.name}", argument.position)
    return call.arguments


def _function(call: Call) -> Function:
    found = SIGNATURES.get(call.name)
    if found:
        return found
    if call.name in _OUTBOUND:
        raise ExpressionError(f"{call.name} is for outbound provisioning only", call.position)
    close = difflib.get_close_matches(call.name.lower(), [name.lower() for name in SIGNATURES], 1)
    meant = next((f"; did you mean {name}?" for name in SIGNATURES if [name.lower()] == close), "")
    raise ExpressionError(f"there is no function {call.name}{meant}", call.position)


class _Compiler:
    """Makes functions of nodes.

    Args:
        read: Makes what reads an attribute of the source.
    """

    def __init__(self, read: Callable[[str], Reader]) -> None:
        self._read = read

    def compile(self, node: Node) -> Evaluate:
        """What works out a node's value.

        Raises:
            ExpressionError: when it makes no sense.
        """
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Comparison):
            return self._comparison(node)
        if isinstance(node, Attribute):
            return self._attribute(node)
        if isinstance(node, Word):
            if node.name not in _ENUMS:
                raise ExpressionError(f'strings stand in double quotes: "{node.name}"', node.position)
            return _constant(node.name)
        return _constant(None if isinstance(node, Empty) else node.value)

    def _attribute(self, node: Attribute) -> Evaluate:
        try:
            reader = self._read(node.name)
        except ValueError:
            raise ExpressionError(f"[{node.name}] is no attribute of the source", node.position) from None
        return lambda user, _: plain(reader(user))

    def _comparison(self, node: Comparison) -> Evaluate:
        left, right, compare = self.compile(node.left), self.compile(node.right), _COMPARE[node.operator]
        return lambda user, scope: compare(*_alike(left(user, scope), right(user, scope)))

    def _call(self, node: Call) -> Evaluate:
        given = _arguments(node)
        if node.name in _OUTERMOST:
            raise ExpressionError(f"{node.name} stands around the whole expression only", node.position)
        if node.name == "Redact":
            return self.compile(given[0])
        special = {"IIF": self._iif, "Switch": self._switch, "Replace": self._replace}.get(node.name)
        return special(node, given) if special else self._plain(SIGNATURES[node.name], given)

    def _plain(self, function: Function, given: Sequence[Node]) -> Evaluate:
        apply, inner = function.apply, tuple(self.compile(argument) for argument in given)
        if function.scoped:
            return lambda _, scope: apply(scope)
        if len(inner) == 1:
            only = inner[0]
            return lambda user, scope: apply(only(user, scope))
        return lambda user, scope: apply(*[part(user, scope) for part in inner])

    def _iif(self, _: Call, given: Sequence[Node]) -> Evaluate:
        condition, true, false = (self.compile(argument) for argument in given)
        sources = [self.compile(part) for part in walk(given[0]) if isinstance(part, Attribute)]

        def evaluate(user: Any, scope: Scope) -> Value:
            if any(is_blank(source(user, scope)) for source in sources):
                if scope.null_condition == "fail":
                    raise EvaluationError("An attribute in the condition of IIF is null or empty.")
                return false(user, scope)
            return (true if to_flag(condition(user, scope)) else false)(user, scope)

        return evaluate

    def _switch(self, node: Call, given: Sequence[Node]) -> Evaluate:
        if len(given) % 2:
            raise ExpressionError("Switch takes keys and values in pairs", node.position)
        source, default, *rest = (self.compile(argument) for argument in given)
        pairs = tuple(zip(given[2::2], rest[::2], rest[1::2], strict=True))
        table = {key.value: value for key, _, value in reversed(pairs) if isinstance(key, Text)}
        if all(isinstance(key, Text) for key, _, _ in pairs):
            return lambda user, scope: table.get(to_text(source(user, scope)), default)(user, scope)

        def evaluate(user: Any, scope: Scope) -> Value:
            wanted = to_text(source(user, scope))
            found = (value for _, key, value in pairs if to_text(key(user, scope)) == wanted)
            return next(found, default)(user, scope)

        return evaluate

    def _replace(self, node: Call, given: Sequence[Node]) -> Evaluate:
        """Which of the five forms it is, is said by the arguments that are given."""
        padded = (*given, *(Empty(node.position) for _ in range(7 - len(given))))
        source, old, pattern, group, new, other, template = (
            None if isinstance(argument, Empty) else self.compile(argument) for argument in padded
        )
        if isinstance(padded[2], Text):
            _check_pattern(padded[2], padded[3])
        forms: tuple[tuple[tuple[Evaluate | None, ...], Callable[..., Value]], ...] = (
            ((source, pattern, group, other), _extract),
            ((source, pattern, group, new), replacing.replace_group),
            ((source, pattern, new), replacing.replace_matches),
            ((source, old, template), lambda text, part, frame: frame.replace(part, text) if part else frame),
            ((source, old, new), lambda text, part, words: text.replace(part, words) if part else text),
        )
        for parts, apply in forms:
            if all(parts):
                return _replacement([part for part in parts if part], apply)
        message = "the arguments of Replace are of none of its five forms"
        raise ExpressionError(message, node.position)


def _constant(value: Value) -> Evaluate:
    return lambda *_: value


def _replacement(parts: Sequence[Evaluate], apply: Callable[..., Value]) -> Evaluate:
    source, rest = parts[0], parts[1:]

    def evaluate(user: Any, scope: Scope) -> Value:
        value = source(user, scope)
        if value is None and apply is not _extract:
            return None
        return apply(to_text(value), *[to_text(part(user, scope)) for part in rest])

    return evaluate


def _extract(source: str, pattern: str, group: str, other: str) -> Value:
    return source or replacing.extract_group(other, pattern, group)


def _check_pattern(pattern: Text, group: Node) -> None:
    try:
        compiled = replacing.compile_pattern(pattern.value)
    except ValueError as error:
        raise ExpressionError(f"the regular expression is wrong: {error}", pattern.position) from error
    if isinstance(group, Text) and group.value not in compiled.compiled.groupindex:
        raise ExpressionError(f"the regular expression has no group {group.value}", group.position)


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _alike(left: Value, right: Value) -> tuple[Any, Any]:
    """Two values as they are compared: as dates or numbers when one of them is, else as text."""
    kinds = [type(value) for value in (left, right)]
    if datetime in kinds and None not in (left, right):
        return to_date(left), to_date(right)
    if (int in kinds or float in kinds) and not (is_blank(left) or is_blank(right)):
        return to_number(left), to_number(right)
    return to_text(left), to_text(right)
