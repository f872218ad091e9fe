"""Filters of texts."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from jinja2.filters import FILTERS as JINJA_FILTERS

from scimport.mappings.filters.blanks import is_blank


def to_text(value: Any) -> Any:
    """Filters ``text`` and ``string``: the value as text; dates as ISO 8601, booleans as in JSON.

    Raises:
        ValueError: If the value is a list, an object or bytes.

    >>> to_text(42), to_text(True), to_text("00123")
    ('42', 'true', '00123')
    """
    if value.__class__ is str or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (int, float, str)):
        return str(value)
    # UUID columns of SQL come as their own type, and are the only such one that is text by nature.
    if value.__class__.__name__ == "UUID":
        return str(value)
    raise ValueError("it cannot be written as a text")


def lower(value: Any) -> Any:
    """Filter ``lower``: all letters small.

    >>> lower("Ann@ACME.example")
    'ann@acme.example'
    """
    if value.__class__ is str:
        return value.lower()
    return value if value is None else to_text(value).lower()


def upper(value: Any) -> Any:
    """Filter ``upper``: all letters capital.

    >>> upper("de")
    'DE'
    """
    if value.__class__ is str:
        return value.upper()
    return value if value is None else to_text(value).upper()


def trim(value: Any, chars: str | None = None) -> Any:
    """Filter ``trim``: without white space (or the given characters) at both ends.

    >>> trim("  Ann ")
    'Ann'
    >>> trim("--7--", "-")
    '7'
    """
    if value.__class__ is str:
        return value.strip(chars)
    return value if value is None else to_text(value).strip(chars)


def capitalize(value: Any) -> Any:
    """Filter ``capitalize``: the first letter a capital, all others small.

    >>> capitalize("sales AND service")
    'Sales and service'
    """
    if value.__class__ is str:
        return value.capitalize()
    return value if value is None else to_text(value).capitalize()


_WORD_START: Final = re.compile(r"([-\s({\[<]+)")


def title(value: Any) -> Any:
    """Filter ``title``: every word with a capital first and small letters after it (names: ``pcase``).

    >>> title("head of research")
    'Head Of Research'
    """
    if value is None:
        return None
    text = value if value.__class__ is str else to_text(value)
    if text.isascii() and text.replace(" ", "").isalpha():
        return text.title()
    words = _WORD_START.split(text)
    return "".join([word[0].upper() + word[1:].lower() for word in words if word])


def replace(value: Any, old: str, new: str, count: int = -1) -> Any:
    """Filter ``replace``: every ``old`` (or the first ``count`` of them) replaced by ``new``.

    >>> replace("R & D", "&", "and")
    'R and D'
    """
    if value.__class__ is str:
        return value.replace(old, new, count)
    return value if value is None else to_text(value).replace(old, new, count)


def truncate(
    value: Any, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 0
) -> Any:
    """Filter ``truncate``: at most ``length`` characters, ``end`` included.

    It is cut between words unless ``killwords``. Jinja lets five characters more pass; here none, since
    directories have limits, unless ``leeway`` says so.

    Raises:
        ValueError: If ``length`` leaves no room for ``end``.

    >>> truncate("Senior Vice President", 15)
    'Senior Vice...'
    >>> truncate("Senior Vice President", 6, True, "")
    'Senior'
    """
    if length < len(end):
        raise ValueError("truncate needs a length of at least that of its end")
    text = to_text(value)
    if text is None or len(text) <= length + leeway:
        return text
    text = text[: length - len(end)]
    return (text if killwords else text.rsplit(" ", 1)[0]) + end


def split(value: Any, separator: str | None = None, index: int | None = None) -> Any:
    """Filter ``split``: the parts of a text, each without white space around it.

    Args:
        value: Text. A blank is passed through.
        separator: What stands between the parts; white space when not given.
        index: Which part to give, counted from 0, from the end when negative; ``None`` comes for one that is
            not there.

    Returns:
        One part with ``index``; without it the list of the parts that are not blank.

    Raises:
        ValueError: If the separator is the empty text.

    >>> split("red; green;;blue", ";")
    ['red', 'green', 'blue']
    >>> split("Doe, John", ",", 1)
    'John'
    """
    if value is None or value == "":
        return value
    if separator == "":
        raise ValueError("split needs a separator that is not empty")
    parts = [part.strip() for part in to_text(value).split(separator)]
    if index is None:
        return [part for part in parts if part]
    return parts[index] if -len(parts) <= index < len(parts) else None


_PATIENCE: Final = 0.25


def regex_replace(value: Any, pattern: str, replacement: str = "", count: int = 0) -> Any:
    r"""Filter ``regex_replace``: what matches a regular expression, replaced.

    A pattern that takes longer than a quarter of a second for one value is given up: some need years.

    Args:
        value: Text. A blank is passed through.
        pattern: In the syntax of Python's ``re``.
        replacement: What to put there; ``\\1`` and ``\\g<name>`` are what a group has matched.
        count: How many to replace, from the left; 0 for all.

    Raises:
        ValueError: If the pattern or the replacement cannot be used, or takes too long.

    >>> regex_replace("Dr. Ann Lee", r"^(Dr|Prof)\.\s+")
    'Ann Lee'
    >>> regex_replace("Lee, Ann", r"(\w+), (\w+)", r"\2 \1")
    'Ann Lee'
    """
    if value is None or value == "":
        return value
    try:
        return str(_pattern(pattern).sub(replacement, to_text(value), count, timeout=_PATIENCE))
    except TimeoutError:
        raise ValueError("the pattern takes too long for it; write one without nested repeats") from None
    except (re.error, IndexError):
        raise ValueError(f"the replacement {replacement} cannot be used with the pattern") from None
    except Exception as error:
        if type(error).__module__.startswith("regex"):
            raise ValueError(f"the replacement {replacement} cannot be used with the pattern") from None
        raise


@lru_cache(256)
def _pattern(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415 - only where a pattern is used

    try:
        return regex.compile(pattern)
    except regex.error:
        raise ValueError(f"the pattern {pattern} is not a regular expression") from None


_NOT_DIGITS: Final = re.compile("[^0-9]+")


def digits(value: Any, keep: str = "") -> Any:
    """Filter ``digits``: the digits of a text, as ASCII, and nothing else; a blank when it has none.

    Args:
        value: Text or a whole number. A blank is passed through.
        keep: Other characters that stay.

    >>> digits("+49 (0)30 1234-56"), digits("+49 30 12", keep="+")
    ('49030123456', '+493012')
    """
    if value is None:
        return None
    text = value if value.__class__ is str else to_text(value)
    if keep or not text.isascii():
        return "".join([c if c in keep else str(unicodedata.decimal(c, "")) for c in text])
    return _NOT_DIGITS.sub("", text)


def length(value: Any) -> int:
    """Filters ``length`` and ``count``: the number of characters or items; 0 for a blank.

    >>> length("Ann"), length(None)
    (3, 0)
    """
    if value is None:
        return 0
    return len(value) if hasattr(value, "__len__") else len(to_text(value))


def formatted(value: Any, *args: Any) -> Any:
    """Filter ``format``: a printf text with its places filled; a blank when a value for it is blank.

    >>> formatted("%05d", 123), formatted("%05d", None)
    ('00123', None)
    """
    return None if any(is_blank(item) for item in args) else JINJA_FILTERS["format"](value, *args)


def url_encode(value: Any) -> Any:
    """Filter ``urlencode``: a text as it may stand in a URL's path.

    >>> url_encode("Ann Lee")
    'Ann%20Lee'
    """
    return value if value is None else quote(to_text(value), safe="/")
