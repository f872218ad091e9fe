"""The filters and tests that expressions of a mapping may use, by kind.

Each is a plain function of its value, so that equal rows give equal users. A blank (``None`` or ``""``) is
passed through by every filter but ``default``, which replaces it, and ``length``, which counts it as 0.
Where a filter has the name of one of Jinja's, it does the same for text and is faster; where Jinja would
make something up (``int`` gives 0 for ``abc``), it raises. A ValueError says what is wrong without the
value, which is somebody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2.tests import TESTS as JINJA_TESTS

from scimport.mappings.filters.blanks import default, is_blank
from scimport.mappings.filters.choices import coalesce, lookup, switch
from scimport.mappings.filters.codes import country, country_name, language
from scimport.mappings.filters.dates import add_days, excel_date, to_date, to_datetime, within
from scimport.mappings.filters.lists import (
    each,
    first,
    join,
    last,
    maximum,
    minimum,
    reject,
    reverse,
    select,
    sort,
    to_list,
    total,
    unique,
)
from scimport.mappings.filters.names import pcase, to_ascii
from scimport.mappings.filters.numbers import absolute, rounded, to_bool, to_float, to_int
from scimport.mappings.filters.phones import phone
from scimport.mappings.filters.texts import (
    capitalize,
    digits,
    formatted,
    length,
    lower,
    regex_replace,
    replace,
    split,
    title,
    to_text,
    trim,
    truncate,
    upper,
    url_encode,
)

__all__ = ["FILTERS", "NOT_OFFERED", "PURE", "TESTS", "is_blank"]

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": absolute,
    "add_days": add_days,
    "ascii": to_ascii,
    "bool": to_bool,
    "capitalize": capitalize,
    "coalesce": coalesce,
    "count": length,
    "country": country,
    "country_name": country_name,
    "d": default,
    "date": to_date,
    "datetime": to_datetime,
    "default": default,
    "digits": digits,
    "excel_date": excel_date,
    "first": first,
    "float": to_float,
    "format": formatted,
    "int": to_int,
    "join": join,
    "language": language,
    "last": last,
    "length": length,
    "list": to_list,
    "lookup": lookup,
    "lower": lower,
    "map": each,
    "max": maximum,
    "min": minimum,
    "pcase": pcase,
    "phone": phone,
    "regex_replace": regex_replace,
    "reject": reject,
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "select": select,
    "sort": sort,
    "split": split,
    "string": to_text,
    "sum": total,
    "switch": switch,
    "text": to_text,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": upper,
    "urlencode": url_encode,
    "within": within,
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
}
"""Filters that people look for here, and what to do instead; the rest of Jinja's are for pages, not for
people."""
