"""From the Python value of an expression to the JSON value of a SCIM attribute (RFC 7643 section 2.3).

What has one meaning only is converted: a date for a ``dateTime`` (section 2.3.5) gets a time part, a number
for a ``string`` becomes its digits, a database's ``1`` for a ``boolean`` becomes ``true``. Everything else is
refused: the text ``false`` is no boolean. ``None`` and the empty text are blank and come out as ``None``.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from jinja2.runtime import Undefined

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGERS: Final = range(-(2**63), 2**63)
# Beyond this a float does not tell one integer from the next.
_EXACT: Final = 2.0**53

Converter = Callable[[object], Any]


class ValueRefusedError(TypeError):
    """A value that the attribute cannot take; the message says what kind of value, never which."""


def _refuse(value: object, wanted: str) -> ValueRefusedError:
    # StrictUndefined raises its own error here, which says what is missing.
    if isinstance(value, Undefined):
        str(value)
    return ValueRefusedError(f"it gives {_kind(value)} where {wanted} is needed")


def _kind(value: object) -> str:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "a text"),
        (int, "an integer"),
        ((float, Decimal), "a number"),
        (dt.datetime, "a time"),
        (dt.date, "a date"),
        ((bytes, bytearray, memoryview), "binary data"),
        (Mapping, "an object"),
        (Iterable, "a list"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


def text(value: object) -> str | None:
    """The value of a ``string`` or ``reference``: numbers become digits, dates and times ISO 8601."""
    if value is None:
        return None
    if isinstance(value, str):
        # A plain str, since the JSON tools refuse subclasses such as Markup.
        return str.__str__(value) or None
    if isinstance(value, bool):
        raise _refuse(value, "a text")
    if isinstance(value, dt.datetime):
        return _rfc3339(value)
    if isinstance(value, int | dt.date | dt.time | UUID):
        return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
    if isinstance(value, float | Decimal):
        return _digits(value)
    raise _refuse(value, "a text")


def _digits(value: float | Decimal) -> str:
    if not math.isfinite(value):
        raise ValueRefusedError("it gives a number that is not finite")
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def boolean(value: object) -> bool | None:
    """The value of a ``boolean``; 0 and 1, which is how several databases write it, count."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str) and not value:
        return None
    if isinstance(value, int | Decimal) and value in (0, 1):
        return bool(value)
    raise _refuse(value, "true or false")


def integer(value: object) -> int | None:
    """The value of an ``integer``, of 64 bits at most; a whole number of another type is converted."""
    if value is None or (isinstance(value, str) and not value):
        return None
    whole = _whole(value)
    if whole is None:
        raise _refuse(value, "an integer")
    if whole not in _INTEGERS:
        raise ValueRefusedError("it gives an integer of more than 64 bits")
    return whole


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        # A plain int: a range looks for one of another class at each of its places.
        return int(value)
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return int(value)
    return None


def decimal(value: object) -> int | float | None:
    """The value of a ``decimal``, as a float, or an integer where it was one."""
    if value is None or (isinstance(value, str) and not value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _refuse(value, "a number")
    if isinstance(value, int):
        return integer(value)
    if not math.isfinite(value):
        raise ValueRefusedError("it gives a number that is not finite")
    return float(value)


def date_time(value: object) -> str | None:
    """The value of a ``dateTime`` in RFC 3339; a date, also as ISO text, is its midnight in UTC."""
    if isinstance(value, dt.datetime):
        return _rfc3339(value)
    if isinstance(value, dt.date):
        return f"{value.isoformat()}T00:00:00Z"
    if value is None or isinstance(value, str):
        found = text(value)
        return f"{found}T00:00:00Z" if found and _DATE.fullmatch(found) else found
    raise _refuse(value, "a date or time")


def _rfc3339(value: dt.datetime) -> str:
    """A time without a zone is taken as UTC, as databases without zones have it."""
    iso = value.isoformat()
    if value.tzinfo is None:
        return f"{iso}Z"
    return iso.removesuffix("+00:00") + "Z" if iso.endswith("+00:00") else iso


def binary(value: object) -> str | None:
    """The value of a ``binary``: bytes become base64 (RFC 4648 section 4), a text is that already."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii") or None
    if value is None or isinstance(value, str):
        return text(value)
    raise _refuse(value, "binary data")


CONVERTERS: Final[Mapping[str, Converter]] = {
    "string": text,
    "reference": text,
    "boolean": boolean,
    "integer": integer,
    "decimal": decimal,
    "dateTime": date_time,
    "binary": binary,
}
"""What makes the JSON value, by the attribute's type; each raises :class:`ValueRefusedError`."""


def each(value: object, convert: Converter) -> list[Any] | None:
    """The value of a multi-valued simple attribute: a list without blank entries, None if that is empty."""
    if value is None or (isinstance(value, str) and not value):
        return None
    if isinstance(value, str | bytes | Mapping | Undefined) or not isinstance(value, Iterable):
        raise _refuse(value, "a list")
    converted = (convert(item) for item in value)
    return [item for item in converted if item is not None] or None


def part(value: object) -> str:
    """An expression's value inside a text: blank is nothing, a boolean is ``true`` or ``false``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) or ""


def join(literals: Sequence[str], parts: Sequence[str]) -> str | None:
    """Puts a text together of which a part may be blank.

    A blank part takes with it the space that would be doubled, or be left at an end, without it:
    ``{{ First }} {{ Middle }} {{ Last }}`` has one space between first and last name when there is no middle
    name.

    Args:
        literals: The text before, between and after the parts; one more than parts.
        parts: Values of the expressions, ``""`` for a blank one.

    Returns:
        The text, None when every part is blank or the whole is only white space.
    """
    if not any(parts):
        return None
    joined = literals[0]
    for literal, value in zip(literals[1:], parts, strict=True):
        spaced = not joined or joined[-1].isspace()
        joined += value + (literal.lstrip() if not value and spaced else literal)
    if not parts[0] and not literals[0].strip():
        joined = joined.lstrip()
    if not parts[-1] and not literals[-1].strip():
        joined = joined.rstrip()
    return joined if joined.strip() else None
