"""Which columns each attribute is made of, and what each column is used for."""

from __future__ import annotations

from dataclasses import dataclass

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.mappings.mapping import Mapping
from scimport.model import Problem
from scimport.project.values import did_you_mean
from scimport.workbench.targets import target_attributes

WHERE = "where"
"""Stands in the place of an attribute for the condition of a mapping."""


@dataclass(frozen=True, slots=True)
class Use:
    """An expression or a constant: what it is made of, and what comes of it.

    Attributes:
        attribute: The attribute of the user, or :data:`WHERE`.
        expression: As it is written.
        columns: The columns that it reads.
        file: File that it stands in.
        line: Line there.
        becomes: Attributes of the directory, by the app's default attribute mapping.
    """

    attribute: str
    expression: str
    columns: tuple[str, ...]
    file: str
    line: int | None
    becomes: tuple[str, ...] = ()


def lineage(mapping: Mapping, target: str) -> tuple[Use, ...]:
    """All uses of a mapping: its condition first, then the user in the order of the schema.

    Args:
        mapping: The compiled mapping.
        target: Kind of the app: ``entra-id`` or ``on-premises-ad``.
    """
    uses = [
        Use(
            leaf.path,
            " ".join(leaf.expression.split()),
            leaf.columns,
            leaf.file,
            leaf.line,
            target_attributes(target, mapping, leaf),
        )
        for leaf in mapping.leaves
    ]
    condition, leaf_where = mapping.condition, mapping.where
    if condition is not None and leaf_where is not None:
        origin, columns = leaf_where.origin, tuple(sorted(condition.columns))
        text = " ".join(str(leaf_where.value).split())
        uses.insert(0, Use(WHERE, text, columns, origin.file, origin.line))
    return tuple(uses)


def uses_of(uses: tuple[Use, ...], what: str) -> tuple[Use, ...]:
    """The uses that an attribute (or an object above it) or a column has a part in.

    Raises:
        UsageError: There is neither.
    """
    columns = {column for use in uses for column in use.columns}
    if found := tuple(use for use in uses if what in use.columns or _is_below(use.attribute, what)):
        return found
    attributes = [use.attribute for use in uses]
    hint = did_you_mean(what, (*columns, *attributes)) or "See `scimport lineage NAME` for all there are."
    message = f"the mapping has no attribute and reads no column {what}"
    raise UsageError(Problem(Code.UNKNOWN_NAME, message, hint=hint))


def _is_below(attribute: str, what: str) -> bool:
    return attribute == what or attribute.startswith((f"{what}.", f"{what}[", f"{what}:"))
