"""Attribute paths of a SCIM user, as mappings name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import Enum, auto

from scimport.sandbox.bulk import User


class Absence(Enum):
    """A value that the user does not have."""

    OMITTED = auto()
    """What it would be part of is there."""
    OUTSIDE = auto()
    """What it would be part of is not there either, so that *Flow null values* leaves it alone."""


Reader = Callable[[User], object]

_PATH = re.compile(r'(?:(urn:.+):)?(\w+)(?:\[type eq "([^"]+)"\])?(?:\.(\w+))?')


def read_path(path: str, kinds: Collection[str] = ()) -> Reader:
    """A function that reads one attribute path of a SCIM user.

    Args:
        path: Such as ``name.givenName``, ``emails[type eq "work"].value``, or an extension's URN and name.
        kinds: Types of ``addresses``, ``emails`` and the like that are read; empty for all.

    Raises:
        ValueError: when it is not a path.
    """
    if not (found := _PATH.fullmatch(path)):
        raise ValueError(path)
    urn, name, kind, part = found.groups()
    if kind and kinds and kind not in kinds:
        return lambda _: Absence.OUTSIDE
    if kind:
        return _item_reader(name, kind, part)
    if urn or part:
        return _part_reader(urn or name, name if urn else part)
    return lambda user: user.get(name, Absence.OMITTED)


def _part_reader(parent: str, name: str) -> Reader:
    def read(user: User) -> object:
        whole = user.get(parent)
        if whole.__class__ is dict:
            return whole.get(name, Absence.OMITTED)
        if whole.__class__ is list:
            return [item[name] for item in whole if item.__class__ is dict and name in item]
        return Absence.OUTSIDE

    return read


def _item_reader(name: str, kind: str, part: str | None) -> Reader:
    def read(user: User) -> object:
        items = user.get(name)
        if items.__class__ is list:
            for item in items:
                if item.__class__ is dict and item.get("type") == kind:
                    return item.get(part or "value", Absence.OMITTED)
        return Absence.OUTSIDE

    return read
