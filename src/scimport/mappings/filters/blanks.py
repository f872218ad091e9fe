"""What is blank, and what stands in for it."""

from __future__ import annotations

from typing import Any

from jinja2 import Undefined


def is_blank(value: object) -> bool:
    """Test ``blank``: whether there is nothing: ``None`` or the empty text.

    >>> is_blank(""), is_blank(None), is_blank(0), is_blank(False)
    (True, True, False, False)
    """
    return value is None or (value.__class__ is str and not value)


def default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Filter ``default``: the value, or ``default_value`` when it is blank or undefined.

    Args:
        value: Anything.
        default_value: What stands in for it.
        boolean: Whether it stands in for ``false``, 0 and empty lists as well.

    >>> default("", "Unknown"), default("Ann", "Unknown"), default(0, 7)
    ('Unknown', 'Ann', 0)
    """
    if value.__class__ is str:
        return value or default_value
    if value is None or isinstance(value, Undefined):
        return default_value
    return value if value or not boolean else default_value
