"""``$filter`` of collections that are small: eq, contains and startswith on one property.

``https://learn.microsoft.com/graph/filter-query-parameter``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from scimport.sandbox.graph import invalid

_EQUAL = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*")
_FUNCTION = re.compile(r"\s*(contains|startswith)\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)\s*", re.IGNORECASE)


def chosen(
    items: Collection[dict[str, Any]], query: Mapping[str, str], properties: Collection[str]
) -> list[dict[str, Any]]:
    """The items that a ``$filter`` lets through, without regard to case, as Graph compares names.

    Raises:
        GraphError: 400, when it is not understood.
    """
    text = query.get("$filter")
    if not text:
        return list(items)
    name, test = _test(text)
    if name not in properties:
        raise invalid(f"Invalid filter clause: the property '{name}' cannot be filtered by.")
    return [item for item in items if test(str(item[name]).casefold())]


def _test(text: str) -> tuple[str, Callable[[str], bool]]:
    if found := _EQUAL.fullmatch(text):
        value = _value(found[2])
        return found[1], lambda other: other == value
    if found := _FUNCTION.fullmatch(text):
        value = _value(found[3])
        begins = found[1].lower() == "startswith"
        return found[2], lambda other: other.startswith(value) if begins else value in other
    raise invalid("Invalid filter clause: it is not understood.")


def _value(literal: str) -> str:
    return literal.replace("''", "'").casefold()
