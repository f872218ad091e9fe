"""Reads the data of a PowerShell file (about_Hash_Tables, about_Quoting_Rules); nothing in it is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_DEPTH = 40

# PowerShell takes the quotes of word processors for quotes, too.
_SINGLE = "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{SINGLE LOW-9 QUOTATION MARK}"
_DOUBLE = '"\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}'
_HERE = re.compile(
    rf"@([{_SINGLE}])[ \t]*\r?\n(.*?)\r?\n[{_SINGLE}]@|@([{_DOUBLE}])[ \t]*\r?\n(.*?)\r?\n[{_DOUBLE}]@",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[ \t\f\v\u00a0\u0085]|`\r?\n|#[^\r\n]*|<#.*?#>)+", re.DOTALL)
_LINE_END = re.compile(r"(?:[\r\n;]|[ \t\f\v\u00a0\u0085]|`\r?\n|#[^\r\n]*|<#.*?#>)+", re.DOTALL)
_WORD = re.compile(r"[\w.:\-]+")
_TYPE = re.compile(r"\[[\w.]+\]\s*")
_ASSIGNED = re.compile(r"\$[\w:]+\s*=\s*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class SyntaxFault(Exception):
    """The text is not such a file.

    Attributes:
        line: Where, counted from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Node:
    """A value, with the line that it begins in."""

    line: int


@dataclass(frozen=True)
class Text(Node):
    """A text. One in double quotes ``expands`` when it has variables; its escapes are kept then."""

    value: str
    expands: bool = False


@dataclass(frozen=True)
class Word(Node):
    """What stands without quotes: a number, ``$true``, or something that cannot be turned."""

    value: str


@dataclass(frozen=True)
class Script(Node):
    """A script block: the source between its braces."""

    source: str


@dataclass(frozen=True)
class Items(Node):
    """An array."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Table(Node):
    """A hashtable: keys, values, and the lines of the keys; a key may occur twice."""

    entries: tuple[tuple[str, Node, int], ...]


def parse(text: str) -> Table:
    """Parse a file that is one hashtable.

    Raises:
        SyntaxFault: It is not.
    """
    reader = _Reader(text)
    reader.skip(_LINE_END)
    reader.skip(_ASSIGNED)
    reader.skip(_TYPE)
    if not text.startswith("@{", reader.at):
        raise SyntaxFault("the file does not begin with a hashtable, @{", reader.line)
    table = reader.table(0)
    reader.skip(_LINE_END)
    if reader.at < len(text):
        raise SyntaxFault("something follows the hashtable", reader.line)
    return table


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def take(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def table(self, depth: int) -> Table:
        line = self.line
        self._check(depth)
        self.at += 2
        entries: list[tuple[str, Node, int]] = []
        while True:
            self.skip(_LINE_END)
            if self.take("}"):
                return Table(line, tuple(entries))
            key_line, key = self.line, self._key()
            self.skip(_BLANK)
            if not self.take("="):
                raise SyntaxFault(f"there is no = behind the key {key!r}", self.line)
            self.skip(_LINE_END)
            entries.append((key, self.value(depth + 1), key_line))

    def value(self, depth: int) -> Node:
        """A value, or several with commas between them."""
        line, first = self.line, self._single(depth)
        items = [first]
        self.skip(_BLANK)
        while self.take(","):
            self.skip(_LINE_END)
            items.append(self._single(depth))
            self.skip(_BLANK)
        return first if len(items) == 1 else Items(line, tuple(items))

    def _single(self, depth: int) -> Node:
        self._check(depth)
        self.skip(_TYPE)
        line, text = self.line, self.text
        if text.startswith("@{", self.at):
            return self.table(depth)
        if self.take("@("):
            return self._items(line, depth)
        if self.take("{"):
            return Script(line, self._block(line))
        if found := _HERE.match(text, self.at):
            self.at = found.end()
            expands = found[3] is not None
            content = found[4] if expands else found[2]
            return Text(line, content, expands and "$" in content)
        if text[self.at : self.at + 1] in (*_SINGLE, *_DOUBLE):
            return self._text(line)
        word = re.compile(r"[^\s;,{}()=]+").match(text, self.at)
        if word is None:
            raise SyntaxFault("a value is missing", line)
        self.at = word.end()
        return Word(line, word[0])

    def _items(self, line: int, depth: int) -> Items:
        items: list[Node] = []
        while True:
            self.skip(_LINE_END)
            if self.take(")"):
                return Items(line, tuple(items))
            if self.take(","):
                continue
            items.append(self._single(depth + 1))

    def _key(self) -> str:
        sign = self.text[self.at : self.at + 1]
        if sign and sign in _SINGLE + _DOUBLE:
            return self._text(self.line).value
        word = self.skip(_WORD)
        if not word:
            raise SyntaxFault("a key or } is missing", self.line)
        return word

    def _text(self, line: int) -> Text:
        quotes = _SINGLE if self.text[self.at] in _SINGLE else _DOUBLE
        end = quoted_end(self.text, self.at)
        if end is None:
            raise SyntaxFault("the quote is never closed", line)
        inner, self.at = self.text[self.at + 1 : end - 1], end
        if quotes == _SINGLE:
            return Text(line, re.sub(f"[{_SINGLE}]{{2}}", lambda found: found[0][0], inner))
        if re.search(r"(?<!`)\$[\w({_]", inner):
            return Text(line, inner, expands=True)
        return Text(line, unescaped(inner))

    def _block(self, line: int) -> str:
        """The source up to the brace that closes a script block; quotes and comments may hold braces."""
        start, depth = self.at, 1
        while self.at < len(self.text):
            if self.skip(_BLANK):
                continue
            if found := _HERE.match(self.text, self.at):
                self.at = found.end()
                continue
            sign = self.text[self.at]
            if sign in _SINGLE + _DOUBLE:
                end = quoted_end(self.text, self.at)
                if end is None:
                    break
                self.at = end
                continue
            self.at += 1
            depth += (sign == "{") - (sign == "}")
            if not depth:
                return self.text[start : self.at - 1]
        raise SyntaxFault("the script block is never closed", line)

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SyntaxFault(f"the file is nested more than {MAX_DEPTH} levels deep", self.line)


def quoted_end(text: str, start: int) -> int | None:
    """Where a text in quotes ends, behind its last quote; ``None`` when it never does."""
    quotes = _SINGLE if text[start] in _SINGLE else _DOUBLE
    at = start + 1
    while at < len(text):
        if text[at] == "`" and quotes == _DOUBLE:
            at += 2
        elif text[at] not in quotes:
            at += 1
        elif text[at + 1 : at + 2] and text[at + 1] in quotes:
            at += 2
        else:
            return at + 1
    return None


def unescaped(inner: str) -> str:
    """The text that stands between double quotes, without its escapes."""
    doubled = re.sub(f"[{_DOUBLE}]{{2}}", lambda found: found[0][0], inner)
    return re.sub(r"`(.)", lambda found: _ESCAPES.get(found[1], found[1]), doubled, flags=re.DOTALL)
