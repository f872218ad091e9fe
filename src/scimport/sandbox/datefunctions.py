"""The functions of attribute mappings that are about dates.

``https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data``
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from scimport.sandbox import netdates
from scimport.sandbox.signatures import Function, registering
from scimport.sandbox.values import EvaluationError, Scope, Value, is_blank, to_date, to_int, to_text

DATES: Final[dict[str, Function]] = {}
_dates = registering(DATES)


@_dates("CDate(expression)")
def _cdate(expression: Value) -> Value:
    return None if is_blank(expression) else to_date(expression)


@_dates("Now()", scoped=True)
def _now(scope: Scope) -> Value:
    return scope.now().replace(microsecond=0)


_UNITS: Final = {"ww": "weeks", "d": "days", "h": "hours", "n": "minutes", "s": "seconds"}


@_dates("DateAdd(interval, value, dateTime)")
def _date_add(interval: Value, value: Value, moment: Value) -> Value:
    if is_blank(moment):
        return None
    unit, number, start = _interval(interval), to_int(value), to_date(moment)
    try:
        if unit in _UNITS:
            return start + timedelta(**{_UNITS[unit]: number})
        months = start.year * 12 + start.month - 1 + number * (12 if unit == "yyyy" else 1)
        year, month = months // 12, months % 12 + 1
        return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        raise EvaluationError("The date is outside the years 1 to 9999.") from None


@_dates("DateDiff(interval, date1, date2)")
def _date_diff(interval: Value, first: Value, second: Value) -> Value:
    """As DateDiff of Visual Basic: years, months and weeks by the calendar, the others in whole units."""
    unit, start, end = _interval(interval), to_date(first), to_date(second)
    if unit == "yyyy":
        return end.year - start.year
    if unit == "m":
        return (end.year - start.year) * 12 + end.month - start.month
    if unit == "ww":
        gap = (end - timedelta(days=end.isoweekday() % 7)) - (start - timedelta(days=start.isoweekday() % 7))
        return int(int(gap / timedelta(days=1)) / 7)
    return int((end - start) / timedelta(**{_UNITS[unit]: 1}))


def _interval(value: Value) -> str:
    unit = to_text(value)
    if unit not in ("yyyy", "m", *_UNITS):
        raise EvaluationError("An interval is one of yyyy, m, d, ww, h, n and s.")
    return unit


_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)


@_dates("DateFromNum(value)")
def _date_from_num(value: Value) -> Value:
    if is_blank(value):
        return None
    try:
        return _FILETIME + timedelta(microseconds=to_int(value) // 10)
    except OverflowError:
        raise EvaluationError("The number is no date of Active Directory.") from None


@_dates("NumFromDate(value)")
def _num_from_date(value: Value) -> Value:
    if is_blank(value):
        return None
    return (to_date(value) - _FILETIME) // timedelta(microseconds=1) * 10


@_dates("FormatDateTime(source, dateTimeStyles?, inputFormat, outputFormat)")
def _format_date_time(source: Value, styles: Value, given: Value, wanted: Value) -> Value:
    if is_blank(source):
        return None
    text = source if isinstance(source, str) else to_text(source)
    try:
        moment = netdates.read(text, to_text(given), _styles(to_text(styles)))
    except ValueError:
        raise EvaluationError("The date is not in the format that FormatDateTime expects.") from None
    return netdates.write(moment, to_text(wanted))


@lru_cache(maxsize=64)
def _styles(text: str) -> frozenset[str]:
    words = {word.strip().rpartition(".")[2] for word in re.split(r"[,|]", text) if word.strip()}
    if not words <= netdates.STYLES:
        raise EvaluationError("FormatDateTime knows the names of .NET's DateTimeStyles only.")
    return frozenset(words) or netdates.DEFAULT_STYLES
