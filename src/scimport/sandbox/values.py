"""Values while a mapping is evaluated, and how one kind becomes another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from scimport.sandbox import netdates

Value = None | str | bool | int | float | datetime | list[str]

DATE = "M/d/yyyy h:mm:ss tt"
"""How functions write dates, always in UTC."""
_LAYOUTS = (
    *(f"yyyy-MM-dd{time}K" for time in ("", "THH:mm:ss.FFFFFFF", " HH:mm:ss.FFFFFFF", "THH:mm", " HH:mm")),
    *(f"M/d/yyyy{time}" for time in ("", " h:mm:ss tt", " h:mm:sstt", " h:mm tt", " H:mm:ss", " H:mm")),
    "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
)


class EvaluationError(Exception):
    """A mapping that comes to nothing for one user.

    Args:
        reason: What is wrong, without a value of the user.
        code: ``errorCode`` of the provisioning log; empty for the one that functions have in common.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the world is like while a mapping is evaluated.

    Attributes:
        default_domain: The tenant's default verified domain; empty when there is none.
        null_condition: What a condition of ``IIF`` does when an attribute in it is null or empty.
        now: The present, in UTC.
    """

    default_domain: str = ""
    null_condition: Literal["fail", "false"] = "fail"
    now: Callable[[], datetime] = field(default=_now)


def plain(value: Any) -> Value:
    """A value of a SCIM user as functions take it: a complex one is its ``value``, a list one of texts."""
    if isinstance(value, dict):
        return plain(value.get("value"))
    if isinstance(value, list):
        return [text for item in value if (text := to_text(plain(item)))]
    return value if isinstance(value, (str, bool, int, float)) else None


def to_text(value: Value) -> str:
    """A value as text; null is empty.

    Raises:
        EvaluationError: for several values.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return netdates.write(value, DATE)
    if isinstance(value, list):
        if len(value) > 1:
            raise EvaluationError("An attribute has several values where one is expected.")
        return value[0] if value else ""
    return "" if value is None else str(value)


def to_list(value: Value) -> list[str]:
    """The values of an attribute."""
    if isinstance(value, list):
        return value
    return [] if value is None else [to_text(value)]


def to_number(value: Value) -> int | float:
    """A number, or text that is one.

    Raises:
        EvaluationError: for everything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = to_text(value).strip()
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            raise EvaluationError("A number is expected where there is none.") from None
    return value


def to_int(value: Value) -> int:
    """A whole number.

    Raises:
        EvaluationError: for everything else.
    """
    number = to_number(value)
    if number != number or number in (float("inf"), float("-inf")) or number != int(number):  # noqa: PLR0124 - NaN
        raise EvaluationError("A whole number is expected where there is none.")
    return int(number)


def to_date(value: Value) -> datetime:
    """A date in UTC; text may be ISO 8601, with or without an offset, or as functions write dates.

    Raises:
        EvaluationError: for everything else.
    """
    if isinstance(value, datetime):
        return value
    text = to_text(value)
    for layout in _LAYOUTS:
        try:
            found = netdates.read(text, layout)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise EvaluationError("A date is expected where there is none.")


def to_flag(value: Value) -> bool:
    """True or false: a truth value, a word for one, or a number that is not zero.

    Raises:
        EvaluationError: for everything else.
    """
    if isinstance(value, bool):
        return value
    text = to_text(value).strip().lower()
    if text in ("true", "false"):
        return text == "true"
    return bool(text) and to_number(value) != 0


def is_blank(value: Value) -> bool:
    """Whether a value is null or empty."""
    return value is None or value in ("", [])
