"""One value or another: by what a value is, or by which value is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scimport.mappings.filters.blanks import is_blank
from scimport.mappings.filters.texts import to_text

_MISSING: Final = object()


def switch(value: Any, table: Mapping[str, Any], default: Any = _MISSING) -> Any:
    """Filter ``switch``: what a table has for a value.

    Args:
        value: A text, or what can be written as one. A blank is passed through.
        table: What to give by text; case counts.
        default: What to give for a value that is not in it, in place of the error.

    Raises:
        ValueError: If the table does not have the value.

    >>> switch("A", {"A": "active", "T": "left"}), switch("X", {"A": "active"}, "unknown")
    ('active', 'unknown')
    """
    if is_blank(value):
        return value
    found = table.get(to_text(value), default)
    if found is _MISSING:
        raise ValueError("it is not in the table of switch; list it, or give a default")
    return found


def coalesce(value: Any, *others: Any) -> Any:
    """Filter ``coalesce``: the first of several values that is not blank; ``None`` when all are.

    >>> coalesce("", None, "Ann"), coalesce(None, "")
    ('Ann', None)
    """
    return next((one for one in (value, *others) if not is_blank(one)), None)


def lookup(value: Any, table: str, column: str | None = None, default: Any = _MISSING) -> Any:  # noqa: ARG001
    """Filter ``lookup``: what a CSV file in mappings/lookups/ has for a value.

    Each mapping has a lookup of its own in place of this one (:mod:`scimport.mappings.lookups`), which knows
    its tables.

    Args:
        value: A text, or what can be written as one: it is looked for in the first column. A blank is passed
            through.
        table: Name of the file, without ``.csv``.
        column: The column to give; the second when not given.
        default: What to give for a value that is not in the table, in place of the error.

    Raises:
        ValueError: If the table does not have the value.
    """
    if is_blank(value):
        return value
    raise ValueError("there are no tables here")
