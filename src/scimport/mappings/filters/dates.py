"""Dates and times out of text or SQL values, as ISO 8601 dates and RFC 3339 date-times."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MEMO: Final = 4096
"""How many texts each filter remembers, ISO dates aside; people share dates, and parsing is pure."""

# ISO 8601 calendar dates, alone or with a time; a week or ordinal date is more often a mistake.
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
    r"|[0-9]{8}"
)
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_DIRECTIVE: Final = re.compile(r"%(.)|(\s+)|([^%\s]+)")
# As `time.strptime` reads them, with ASCII digits only.
_LOOSE: Final = {
    "Y": "([0-9]{4})",
    "m": "(1[0-2]|0[1-9]|[1-9])",
    "d": "(3[01]|[12][0-9]|0[1-9]|[1-9])",
    "H": "(2[0-3]|[01][0-9]|[0-9])",
    "M": "([0-5][0-9]|[0-9])",
    "S": "([0-5][0-9]|[0-9])",
}
_EXACT: Final = {letter: "([0-9]{4})" if letter == "Y" else "([0-9]{2})" for letter in _LOOSE}
_ORDER: Final = "YmdHMS"


def to_date(value: Any, *formats: str) -> Any:
    """Filter ``date``: a date as ``YYYY-MM-DD``.

    Args:
        value: Text; or a date or date-time from SQL, whose date part is taken. A blank is passed through.
        formats: How the text may be written (``strptime`` directives), tried in order; ISO 8601 when none is
            given. A two-digit year is only read where a format says ``%y``, in which 69-99 are 1969-1999 and
            00-68 are 2000-2068.

    Raises:
        ValueError: If the text is not such a date.

    >>> to_date("31.12.2024", "%d.%m.%Y")
    '2024-12-31'
    >>> to_date("2024-12-31T08:30:00Z")
    '2024-12-31'
    >>> to_date("12/31/2024", "%d.%m.%Y", "%m/%d/%Y")
    '2024-12-31'
    """
    if value.__class__ is str:
        if not value or (not formats and _is_iso(value)):
            return value
        return _date_text(value, formats)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError("it is neither a text nor a date")


def to_datetime(value: Any, *formats: str, format: str | None = None, tz: str | None = None) -> Any:  # noqa: A002 - the word users know
    """Filter ``datetime``: a date-time as RFC 3339, always with a time and an offset.

    A date alone is its midnight. What has no offset of its own is a time in ``tz``; what has one is moved to
    ``tz`` when that is given.

    Args:
        value: Text; or a date or date-time from SQL. A blank is passed through.
        formats: How the text may be written (``strptime`` directives), tried in order; ISO 8601 when none is
            given.
        format: One format more, by name.
        tz: Time zone, as an IANA name (``Europe/Berlin``), an offset (``+02:00``), or UTC when not given.

    Raises:
        ValueError: If the text is not such a date, or the time zone is not known.

    >>> to_datetime("2024-12-31")
    '2024-12-31T00:00:00Z'
    >>> to_datetime("31.12.2024 08:30", "%d.%m.%Y %H:%M", tz="Europe/Berlin")
    '2024-12-31T08:30:00+01:00'
    >>> to_datetime("2024-12-31T08:30:00-05:00")
    '2024-12-31T08:30:00-05:00'
    """
    if value.__class__ is str:
        if not value:
            return value
        if format is None and tz is None and not formats and _is_iso(value):
            return value + "T00:00:00Z"
        return _datetime_text(value, (*formats, format) if format else formats, tz)
    if value is None:
        return None
    if isinstance(value, datetime):
        return _rfc3339(value, tz)
    if isinstance(value, date):
        return _rfc3339(datetime(value.year, value.month, value.day), tz)  # noqa: DTZ001 - gets its zone there
    raise ValueError("it is neither a text nor a date")


_SERIALS: Final = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}


def excel_date(value: Any, system: int = 1900) -> Any:
    """Filter ``excel_date``: the date of a serial number of a spreadsheet, as ``YYYY-MM-DD``.

    Args:
        value: Days, as text or number; a fraction is the time of day and is left out. A blank is passed on.
        system: Where days are counted from: 1900 (Windows) or 1904 (old files of the Mac).

    Raises:
        ValueError: If it is no such number, or before March 1900, where spreadsheets count wrongly.

    >>> excel_date("45657"), excel_date(45657.75), excel_date("44195", 1904)
    ('2024-12-31', '2024-12-31', '2024-12-31')
    """
    if value is None or value == "":
        return value
    if system not in _SERIALS:
        raise ValueError("excel_date counts from 1900 or 1904")
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,7}(\.[0-9]*)?", text):
        raise ValueError("it is not the number of a day, as spreadsheets count them")
    days = int(text.partition(".")[0])
    if system == 1900 and days < 61:
        raise ValueError("it is a day before March 1900, where spreadsheets count wrongly")
    return (_SERIALS[system] + timedelta(days=days)).isoformat()


def add_days(value: Any, days: int) -> Any:
    """Filter ``add_days``: a date so many days later, or earlier, as ``YYYY-MM-DD``.

    Args:
        value: ISO 8601 text as ``date`` gives it, or a date from SQL. A blank is passed through.
        days: How many.

    Raises:
        ValueError: If it is not such a date, or out of range then.

    >>> add_days("2024-12-31", 1), add_days("2024-03-01", -1)
    ('2025-01-01', '2024-02-29')
    """
    if value is None or value == "":
        return value
    try:
        return (date.fromisoformat(to_date(value)) + timedelta(days=days)).isoformat()
    except OverflowError:
        raise ValueError("the date is out of range") from None


def within(value: Any, start: Any, end: Any = None, before: int = 0, after: int = 0) -> Any:
    """Filter ``within``: whether a day lies between two dates, both included: "active from hire to leave".

    Args:
        value: The day, most often ``today``; ISO 8601 text or a date. A blank is passed through.
        start: First day; a blank means that it has not begun.
        end: Last day; a blank means that it has no end.
        before: Days that it begins earlier.
        after: Days that it ends later.

    Raises:
        ValueError: If one is not a date.

    >>> within("2026-01-25", "2026-02-01", before=7), within("2026-01-24", "2026-02-01", before=7)
    (True, False)
    >>> within("2026-02-02", "2020-01-01", "2026-02-01", after=1)
    True
    """
    if value is None or value == "":
        return value
    if start is None or start == "":
        return False
    day = to_date(value)
    return add_days(start, -before) <= day and (end is None or end == "" or day <= add_days(end, after))


def _is_iso(text: str) -> bool:
    """Whether it is ``YYYY-MM-DD``, and a day that exists."""
    if len(text) == 10 and text[4] == text[7] == "-":
        try:
            date.fromisoformat(text)
        except ValueError:
            return False
        return True
    return False


@lru_cache(MEMO)
def _date_text(text: str, formats: tuple[str, ...]) -> str:
    return _parse(text, formats).date().isoformat()


@lru_cache(MEMO)
def _datetime_text(text: str, formats: tuple[str, ...], tz: str | None) -> str:
    return _rfc3339(_parse(text, formats), tz)


def _parse(text: str, formats: tuple[str, ...]) -> datetime:
    """The date-time that a text says, by the first format that fits, without a zone if the text has none."""
    if not formats:
        return _parse_iso(text)
    for item in formats:
        found = read_format(item)(text)
        if found is not None:
            return found
    raise ValueError(f"it is not a date written as {' or '.join(formats)}")


def _parse_iso(text: str) -> datetime:
    if _ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise ValueError("it is not an ISO 8601 date such as 2024-12-31; give the format that it is written in")


@lru_cache(256)
def read_format(item: str) -> Callable[[str], datetime | None]:
    """What reads one format: a function from a text to its date-time, or None for a text that does not fit.

    Numeric formats become one regular expression; anything else (names of months, two-digit years) goes to
    ``strptime``. Where directives touch (``%d%m%Y``) each must have all its digits, since ``1112024`` has two
    readings.

    Raises:
        ValueError: If the format cannot say a date; it is the mapping that is wrong then.
    """
    letters = "".join(re.findall("%(.?)", item.replace("%%", "")))
    unknown = sorted(set(letters) - set("aAbBdfGHIjmMpSuUVwWyYzZ"))
    if unknown or item.replace("%%", "").endswith("%"):
        raise ValueError(f"the format {item} has an unknown directive: {', '.join(f'%{c}' for c in unknown)}")
    if not {"Y", "y", "G"} & set(letters):
        raise ValueError(f"the format {item} has no year; write it with directives such as %d.%m.%Y")
    ordered = "".join(sorted(letters, key=_ORDER.find))
    if ordered not in ("Ymd", "YmdH", "YmdHM", "YmdHMS") or "%%" in item:
        return lambda text: _strptime(text, item)
    digits = _EXACT if re.search("%.%", item) else _LOOSE
    parts = [
        digits[letter] if letter else r"\s+" if space else re.escape(literal)
        for letter, space, literal in _DIRECTIVE.findall(item)
    ]
    fullmatch = re.compile("".join(parts), re.IGNORECASE).fullmatch
    groups = tuple(letters.index(letter) + 1 for letter in ordered)
    return lambda text: _numeric(fullmatch(text), groups)


def _numeric(match: re.Match[str] | None, groups: tuple[int, ...]) -> datetime | None:
    if match is None:
        return None
    numbers = (*map(int, match.group(*groups)), 0, 0, 0)
    try:
        return datetime(*numbers[:6])  # type: ignore[arg-type]  # noqa: DTZ001 - gets its zone later
    except ValueError:
        return None


def _strptime(text: str, item: str) -> datetime | None:
    try:
        return datetime.strptime(text, item)  # noqa: DTZ007 - gets its zone later
    except ValueError:
        return None


def _rfc3339(moment: datetime, tz: str | None) -> str:
    """RFC 3339 section 5.6.

    An offset with seconds (local mean times before 1900) has no form there: UTC stands for it.
    """
    if moment.tzinfo is None and tz is None:
        return moment.isoformat() + "Z"
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=read_zone(tz))
        elif tz is not None:
            moment = moment.astimezone(read_zone(tz))
        offset = moment.utcoffset() or timedelta()
        if offset.seconds % 60 or offset.microseconds:
            moment, offset = moment.astimezone(UTC), timedelta()
    except OverflowError:
        raise ValueError("the date is out of range in that time zone") from None
    return moment.isoformat() if offset else moment.replace(tzinfo=None).isoformat() + "Z"


@lru_cache(256)
def read_zone(name: str | None) -> tzinfo:
    """The time zone of a name; UTC for None.

    Raises:
        ValueError: If there is none of that name; it is the mapping that is wrong then.
    """
    if name in (None, "", "UTC", "Z"):
        return UTC
    if match := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset < timedelta(hours=24):
            return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"the time zone {name} is not known; write an IANA name such as Europe/Berlin"
        ) from None
