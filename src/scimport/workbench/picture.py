"""The lineage of a mapping as SVG: columns on the left, attributes on the right, a line for each use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ROW: Final = 24
_LEFT: Final = 190
_RIGHT: Final = 470
_WIDTH: Final = 830
_LONGEST: Final = 46


@dataclass(frozen=True, slots=True)
class Node:
    """A column or an attribute: its name, where its text is, and the whole name if that is shortened."""

    name: str
    y: int
    whole: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws: sizes, nodes and lines."""

    width: int
    height: int
    left: int
    right: int
    columns: tuple[Node, ...]
    attributes: tuple[Node, ...]
    lines: tuple[str, ...]


def picture(uses: Sequence[tuple[str, Sequence[str]]]) -> Picture:
    """Lay out a picture.

    Args:
        uses: Attributes with the columns that they are made of, in the order in which they are drawn. Columns
            are drawn in the order in which they are first used, so that few lines cross.
    """
    names = list(dict.fromkeys(column for _, columns in uses for column in columns))
    rows = max(len(names), len(uses), 1)
    left = {name: _place(index, len(names), rows) for index, name in enumerate(names)}
    lines, right = [], []
    for index, (attribute, columns) in enumerate(uses):
        y = _place(index, len(uses), rows)
        right.append(Node(_short(attribute), y, attribute))
        lines += [_line(left[column], y) for column in columns]
    columns_ = tuple(Node(_short(name), y, name) for name, y in left.items())
    return Picture(_WIDTH, rows * ROW, _LEFT, _RIGHT, columns_, tuple(right), tuple(lines))


def _place(index: int, count: int, rows: int) -> int:
    """The middle of a row; the shorter side is spread over the height of the longer one."""
    return round((index + 0.5) * rows * ROW / count)


def _line(start: int, end: int) -> str:
    middle = (_LEFT + _RIGHT) // 2
    return f"M{_LEFT + 8} {start}C{middle} {start} {middle} {end} {_RIGHT - 8} {end}"


def _short(name: str) -> str:
    """The end of a name tells more than its beginning: URNs begin alike."""
    if name.startswith("urn:"):
        name = name.rpartition(":")[2]
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
