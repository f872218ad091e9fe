"""Numbers and booleans."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

from jinja2.filters import FILTERS as JINJA_FILTERS

from scimport.mappings.filters.blanks import is_blank
from scimport.mappings.filters.texts import to_text

_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+\s*")

_NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")

_MISSING: Final = object()


def to_int(value: Any, default_value: Any = _MISSING) -> Any:
    """Filter ``int``: a whole number.

    Args:
        value: Text of decimal digits with or without a sign; or a number without a fraction.
        default_value: What to give for anything else, in place of the error.

    Raises:
        ValueError: If it is not a whole number. (Jinja would give 0.)

    >>> to_int("0042"), to_int(7.0), to_int("n/a", -1)
    (42, 7, -1)
    """
    if value is None or value == "":
        return value
    if value.__class__ is str:
        if _INTEGER.fullmatch(value):
            return int(value)
    elif isinstance(value, (int, float, Decimal)) and math.isfinite(value) and value == int(value):
        return int(value)
    if default_value is _MISSING:
        raise ValueError("it is not a whole number")
    return default_value


def to_float(value: Any, default_value: Any = _MISSING) -> Any:
    """Filter ``float``: a number with a fraction.

    Args:
        value: Text with a decimal point; or a number.
        default_value: What to give for anything else, in place of the error.

    Raises:
        ValueError: If it is not a number, or not a finite one. (Jinja would give 0.)

    >>> to_float("0.5"), to_float("0,5", None)
    (0.5, None)
    """
    if value is None or value == "":
        return value
    if value.__class__ is str:
        number = float(value) if _NUMBER.fullmatch(value) else math.nan
    else:
        number = float(value) if isinstance(value, (int, float, Decimal)) else math.nan
    if math.isfinite(number):
        return number
    if default_value is _MISSING:
        raise ValueError("it is not a number")
    return default_value


_TRUE: Final = ("true", "yes", "y", "1")

_FALSE: Final = ("false", "no", "n", "0")


def to_bool(
    value: Any,
    true_values: str | Collection[str] = _TRUE,
    false_values: str | Collection[str] = _FALSE,
) -> Any:
    """Filter ``bool``: true or false, by lists of what means which; anything else is an error, never a guess.

    Args:
        value: A boolean, a text or a whole number; case does not matter.
        true_values: One text or several that mean true; ``true``, ``yes``, ``y``, ``1`` when not given.
        false_values: One text or several that mean false; ``false``, ``no``, ``n``, ``0`` when not given.

    Raises:
        ValueError: If the value is in neither list.

    >>> to_bool("A", ["A", "P"], "T"), to_bool("No"), to_bool("")
    (True, False, '')
    """
    if value is None or value == "" or value is True or value is False:
        return value
    text = value if value.__class__ is str else to_text(value)
    if _is_among(text, true_values):
        return True
    if _is_among(text, false_values):
        return False
    raise ValueError("it is neither among the texts for true nor among those for false")


def _is_among(text: str, choices: str | Collection[str]) -> bool:
    if isinstance(choices, str):
        return text == choices or text.casefold() == choices.casefold()
    return text in choices or text.casefold() in [str(choice).casefold() for choice in choices]


def absolute(value: Any) -> Any:
    """Filter ``abs``: a number without its sign.

    >>> absolute(-3)
    3
    """
    return value if is_blank(value) else abs(value)


def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    """Filter ``round``: a number rounded to so many places; ``method`` is ``common``, ``ceil`` or ``floor``.

    >>> rounded(2.75, 1), rounded(2.1, 0, "ceil")
    (2.8, 3.0)
    """
    return value if is_blank(value) else JINJA_FILTERS["round"](value, precision, method)
