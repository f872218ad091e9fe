"""Filters of lists."""

from __future__ import annotations

from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context

from scimport.mappings.filters.blanks import is_blank
from scimport.mappings.filters.texts import to_text
from scimport.mappings.marks import mark


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


def unique(value: Any, pool: str = "", keep: bool = True) -> Any:
    """Filter ``unique``: of a list the items without repeats; of a text one that nobody else has.

    Texts that differ by case only are repeats. What becomes of a text is settled when all others are known:
    here it is only marked (:mod:`scimport.mappings.marks`).

    Args:
        value: The list, or the text that is wanted.
        pool: Of a text: where nobody else may have it; left out: in the attribute.
        keep: Of a text: whether a person keeps what was settled first, whatever is wanted later.

    Raises:
        ValueError: A list has no pool; a text holds characters that no text may hold.

    >>> unique(["HR", "IT", "hr"])
    ['HR', 'IT']
    """
    if is_blank(value):
        return value
    if isinstance(value, str):
        return mark(value, pool, keeps=keep)
    if pool:
        raise ValueError("unique takes a pool for a text only")
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
