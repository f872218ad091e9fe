"""Marks in a user where the filter ``unique`` stood: what comes there is settled beside everybody else.

An expression sees one row, and whether a value is free depends on all others. So the filter only marks its
value; whoever knows the others puts the value, or a numbered one, in the place of the mark. Marks are made of
characters that Unicode keeps for such uses within a program (noncharacters, chapter 23.7 of the standard).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_BEGIN, _SPLIT, _END = "\ufdd0", "\ufdd1", "\ufdd2"
_MARK: Final = re.compile(f"{_BEGIN}([^{_SPLIT}]*){_SPLIT}([01])([^{_BEGIN}{_SPLIT}{_END}]*){_END}")
_ANY: Final = re.compile(f"[{_BEGIN}{_SPLIT}{_END}]")


class MarkError(ValueError):
    """A mark that something else has cut, or several in one text."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with one mark.

    Attributes:
        pool: Where the value must be unique: the name that the filter was given, else the attribute.
        attribute: Path of the attribute, without numbers of list entries.
        before: Text before the mark.
        base: The value that is wanted.
        after: Text behind the mark.
        keeps: Whether a person keeps a value whatever is wanted later.
    """

    pool: str
    attribute: str
    before: str
    base: str
    after: str
    keeps: bool

    def text(self, value: str) -> str:
        """The whole text with this value in it."""
        return f"{self.before}{value}{self.after}"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a user that holds a marked text."""

    holder: Any
    name: str | int
    marked: Marked

    def put(self, value: str) -> None:
        """Put a value in the place of the mark."""
        self.holder[self.name] = self.marked.text(value)


def mark(value: str, pool: str, *, keeps: bool) -> str:
    """A value that is to be unique.

    Raises:
        ValueError: It holds what marks are made of.
    """
    if _ANY.search(value):
        raise ValueError("it holds a character that no text may hold")
    return f"{_BEGIN}{pool}{_SPLIT}{keeps:d}{value}{_END}"


def unmarked(value: Any) -> Any:
    """A value without its mark, as if it were free."""
    return _MARK.sub(lambda found: found[3], value) if isinstance(value, str) else value


def spots(user: dict[str, Any]) -> list[Spot]:
    """The marked texts of a user, in order.

    Raises:
        MarkError: A filter behind ``unique`` has cut a mark, or there are two in one text.
    """
    return list(_spots(user, user.items(), ""))


def _spots(holder: Any, items: Any, path: str) -> Iterator[Spot]:
    for name, value in items:
        inner = path if isinstance(name, int) else f"{path}.{name}" if path else name
        if isinstance(value, str):
            if _ANY.search(value):
                yield Spot(holder, name, _marked(value, inner))
        elif isinstance(value, dict):
            yield from _spots(value, value.items(), inner)
        elif isinstance(value, list):
            yield from _spots(value, enumerate(value), inner)


def _marked(text: str, attribute: str) -> Marked:
    before, found, after = text, _MARK.search(text), ""
    if found is not None:
        before, after = text[: found.start()], text[found.end() :]
    if found is None or _ANY.search(before + after):
        raise MarkError("unique must be the last filter of its expression, and stand there once")
    pool, keeps, base = found.groups()
    return Marked(pool or attribute, attribute, before, base, after, keeps == "1")
