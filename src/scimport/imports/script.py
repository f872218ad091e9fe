"""Turns a script block of a CSV2SCIM mapping into an expression, if it only compares, joins and chooses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from scimport.imports.powershell import MAX_DEPTH, quoted_end, unescaped
from scimport.inspection.proposal import reference

_SPACE = re.compile(r"(?:\s|`\r?\n|#[^\r\n]*|<#.*?#>)+", re.DOTALL)
_COLUMN = re.compile(r"\$(?:_|PSItem)(?:\.(?P<name>\w+)|\.(?=['\"])|\[\s*(?=['\"]))", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?![\w.])")
_WORD = re.compile(r"\$(true|false|null)\b", re.IGNORECASE)
_OPERATOR = re.compile(r"-(c|i)?(eq|ne|in|notin)\b", re.IGNORECASE)
_METHOD = re.compile(r"\.(ToLower|ToUpper|Trim|ToLowerInvariant|ToUpperInvariant)\(\)", re.IGNORECASE)
_FILTERS = {"tolower": "lower", "toupper": "upper", "trim": "trim"}
_IF = re.compile(r"if\b", re.IGNORECASE)
_ELSEIF = re.compile(r"elseif\b", re.IGNORECASE)
_ELSE = re.compile(r"else\b", re.IGNORECASE)


class NotTurned(Exception):
    """A part of a script that has no expression; the message says which."""


@dataclass(frozen=True)
class Part:
    """A part of an expression.

    Attributes:
        code: Its text, safe within any other but for operators.
        literal: The text that it is, when it is a constant.
        is_atom: Whether it needs no brackets.
    """

    code: str
    literal: str | None = None
    is_atom: bool = True

    @property
    def inner(self) -> str:
        """Its text as an operand."""
        return self.code if self.is_atom else f"({self.code})"


def expression(source: str) -> Part:
    """Turn the source of a script block.

    Raises:
        NotTurned: It does something else than what is known.
    """
    reader = _Script(source)
    part = reader.statement(0)
    reader.space()
    reader.take(";")
    reader.space()
    if reader.at < len(source):
        raise NotTurned(f"what begins with {_start(source[reader.at :])}")
    return part


def expanded(inner: str) -> Part:
    """Turn a text in double quotes with ``$_.Column`` or ``$( )`` in it.

    Raises:
        NotTurned: There is another variable in it.
    """
    parts: list[Part] = []
    at = 0
    for found in re.finditer(r"(?<!`)\$(?:\(|[\w{])", inner):
        if found.start() < at:
            continue
        if inner[found.end() - 1] != "(":
            raise NotTurned(f"the variable {_start(inner[found.start() :])} in a text")
        end = _bracket_end(inner, found.end())
        if end is None:
            raise NotTurned("a $( that is never closed")
        parts += [text(unescaped(inner[at : found.start()])), expression(inner[found.end() : end - 1])]
        at = end
    parts.append(text(unescaped(inner[at:])))
    return _joined([part for part in parts if part.literal != ""])


def text(value: str) -> Part:
    """A constant text."""
    return Part(json.dumps(value, ensure_ascii=False), value)


def _joined(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return Part(" ~ ".join(part.inner for part in parts) or '""', None if parts else "", not parts)


def _bracket_end(source: str, at: int) -> int | None:
    depth = 1
    while at < len(source):
        if source[at] in "'\"" and (end := quoted_end(source, at)) is not None:
            at = end
            continue
        depth += (source[at] == "(") - (source[at] == ")")
        at += 1
        if not depth:
            return at
    return None


def _start(source: str) -> str:
    return repr(" ".join(source.split())[:30])


class _Script:
    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0

    def space(self) -> None:
        self.match(_SPACE)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.source, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def take(self, sign: str) -> bool:
        if not self.source.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def word(self, *names: str) -> bool:
        """Take an operator such as ``-or``."""
        self.space()
        found = re.compile(rf"-(?:{'|'.join(names)})\b", re.IGNORECASE).match(self.source, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True

    def statement(self, depth: int) -> Part:
        self.space()
        if self.match(_IF):
            return self.choice(depth + 1)
        self.match(re.compile(r"return\b", re.IGNORECASE))
        return self.either(depth + 1)

    def choice(self, depth: int) -> Part:
        """``if (a) { b } elseif (c) { d } else { e }``."""
        condition = self.bracketed("(", ")", depth)
        chosen = self.bracketed("{", "}", depth)
        self.space()
        code = f"{chosen.inner} if {condition.inner}"
        if self.match(_ELSEIF):
            code += f" else ({self.choice(depth + 1).code})"
        elif self.match(_ELSE):
            code += f" else {self.bracketed('{', '}', depth).inner}"
        return Part(code, is_atom=False)

    def bracketed(self, begin: str, end: str, depth: int) -> Part:
        self.space()
        if not self.take(begin):
            raise NotTurned(f"an if without {begin}")
        part = self.statement(depth + 1)
        self.space()
        self.take(";")
        self.space()
        if not self.take(end):
            raise NotTurned(f"what begins with {_start(self.source[self.at :])}")
        return part

    def either(self, depth: int) -> Part:
        """``-and`` and ``-or`` have one precedence, from left to right (about_Operator_Precedence)."""
        if depth > MAX_DEPTH:
            raise NotTurned("an expression nested so deeply")
        part = self.compared(depth)
        while found := self.logical():
            part = Part(f"{part.inner} {found} {self.compared(depth).inner}", is_atom=False)
        return part

    def logical(self) -> str:
        return "and" if self.word("and") else "or" if self.word("or") else ""

    def compared(self, depth: int) -> Part:
        left = self.joined(depth)
        self.space()
        found = self.match(_OPERATOR)
        if found is None:
            return left
        exact, name = (found[1] or "").lower() == "c", found[2].lower()
        if left.code.startswith("not "):
            # -not binds closer than a comparison, and nobody means that.
            raise NotTurned("-not before a comparison without brackets")
        if name in ("in", "notin"):
            sign = "in" if name == "in" else "not in"
            values = ", ".join(self.values(depth, exact=exact))
            return Part(f"{_folded(left, exact=exact)} {sign} [{values}]", is_atom=False)
        right = self.joined(depth)
        if "" in (left.literal, right.literal):
            other = right if left.literal == "" else left
            return Part(f"{'not' if name == 'eq' else 'not not'} {other.inner}", is_atom=False)
        sign = "==" if name == "eq" else "!="
        return Part(f"{_folded(left, exact=exact)} {sign} {_folded(right, exact=exact)}", is_atom=False)

    def values(self, depth: int, *, exact: bool) -> list[str]:
        self.space()
        opened = self.take("@(") or self.take("(")
        values = []
        while True:
            value = self.operand(depth)
            if value.literal is None:
                raise NotTurned("a list of something else than texts")
            values.append(_folded(value, exact=exact))
            self.space()
            if not self.take(","):
                break
        if opened and not self.take(")"):
            raise NotTurned("a list that is never closed")
        return values

    def joined(self, depth: int) -> Part:
        parts = [self.operand(depth)]
        self.space()
        while self.take("+"):
            parts.append(self.operand(depth))
            self.space()
        return _joined(parts)

    def operand(self, depth: int) -> Part:
        if depth > MAX_DEPTH:
            raise NotTurned("an expression nested so deeply")
        if self.word("not") or self.take("!"):
            return Part(f"not {self.operand(depth + 1).inner}", is_atom=False)
        self.space()
        part = self.plain(depth)
        while found := self.match(_METHOD):
            name = found[1].lower().removesuffix("invariant")
            part = Part(f"{part.inner} | {_FILTERS[name]}", is_atom=False)
        return part

    def plain(self, depth: int) -> Part:
        if self.take("("):
            part = self.either(depth + 1)
            self.space()
            if not self.take(")"):
                raise NotTurned(f"what begins with {_start(self.source[self.at :])}")
            return part
        if found := self.match(_COLUMN):
            return Part(reference(found["name"] or self.column(found[0])))
        if found := self.match(_WORD):
            # A cell is a text, and PowerShell compares it with the text of the other side.
            return text("" if found[1].lower() == "null" else found[1].lower())
        if found := self.match(_NUMBER):
            return text(found[0])
        sign = self.source[self.at : self.at + 1]
        if sign in ("'", '"') and (end := quoted_end(self.source, self.at)) is not None:
            inner, self.at = self.source[self.at + 1 : end - 1], end
            if sign == "'":
                return text(inner.replace("''", "'"))
            return expanded(inner)
        raise NotTurned(
            f"what begins with {_start(self.source[self.at :])}" if sign else "an empty script block"
        )

    def column(self, begun: str) -> str:
        end = quoted_end(self.source, self.at)
        if end is None:
            raise NotTurned("a quote that is never closed")
        name = self.source[self.at + 1 : end - 1].replace("''", "'")
        self.at = end
        self.space() if "[" in begun else None
        if "[" in begun and not self.take("]"):
            raise NotTurned("a bracket that is never closed")
        return name


def _folded(part: Part, *, exact: bool) -> str:
    """An operand of a comparison; case counts only where it says so (about_Comparison_Operators)."""
    if exact:
        return part.inner
    if part.literal is not None:
        return json.dumps(part.literal.lower(), ensure_ascii=False)
    return f"{part.inner} | lower"
