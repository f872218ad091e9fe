"""The filters and tests that expressions of a mapping may use.

Each is a plain function of its value, so that equal rows give equal users. A blank (``None`` or ``""``) is
passed through by every filter but ``default``, which replaces it, and ``length``, which counts it as 0.
Where a filter has the name of one of Jinja's, it does the same for text and is faster; where Jinja would
make something up (``int`` gives 0 for ``abc``), it raises. A ValueError says what is wrong without the
value, which is somebody's.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJA_TESTS

from scimport.mappings.dates import to_date, to_datetime
from scimport.mappings.names import pcase, to_ascii


def is_blank(value: object) -> bool:
    """Test ``blank``: whether there is nothing: ``None`` or the empty text.

    >>> is_blank(""), is_blank(None), is_blank(0), is_blank(False)
    (True, True, False, False)
    """
    return value is None or (value.__class__ is str and not value)


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


def first(value: Any) -> Any:
    """Filter ``first``: the first item of a list, or character of a text; ``None`` when there is none.

    >>> first(["a", "b"]), first("Ann"), first([])
    ('a', 'A', None)
    """
    return next(iter(value), None) if value else value if value == "" else None


def last(value: Any) -> Any:
    """Filter ``last``: the last item of a list, or character of a text; ``None`` when there is none.

    >>> last(["a", "b"]), last("Ann")
    ('b', 'n')
    """
    return value[-1] if value else value if value == "" else None


def join(value: Any, separator: str = "") -> Any:
    """Filter ``join``: the items of a list as one text, blank ones left out.

    >>> join(["Ann", "", None, "Lee"], " ")
    'Ann Lee'
    """
    if value is None or value.__class__ is str:
        return value
    return separator.join([to_text(item) for item in value if not is_blank(item)])


def to_list(value: Any) -> Any:
    """Filter ``list``: a list of the items.

    >>> to_list(("a", "b"))
    ['a', 'b']
    """
    return value if is_blank(value) else list(value)


def unique(value: Any) -> Any:
    """Filter ``unique``: the items without repeats, in order; texts that differ by case only are repeats.

    >>> unique(["HR", "IT", "hr"])
    ['HR', 'IT']
    """
    if is_blank(value):
        return value
    found: dict[Any, Any] = {}
    for item in value:
        found.setdefault(item.casefold() if isinstance(item, str) else item, item)
    return list(found.values())


def sort(value: Any, reverse: bool = False) -> Any:
    """Filter ``sort``: the items in order, the case of texts not regarded.

    >>> sort(["b", "C", "a"])
    ['a', 'b', 'C']
    """
    if is_blank(value):
        return value
    return sorted(value, key=lambda item: item.casefold() if isinstance(item, str) else item, reverse=reverse)


def reverse(value: Any) -> Any:
    """Filter ``reverse``: the items, or the characters of a text, from last to first.

    >>> reverse(["a", "b"]), reverse("abc")
    (['b', 'a'], 'cba')
    """
    return value if value is None else value[::-1] if isinstance(value, str) else list(reversed(value))


def minimum(value: Any) -> Any:
    """Filter ``min``: the smallest item, blanks left out; ``None`` of none.

    >>> minimum([3, None, 2])
    2
    """
    return value if is_blank(value) else min((item for item in value if not is_blank(item)), default=None)


def maximum(value: Any) -> Any:
    """Filter ``max``: the largest item, blanks left out; ``None`` of none.

    >>> maximum([3, None, 2])
    3
    """
    return value if is_blank(value) else max((item for item in value if not is_blank(item)), default=None)


def total(value: Any) -> Any:
    """Filter ``sum``: the items added up, blanks left out.

    >>> total([3, None, 2])
    5
    """
    return value if is_blank(value) else sum(item for item in value if not is_blank(item))


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


@pass_context
def each(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Filter ``map``: a list of every item put through another filter.

    ``Tags | split(";") | map("lower")``
    """
    return value if is_blank(value) else list(JINJA_FILTERS["map"](context, value, *args, **kwargs))


@pass_context
def select(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Filter ``select``: a list of the items for which a test holds.

    ``Ids | select("string")``
    """
    return value if is_blank(value) else list(JINJA_FILTERS["select"](context, value, *args, **kwargs))


@pass_context
def reject(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Filter ``reject``: a list of the items for which a test does not hold."""
    return value if is_blank(value) else list(JINJA_FILTERS["reject"](context, value, *args, **kwargs))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": absolute,
    "ascii": to_ascii,
    "bool": to_bool,
    "capitalize": capitalize,
    "count": length,
    "d": default,
    "date": to_date,
    "datetime": to_datetime,
    "default": default,
    "digits": digits,
    "first": first,
    "float": to_float,
    "format": formatted,
    "int": to_int,
    "join": join,
    "last": last,
    "length": length,
    "list": to_list,
    "lower": lower,
    "map": each,
    "max": maximum,
    "min": minimum,
    "pcase": pcase,
    "reject": reject,
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "select": select,
    "sort": sort,
    "split": split,
    "string": to_text,
    "sum": total,
    "text": to_text,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": upper,
    "urlencode": url_encode,
}
"""Every filter that an expression may use, by the name it has there."""

PURE: Final = frozenset(FILTERS)
"""Filters whose result depends on nothing but their arguments, so that a chain that occurs twice is computed
once. A filter that reads anything else (a clock, a file) must stay out of it."""

# What only programmers mean.
_NO_TESTS: Final = frozenset(("callable", "escaped", "sameas", "filter", "test"))

_JINJA_TESTS: Final[Mapping[str, Any]] = JINJA_TESTS

TESTS: Final[Mapping[str, Callable[..., Any]]] = {
    "blank": is_blank,
    **{name: test for name, test in _JINJA_TESTS.items() if name not in _NO_TESTS},
}
"""Every test that an expression may use (``Column is blank``)."""

NOT_OFFERED: Final[Mapping[str, str]] = {
    "random": "it would give another user at every run",
    "shuffle": "it would give another user at every run",
    **dict.fromkeys(
        ("e", "escape", "forceescape", "safe", "striptags", "tojson", "urlize", "xmlattr"),
        "a user is not HTML; values are written to JSON as they are",
    ),
    **dict.fromkeys(
        ("strftime", "strptime", "to_datetime"), "use date or datetime, with the format of the text"
    ),
    "proper": "use pcase",
    "strip": "use trim",
    "substring": "write Column[0:3]",
    "concat": 'write [A, B] | join(" "), or A ~ B',
    "if_blank": "use default",
    "coalesce": "use default",
}
"""Filters that people look for here, and what to do instead; the rest of Jinja's are for pages, not for
people."""
