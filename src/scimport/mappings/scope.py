"""What the expressions of a mapping may speak of: columns, ``vars``, ``let``, tables, and the time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jinja2 import nodes

from scimport.mappings.lookups import Lookups

Keys = tuple[str | int, ...]

_SCALARS: Final = (bool, int, float, str, type(None))


@dataclass
class Scope:
    """What the expressions of one mapping may speak of, and what they have spoken of so far.

    Attributes:
        known: Columns of the source, None when they are not known.
        variables: The mapping's ``vars``.
        now: Time of the run, with its zone.
        aliases: Loop target of each column used.
        constants: Values that the compiled code reads by name, because they have no short spelling in Python.
        lookups: The tables of the filter ``lookup``.
        lets: What each name of ``let`` stands for, and the columns that it reads.
        used: Values of ``today``, ``now`` and the parts of ``vars`` that are used, by their path.
        let_used: Names of ``let`` that are used.
    """

    known: Collection[str] | None
    variables: Mapping[str, Any]
    now: dt.datetime
    aliases: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    lookups: Lookups = field(default_factory=lambda: Lookups(None))
    lets: dict[str, tuple[nodes.Expr, frozenset[str]]] = field(default_factory=dict)
    used: dict[Keys, Any] = field(default_factory=dict)
    let_used: set[str] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns used, sorted, so that a source may reorder its own."""
        return tuple(sorted(self.aliases))

    def alias(self, column: str) -> str:
        """Loop target for a column."""
        return self.aliases.setdefault(column, f"c{len(self.aliases)}")

    def constant(self, path: Keys, value: Any) -> nodes.Expr:
        """What stands for a constant in the compiled code."""
        self.used[path] = value
        if isinstance(value, _SCALARS):
            return nodes.Const(value)
        name = f"k{list(self.used).index(path)}"
        self.constants[name] = value
        return nodes.Name(name, "load")
