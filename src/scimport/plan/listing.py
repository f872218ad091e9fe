"""A plan as a person reads it: who is changed and how, kind by kind and page by page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from scimport.model import ChangeKind, Problem
from scimport.plan.guards import differences
from scimport.state.plans import Plans

_BATCH = 500
"""People whose old and new users are looked at together."""

_COMPARED = (ChangeKind.MOVER, ChangeKind.LEAVER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of a plan is looked at.

    Attributes:
        only: People of this kind alone.
        attribute: People alone for whom an attribute changes that has this in its path.
        keys: These people alone; empty for all.
        top: People of each kind on a page; ``None`` for all.
        page: Which page, from 1.
    """

    only: ChangeKind | None = None
    attribute: str | None = None
    keys: Sequence[str] = ()
    top: int | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a plan.

    Attributes:
        status: What is known of the change: planned, reported, invalid, accepted, rejected.
        attributes: Path, old and new value of each attribute that changes, ``None`` for none; of joiners all
            that they have.
        problems: Why the record is invalid.
    """

    key: str
    kind: ChangeKind
    status: str
    attributes: tuple[tuple[str, Any, Any], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The people of one kind.

    Attributes:
        total: How many there are that are wanted, on all pages.
        people: Those of the page.
    """

    kind: ChangeKind
    total: int
    people: tuple[Person, ...]


def grouped(plans: Plans, connection: Connection, plan_id: str, wanted: Wanted) -> Iterator[Group]:
    """The people of a plan, in groups that are not empty.

    Args:
        plans: The plans of its pipeline.
        connection: The state.
        plan_id: The plan.
        wanted: What part of it is looked at.
    """
    for kind in ChangeKind:
        if wanted.only not in (None, kind) or (wanted.attribute and kind not in _COMPARED):
            continue
        group = _group(plans, connection, plan_id, kind, wanted)
        if group.total:
            yield group


def _group(plans: Plans, connection: Connection, plan_id: str, kind: ChangeKind, wanted: Wanted) -> Group:
    skip = (wanted.page - 1) * (wanted.top or 0)
    if wanted.attribute is None:
        part = (skip, wanted.top)
        rows = plans.changes(connection, plan_id, kind, wanted.keys, part)
        total = plans.number(connection, plan_id, kind, wanted.keys)
        return Group(kind, total, tuple(_people(plans, connection, plan_id, rows)))
    # Whether somebody is wanted is only known once old and new are compared: all have to be looked at.
    rows = plans.changes(connection, plan_id, kind, wanted.keys)
    found, total = [], 0
    for person in _people(plans, connection, plan_id, rows):
        if any(wanted.attribute in path for path, _, _ in person.attributes):
            if wanted.top is None or skip <= total < skip + wanted.top:
                found.append(person)
            total += 1
    return Group(kind, total, tuple(found))


def _people(plans: Plans, connection: Connection, plan_id: str, rows: Iterator[Any]) -> Iterator[Person]:
    while batch := list(itertools.islice(rows, _BATCH)):
        keys = [row["key"] for row in batch]
        changed = {key: differences(old, new) for key, old, new in plans.modified(connection, plan_id, keys)}
        changed |= {
            row["key"]: differences(b"{}", row["body"] or b"{}")
            for row in batch
            if row["kind"] == ChangeKind.JOINER
        }
        problems: dict[str, list[Problem]] = {}
        invalid = [row["key"] for row in batch if row["kind"] == ChangeKind.INVALID]
        for problem in plans.problems(connection, plan_id, invalid) if invalid else ():
            problems.setdefault(problem.key, []).append(problem)
        for row in batch:
            key = row["key"]
            yield Person(
                key,
                ChangeKind(row["kind"]),
                row["status"],
                tuple(changed.get(key, ())),
                tuple(problems.get(key, ())),
            )
