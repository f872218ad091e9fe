"""What the cells of each column look like: counts and shapes, so that nobody's value need be shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scimport.inspection.dates import Dates

LOOKED_AT = 100_000
"""Most records whose cells are looked at; a sample so large leaves little to chance and memory bounded."""

SMALL = 20
"""Most values of a column that count as a small set."""

NULL_WORDS = frozenset(("NULL", "null", "N/A", "n/a", "#N/A", "(null)", "#NV"))
"""What programs write where there is nothing."""

_MOSTLY = 0.95
_OFTEN = 3
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()/.\-]{5,20}")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_KINDS = (("e-mail", _EMAIL), ("integer", _INTEGER), ("number", _NUMBER), ("phone", _PHONE))
_CLASSES = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}
_RUN = re.compile(r"[0-9]+|[^\W\d_]+")


@dataclass
class Column:
    """One column.

    Attributes:
        name: Its name.
        cells: Cells looked at.
        blanks: Those without anything in them.
        nulls: How often words that stand for nothing occur.
        kinds: How many of the other cells look like what; ``date`` is told by ``dates``.
        values: How often each value occurs; it is never shown unless somebody asks.
        shapes: How often each shape occurs: ``9{5}`` is five digits; ``A`` is for capitals, ``a`` for small
            letters, ``L`` for others.
        domains: Of e-mail addresses, what stands behind the @.
        longest: Characters of the longest cell.
        zeros: Whole numbers that begin with a zero.
    """

    name: str
    cells: int = 0
    blanks: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    dates: Dates = field(default_factory=Dates)
    values: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    zeros: int = 0

    def add(self, cell: str, line: int) -> None:
        """Take in a cell."""
        text = cell.strip()
        self.cells += 1
        if not text:
            self.blanks += 1
            return
        if text in NULL_WORDS:
            self.nulls[text] += 1
            return
        self.values[text] += 1
        self.longest = max(self.longest, len(text))
        if len(self.shapes) < LOOKED_AT:
            self.shapes[shape(text)] += 1
        if self.dates.add(text, line):
            self.kinds["date"] += 1
        self.zeros += len(text) > 1 and text[0] == "0" and text.isdecimal()
        for kind, pattern in _KINDS:
            if pattern.fullmatch(text):
                self.kinds[kind] += 1
                if kind == "e-mail":
                    self.domains[text.rpartition("@")[2].lower()] += 1
                break

    @property
    def null_words(self) -> frozenset[str]:
        """The words that stand for nothing: one that occurs once or twice may be somebody's name."""
        return frozenset(word for word, count in self.nulls.items() if count >= _OFTEN)

    @property
    def full(self) -> int:
        """Cells with a value."""
        return self.values.total()

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(self.values)

    @property
    def repeated(self) -> int:
        """How many values occur more than once."""
        return sum(count > 1 for count in self.values.values())

    @property
    def kind(self) -> str:
        """What nearly all cells look like: date, e-mail, integer, number, phone, or text."""
        for kind, _ in (("date", None), *_KINDS):
            if self.full and self.kinds[kind] >= _MOSTLY * self.full:
                return "text" if kind == "integer" and self.zeros else kind
        return "text" if self.full else "blank"

    @property
    def is_small_set(self) -> bool:
        """Whether the values are few, each for many people."""
        return 0 < self.distinct <= SMALL and self.distinct * 3 <= self.full

    @property
    def is_unique(self) -> bool:
        """Whether every cell has a value of its own."""
        return self.full == self.cells == self.distinct > 0

    @property
    def pattern(self) -> str | None:
        """A regular expression for all values, where they have digits and the same shape; else ``None``."""
        only = next(iter(self.shapes), "")
        if len(self.shapes) != 1 or self.longest > 40 or "9{" not in only or "L{" in only:
            return None
        parts = re.findall(r"([9Aa])\{(\d+)\}|(.)", only)
        return "".join(
            _CLASSES[sign] + (f"{{{count}}}" if count != "1" else "") if sign else _literal(other)
            for sign, count, other in parts
        )


def shape(text: str) -> str:
    """The shape of a text: runs of digits and letters with their lengths, signs as they are."""
    return _RUN.sub(_run, text)


def _literal(sign: str) -> str:
    return f"\\{sign}" if sign in r".^$*+?{}[]\|()" else sign


def _run(found: re.Match[str]) -> str:
    run = found[0]
    sign = "9" if run[0].isdecimal() else "A" if run.isupper() else "a"
    # A capital before small letters is a run of its own, as in Ab1.
    if sign == "a" and run[0].isupper() and run[1:].islower():
        return f"A{{1}}a{{{len(run) - 1}}}"
    return f"{sign if run.isascii() and (sign != 'a' or run.islower()) else 'L'}{{{len(run)}}}"


def profiled(names: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[list[Column], int]:
    """Look at the cells of the first records.

    Args:
        names: The columns.
        rows: The records with their lines; all are read, to count them.

    Returns:
        The columns, and the number of all records.
    """
    columns, count = [Column(name) for name in names], 0
    for count, (line, row) in enumerate(rows, 1):
        if count <= LOOKED_AT:
            for column, cell in zip(columns, row, strict=False):
                column.add(cell, line)
    return columns, count
