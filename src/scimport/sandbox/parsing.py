"""What Graph says of expressions: their parts (attributeMappingSource), their value for a test.

``https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-parseexpression``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import Any

from scimport.sandbox.expressions import (
    Attribute,
    Call,
    Comparison,
    Empty,
    ExpressionError,
    Node,
    Number,
    Text,
    parse,
)
from scimport.sandbox.graph import invalid
from scimport.sandbox.rules import SIGNATURES, compile_rule
from scimport.sandbox.signatures import Function
from scimport.sandbox.values import EvaluationError, Scope


def answer(body: Mapping[str, Any], default_domain: str) -> dict[str, Any]:
    """The parseExpressionResponse of a request.

    Raises:
        GraphError: 400, when there is no expression.
    """
    text = body.get("expression")
    if not isinstance(text, str) or not text.strip():
        raise invalid("expression must be a string that is not empty.")
    try:
        node = parse(text)
        rule = compile_rule(node, lambda name: lambda user: user.get(name))
    except ExpressionError as error:
        return _response(error=f"{error}", code="ExpressionParsing")
    source = _source(node, text.strip())
    given = body.get("testInputObject")
    if not isinstance(given, dict):
        return _response(source)
    user = {pair["key"]: pair["value"] for pair in given.get("properties", [])}
    try:
        value = rule.candidates[0](user, Scope(default_domain=default_domain))
    except EvaluationError as error:
        return _response(source, error=f"{error}", code="ExpressionEvaluation")
    return _response(source, value if isinstance(value, list) else [value], evaluated=True)


def _response(
    source: dict[str, Any] | None = None,
    result: list[Any] | None = None,
    *,
    evaluated: bool = False,
    error: str = "",
    code: str = "",
) -> dict[str, Any]:
    return {
        "error": {"code": code, "message": error, "tenantActionable": True} if error else None,
        "parsingSucceeded": source is not None,
        "parsedExpression": source,
        "evaluationSucceeded": evaluated,
        "evaluationResult": result or [],
    }


def _source(node: Node, text: str = "") -> dict[str, Any]:
    """A node with its parts; arguments that are left out are left out here too."""
    if isinstance(node, Attribute):
        return _part("Attribute", node.name, text or f"[{node.name}]")
    if isinstance(node, Text):
        escaped = node.value.replace("\\", "\\\\").replace('"', '\\"')
        return _part("Constant", node.value, text or f'"{escaped}"')
    if isinstance(node, Call):
        return _part("Function", node.name, text or _written(node), _arguments(node))
    return _part("Constant", _written(node), text or _written(node))


def _part(
    kind: str, name: str, expression: str, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"type": kind, "name": name, "expression": expression, "parameters": parameters or []}


def _arguments(call: Call) -> list[dict[str, Any]]:
    names = _names(SIGNATURES[call.name])
    return [
        {"key": name, "value": _source(each)}
        for name, each in zip(names, call.arguments, strict=False)
        if not isinstance(each, Empty)
    ]


def _names(function: Function) -> Iterable[str]:
    once = [each.name for each in function.parameters if not each.repeats]
    again = [each.name for each in function.parameters if each.repeats]
    return chain(once, chain.from_iterable(repeat(again))) if again else once


def _written(node: Node) -> str:
    """A node as text."""
    if isinstance(node, Call):
        return f"{node.name}({', '.join(_written(each) for each in node.arguments)})"
    if isinstance(node, Comparison):
        return f"{_written(node.left)} {node.operator} {_written(node.right)}"
    if isinstance(node, Empty):
        return ""
    if isinstance(node, Number):
        return str(node.value)
    return str(_source(node)["expression"]) if isinstance(node, Attribute | Text) else node.name


def functions() -> list[dict[str, Any]]:
    """All functions (attributeMappingFunctionSchema)."""
    return [
        {
            "name": function.name,
            "parameters": [
                {
                    "name": each.name,
                    "required": each.required,
                    "allowMultipleOccurrences": each.repeats,
                    "type": "String",
                }
                for each in function.parameters
            ],
        }
        for function in sorted(SIGNATURES.values(), key=lambda function: function.name)
    ]
