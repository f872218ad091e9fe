"""What a mapping makes of one record, for the person who edits the mapping."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.mappings.mapping import Fault, OutOfScope
from scimport.model import Problem
from scimport.plan.records import Input, key_text


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the user, and where its value comes from.

    Attributes:
        attribute: Its path: ``name.givenName``.
        value: Its JSON value; ``None`` when it is blank and will be left out.
        shown: The value, or why there is none, as text.
        expression: What makes it.
        origin: ``file:line`` of the expression.
    """

    attribute: str
    value: Any
    shown: str
    expression: str
    origin: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A record beside its user.

    Attributes:
        place: Where the record is.
        row: Its cells by column.
        in_scope: Whether the mapping's ``where`` holds; ``None`` when that cannot be told.
        attributes: The user, attribute by attribute.
        user: The user as it would be sent; ``None`` when there is none.
        problems: What is wrong with it.
    """

    place: str
    row: dict[str, Any] = field(repr=False)
    in_scope: bool | None
    attributes: tuple[Attribute, ...] = field(repr=False)
    user: dict[str, Any] | None = field(repr=False)
    problems: tuple[Problem, ...]


def preview_record(source: Input, wanted: str | int) -> Preview:
    """Map one record and say everything about it.

    Args:
        source: The open source with its mapping.
        wanted: A key, or the number of a record, counted from 1.

    Raises:
        UsageError: There is no such record.
        SourceError: The source cannot be read as far as the record.
    """
    cells, position = find_record(source, wanted)
    if source.trim:
        cells = {name: cell.strip() if isinstance(cell, str) else cell for name, cell in cells.items()}
    values = [cells[name] for name in source.mapping.columns]
    explained = source.mapping.explain(values)
    (user,) = source.mapping.users([values])
    place, key = source.source.place(position), key_text(cells[source.key])
    problems = source.contract.check([cells[name] for name in source.contract.columns])
    if isinstance(user, OutOfScope):
        problems = ()
    elif not problems:
        problems = user.problems if isinstance(user, Fault) else source.validator.explain(user)
    attributes = tuple(
        Attribute(
            leaf.leaf.path,
            leaf.value,
            f"({leaf.problem.code})" if leaf.problem else "" if leaf.value is None else str(leaf.value),
            " ".join(leaf.leaf.expression.split()),
            f"{leaf.leaf.file}:{leaf.leaf.line}",
        )
        for leaf in explained.leaves
    )
    made = user if isinstance(user, dict) else None
    known = tuple(replace(problem, key=key) for problem in problems)
    return Preview(str(place), cells, explained.in_scope, attributes, made, known)


def find_record(source: Input, wanted: str | int) -> tuple[dict[str, Any], int]:
    """The cells of a record by column, and its position; see :func:`preview_record`."""
    columns = source.source.columns
    at = columns.index(source.key)
    number = 0
    for batch in source.source.batches(1000):
        for row, position in zip(batch.rows, batch.positions, strict=True):
            number += 1
            if number == wanted or (isinstance(wanted, str) and key_text(row[at]) == wanted.strip()):
                return dict(zip(columns, row, strict=True)), position
    what = f"with the key {wanted}" if isinstance(wanted, str) else f"number {wanted}"
    raise UsageError(
        Problem(Code.UNKNOWN_RECORD, f"the source has no record {what}", hint=f"It has {number} records.")
    )
