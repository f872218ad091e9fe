"""How the dates of a column are written, and which cells decide between day first and month first."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

_TIMES = {"": "", r"[T ]\d\d:\d\d": "%H:%M", r"[T ]\d\d:\d\d:\d\d": "%H:%M:%S"}
_SHAPES = (
    (r"(\d{4})([-/.])(\d\d?)\2(\d\d?)", "Y{0}m{0}d"),
    (r"(\d\d?)([-/.])(\d\d?)\2(\d{4})", "?{0}?{0}Y"),
    (r"(\d\d?)([-/.])(\d\d?)\2(\d\d)", "?{0}?{0}y"),
    (r"(19|20)(\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])", "Ymd"),
    (r"(\d\d?)([- ])([A-Za-z]{3})\2(\d{4})", "d{0}b{0}Y"),
)
_COMPILED = tuple(
    (re.compile(date + time), form, clock) for date, form in _SHAPES for time, clock in _TIMES.items()
)


@dataclass
class Dates:
    """What the cells of a column say about dates.

    Attributes:
        shapes: How many cells have which shape: ``?/?/Y`` has two numbers before the year.
        day_first: How many of the cells with two numbers can only be day first, and the first one's line.
        month_first: The same for month first.
        wrong: Cells that look like a date and are none.
    """

    shapes: Counter[str] = field(default_factory=Counter)
    day_first: tuple[int, int] = (0, 0)
    month_first: tuple[int, int] = (0, 0)
    wrong: int = 0

    def add(self, text: str, line: int) -> bool:
        """Take in a cell; returns whether it looks like a date."""
        for pattern, form, clock in _COMPILED:
            if found := pattern.fullmatch(text):
                self._add(text, line, found, form, clock)
                return True
        return False

    def _add(self, text: str, line: int, found: re.Match[str], form: str, clock: str) -> None:
        between = "T" if "T" in text and clock else " "
        shape = form.format(found[2] if "{" in form else "") + (between + clock if clock else "")
        self.shapes[shape] += 1
        if "?" in shape:
            first, second = int(found[1]), int(found[3])
            if 12 < first <= 31:
                self.day_first = self.day_first[0] + 1, self.day_first[1] or line
            elif 12 < second <= 31:
                self.month_first = self.month_first[0] + 1, self.month_first[1] or line
        if not any(_reads(text, one) for one in formats(shape)):
            self.wrong += 1

    @property
    def shape(self) -> str:
        """The shape of most cells."""
        return self.shapes.most_common(1)[0][0] if self.shapes else ""

    @property
    def format(self) -> str | None:
        """The format for ``format:``; ``None`` when no cell decides, or cells say different things."""
        if "?" not in self.shape:
            return formats(self.shape)[0]
        if bool(self.day_first[0]) == bool(self.month_first[0]):
            # A point between the numbers is written day first everywhere.
            return formats(self.shape)[0] if "." in self.shape and not self.month_first[0] else None
        return formats(self.shape)[0 if self.day_first[0] else 1]

    @property
    def is_iso(self) -> bool:
        """Whether it is a date of ISO 8601, so that no format is needed."""
        return self.shape.startswith("Y-m-d")

    @property
    def has_time(self) -> bool:
        """Whether there is a time behind the date."""
        return "%H" in self.shape

    def evidence(self) -> str:
        """Say what decides between day first and month first; empty where nothing has to be decided."""
        (days, day_line), (months, month_line) = self.day_first, self.month_first
        words = []
        if len(self.shapes) > 1:
            words.append(f"{len(self.shapes)} ways of writing dates are mixed")
        if self.wrong:
            words.append(f"{self.wrong:,} cells look like dates and are none")
        if "?" in self.shape:
            if days:
                words.append(f"{days:,} cells can only be day first, the first in line {day_line}")
            if months:
                words.append(f"{months:,} cells can only be month first, the first in line {month_line}")
            if not days and not months:
                words.append("day first or month first? no cell decides, all numbers are at most 12")
            if "y" in self.shape:
                words.append("the years have two digits")
        return "; ".join(words)


def formats(shape: str) -> tuple[str, ...]:
    """The directives of Python that a shape may stand for: day first before month first."""
    date, space, clock = _split(shape)
    named = re.sub(r"([Yymdb])", r"%\1", date)
    if "?" not in named:
        return (named + space + clock,)
    return tuple(
        named.replace("?", one, 1).replace("?", other, 1) + space + clock
        for one, other in (("%d", "%m"), ("%m", "%d"))
    )


def _split(shape: str) -> tuple[str, str, str]:
    if "%" not in shape:
        return shape, "", ""
    at = shape.index("%") - 1
    return shape[:at], shape[at], shape[at + 1 :]


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - whether it can be read has nothing to do with time zones
    except ValueError:
        return False
    return True
