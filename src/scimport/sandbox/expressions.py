"""The language of attribute mappings: text to a tree, with the place of whatever is wrong.

``https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data``
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 10_000
"""Characters of one expression."""
MAX_DEPTH: Final = 100
"""Functions inside one another; the documents name no limit."""


class ExpressionError(ValueError):
    """An expression that is not of the language.

    Args:
        message: What is wrong, one sentence without the full stop.
        position: Characters before the place.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"position {position + 1}: {message}")
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Text:
    """``"..."``."""

    value: str
    position: int


@dataclass(frozen=True, slots=True)
class Number:
    """``3``, ``-10``, ``42568.75`` or ``&HF7``."""

    value: int | float
    position: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """``[...]``: an attribute of the source, with its whole path between the brackets."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Word:
    """A name without arguments, such as ``vbTextCompare``."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Empty:
    """An argument that is left out: ``Replace([x], , "a", ...)``."""

    position: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``, with ``=``, ``<>``, ``>``, ``>=``, ``<`` or ``<=``."""

    left: Node
    operator: str
    right: Node
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """``Name(arguments)``."""

    name: str
    arguments: tuple[Node, ...]
    position: int


Node = Text | Number | Attribute | Word | Empty | Comparison | Call


def parse(text: str) -> Node:
    """The tree of an expression. Names of functions are not looked at: ``functions.compile_rule`` does.

    Raises:
        ExpressionError: when it is not of the language.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH:,} characters", MAX_LENGTH)
    reader = _Reader(text)
    node = reader.operand(0)
    reader.skip()
    if reader.position < len(text):
        raise ExpressionError("nothing may follow the expression here", reader.position)
    return node


def walk(node: Node) -> Iterator[Node]:
    """A node and all that are in it, outermost first."""
    yield node
    inner = node.arguments if isinstance(node, Call) else ()
    for child in (node.left, node.right) if isinstance(node, Comparison) else inner:
        yield from walk(child)


def attributes(node: Node) -> tuple[str, ...]:
    """Names of the source's attributes in an expression, each once."""
    return tuple(dict.fromkeys(part.name for part in walk(node) if isinstance(part, Attribute)))


_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"&H([0-9A-Fa-f]{1,16})|-?\d{1,30}(\.\d{1,30})?")
_OPERATOR = re.compile(r"<>|<=|>=|=|<|>")


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0

    def skip(self) -> str:
        """Pass over white space; returns the character after it, or nothing at the end."""
        found = _SPACE.match(self._text, self.position)
        self.position = found.end() if found else self.position
        return self._text[self.position : self.position + 1]

    def argument(self, depth: int) -> Node:
        """One argument: nothing, an operand, or a comparison of two."""
        if self.skip() in (",", ")"):
            return Empty(self.position)
        left = self.operand(depth)
        self.skip()
        if not (found := _OPERATOR.match(self._text, self.position)):
            return left
        self.position = found.end()
        right = self.operand(depth)
        return Comparison(left, found[0], right, found.start())

    def operand(self, depth: int) -> Node:
        """A string, a number, an attribute or a function."""
        sign, start = self.skip(), self.position
        if depth > MAX_DEPTH:
            raise ExpressionError(f"functions may be nested {MAX_DEPTH} deep", start)
        if sign == '"':
            return Text(self._string(), start)
        if sign == "[":
            return Attribute(self._attribute(), start)
        if found := _NUMBER.match(self._text, start):
            self.position = found.end()
            return Number(_number(found), start)
        if found := _NAME.match(self._text, start):
            self.position = found.end()
            return self._call(found[0], start, depth) if self.skip() == "(" else Word(found[0], start)
        raise ExpressionError(
            'a function, an attribute in [ ], a string in " " or a number is expected here', start
        )

    def _call(self, name: str, start: int, depth: int) -> Call:
        self.position += 1
        if self.skip() == ")":
            self.position += 1
            return Call(name, (), start)
        arguments = [self.argument(depth + 1)]
        while self.skip() == ",":
            self.position += 1
            arguments.append(self.argument(depth + 1))
        if self.skip() != ")":
            message = f"the arguments of {name} go on with a comma or end with a bracket"
            raise ExpressionError(message, self.position)
        self.position += 1
        return Call(name, tuple(arguments), start)

    def _string(self) -> str:
        start = self.position
        parts: list[str] = []
        self.position += 1
        while (sign := self._text[self.position : self.position + 1]) != '"':
            if not sign:
                raise ExpressionError('the string that begins here has no closing "', start)
            if sign == "\\":
                self.position += 1
                sign = self._text[self.position : self.position + 1]
                if sign not in ("\\", '"'):
                    message = r"a backslash stands before \ or \" only; write \\ for the backslash itself"
                    raise ExpressionError(message, self.position - 1)
            parts.append(sign)
            self.position += 1
        self.position += 1
        return "".join(parts)

    def _attribute(self) -> str:
        """A path up to its bracket; filters in it have brackets and strings of their own."""
        start, depth, quoted = self.position, 0, False
        for position in range(start, len(self._text)):
            sign = self._text[position]
            quoted ^= sign == '"'
            depth += 0 if quoted else (sign == "[") - (sign == "]")
            if depth == 0:
                self.position = position + 1
                name = self._text[start + 1 : position].strip()
                if not name:
                    raise ExpressionError("the brackets name no attribute", start)
                return name
        raise ExpressionError("the bracket that begins here is not closed", start)


def _number(found: re.Match[str]) -> int | float:
    if found[1]:
        return int(found[1], 16)
    return float(found[0]) if found[2] else int(found[0])
