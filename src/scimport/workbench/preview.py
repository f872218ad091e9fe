"""What a mapping makes of records, for the person who edits the mapping."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from scimport.codes import Code
from scimport.errors import ConfigError, UsageError
from scimport.mappings.expression import parse_condition
from scimport.mappings.mapping import Fault, LeafValue, OutOfScope
from scimport.mappings.mapping import Mapping as CompiledMapping
from scimport.mappings.scope import Scope
from scimport.mappings.template import MappingEnvironment, compile_probes
from scimport.mappings.validation import UserValidator
from scimport.model import Problem
from scimport.plan.records import Input, key_text
from scimport.sources.contract import Contract
from scimport.workbench.targets import target_attributes, target_values

_BATCH: Final = 1000

Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the user, and where its value comes from.

    Attributes:
        attribute: Its path: ``name.givenName``.
        value: Its JSON value; ``None`` when it is blank and will be left out.
        shown: The value, or why there is none, as text.
        expression: What makes it.
        columns: The columns that the expression reads.
        origin: ``file:line`` of the expression: of several mappings that say something, the one that counts.
        becomes: Attributes of the directory that it flows to by the app's default attribute mapping.
    """

    attribute: str
    value: Any
    shown: str
    expression: str
    columns: tuple[str, ...]
    origin: str
    becomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A record beside its user.

    Attributes:
        place: Where the record is.
        row: Its cells by column.
        in_scope: Whether the mapping's ``where`` holds; ``None`` when that cannot be told.
        attributes: The user, attribute by attribute.
        user: The user as it would be sent; ``None`` when there is none.
        app: What the app's default attribute mapping makes of the user: values by attribute of the directory.
        problems: What is wrong with it.
    """

    place: str
    row: Cells = field(repr=False)
    in_scope: bool | None
    attributes: tuple[Attribute, ...] = field(repr=False)
    user: dict[str, Any] | None = field(repr=False)
    app: dict[str, Any] = field(repr=False)
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a source, by itself: what stays the same while its mapping is edited."""

    cells: Cells = field(repr=False)
    place: str
    key: str


@dataclass(frozen=True, slots=True)
class Glass:
    """What a record is looked at through.

    Attributes:
        mapping: The compiled mapping.
        validator: Of what it makes.
        contract: Of the source.
        target: Kind of the pipeline's app: ``entra-id`` or ``on-premises-ad``.
    """

    mapping: CompiledMapping
    validator: UserValidator
    contract: Contract
    target: str

    def preview(self, record: Record) -> Preview:
        """Map a record and say everything about it."""
        cells = record.cells
        values = [cells[name] for name in self.mapping.columns]
        explained = self.mapping.explain(values)
        (user,) = self.mapping.users([values])
        problems = self.contract.check([cells[name] for name in self.contract.columns])
        if isinstance(user, OutOfScope):
            problems = ()
        elif not problems:
            problems = user.problems if isinstance(user, Fault) else self.validator.explain(user)
        made = user if isinstance(user, dict) else None
        app, refused = target_values(self.target, made) if made and not problems else ({}, ())
        known = tuple(replace(problem, key=record.key) for problem in (*problems, *refused))
        attributes = tuple(map(self._attribute, explained.leaves))
        return Preview(record.place, cells, explained.in_scope, attributes, made, app, known)

    def _attribute(self, found: LeafValue) -> Attribute:
        leaf = found.leaf
        shown = "" if found.value is None else str(found.value)
        return Attribute(
            leaf.path,
            found.value,
            f"({found.problem.code})" if found.problem else shown,
            " ".join(leaf.expression.split()),
            leaf.columns,
            f"{leaf.file}:{leaf.line}",
            target_attributes(self.target, self.mapping, leaf),
        )


def glass(source: Input, target: str) -> Glass:
    """What the records of an open source are looked at through."""
    return Glass(source.mapping, source.validator, source.contract, target)


def records(source: Input, where: str | None = None) -> Iterator[Record]:
    """The records of a source, in order.

    Args:
        source: The open source.
        where: An expression over its columns that they satisfy; all when None.

    Raises:
        ConfigError: The expression is wrong.
        SourceError: The source cannot be read.
    """
    columns, holds = source.source.columns, _condition(where, source.source.columns)
    for batch in source.source.batches(_BATCH):
        for row, position in zip(batch.rows, batch.positions, strict=True):
            cells = dict(zip(columns, row, strict=True))
            if source.trim:
                cells = {
                    name: cell.strip() if isinstance(cell, str) else cell for name, cell in cells.items()
                }
            if holds(cells):
                place = str(source.source.place(position))
                yield Record(cells, place, key_text(cells[source.key]))


def find_record(source: Input, wanted: str | int, where: str | None = None) -> Record:
    """A record by its key, or by its number among those that satisfy ``where``, counted from 1.

    Raises:
        ConfigError: The expression is wrong.
        UsageError: There is no such record.
        SourceError: The source cannot be read as far as the record.
    """
    number = 0
    for record in records(source, where):
        number += 1
        if number == wanted or (isinstance(wanted, str) and record.key == wanted.strip()):
            return record
    what = f"with the key {wanted}" if isinstance(wanted, str) else f"number {wanted}"
    which = "the source has" if where is None else "of those for which --where holds there is"
    hint = f"It has {number} records." if where is None else f"There are {number}."
    raise UsageError(Problem(Code.UNKNOWN_RECORD, f"{which} no record {what}", hint=hint))


def sample_records(source: Input, number: int, where: str | None = None) -> list[Record]:
    """So many records from all over a source, in its order; the same ones as long as it is the same.

    Raises:
        ConfigError: The expression is wrong.
        SourceError: The source cannot be read.
    """
    chance = random.Random(0)  # noqa: S311 - which records are looked at is no secret
    kept: list[tuple[int, Record]] = []
    for index, record in enumerate(records(source, where)):
        if index < number:
            kept.append((index, record))
        elif (place := chance.randrange(index + 1)) < number:
            kept[place] = (index, record)
    return [record for _, record in sorted(kept, key=lambda one: one[0])]


def _condition(where: str | None, columns: tuple[str, ...]) -> Callable[[Cells], bool]:
    if where is None:
        return lambda _: True
    environment, scope = MappingEnvironment(), Scope(columns, {}, datetime.now(UTC))
    expression, issues = parse_condition(environment, scope, where)
    if issues:
        raise ConfigError(
            Problem(issue.code, f"--where: {issue.message}", hint=issue.hint, field="--where")
            for issue in issues
        )
    (probe,) = compile_probes(environment, scope, [expression.parts])

    def holds(cells: Mapping[str, Any]) -> bool:
        try:
            return bool(probe(cells)[0])
        except Exception:  # noqa: BLE001 - a record that the expression fails for is none that it holds for
            return False

    return holds
