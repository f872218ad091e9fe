"""Dates as .NET reads and writes them, in the invariant culture.

``https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings``
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

STYLES: Final = frozenset(
    {
        *(
            "None",
            "NoCurrentDateDefault",
            "AdjustToUniversal",
            "AssumeLocal",
            "AssumeUniversal",
            "RoundtripKind",
        ),
        *("AllowLeadingWhite", "AllowTrailingWhite", "AllowInnerWhite", "AllowWhiteSpaces"),
    }
)
"""Names of ``DateTimeStyles``; the service's local time is UTC, so that only those on white space matter."""
DEFAULT_STYLES: Final = frozenset({"RoundtripKind", "AllowLeadingWhite", "AllowTrailingWhite"})

_STANDARD: Final = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
_DAYS: Final = tuple(calendar.day_name)
_MONTHS: Final = tuple(calendar.month_name)[1:]
_TOKEN = re.compile(
    r"""(?P<run>(?P<letter>[dfFgHhKmMstyz])(?P=letter)*)|'(?P<single>[^']*)'|"(?P<double>[^"]*)\""""
    r"|\\(?P<escaped>.)|%(?P<only>[dfFgHhKmMstyz])|(?P<literal>.)",
    re.DOTALL,
)
Token = tuple[str, int, str]


@lru_cache(maxsize=512)
def tokens(layout: str) -> tuple[Token, ...]:
    """A format string as letter, count and nothing, or as nothing, 0 and the text that stands for itself."""
    return tuple(_tokens(_STANDARD.get(layout, layout)))


def _tokens(layout: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(layout):
        run = found["run"] or found["only"]
        if run:
            yield run[0], len(run), ""
        else:
            texts = (found["single"], found["double"], found["escaped"], found["literal"])
            yield "", 0, next(text for text in texts if text is not None)


def write(moment: datetime, layout: str) -> str:
    """A date in a format; one without an offset has none in ``K`` and UTC in ``z``."""
    parts: list[str] = []
    for letter, count, text in tokens(layout):
        piece = _piece(moment, letter, count) if letter else text
        # A fraction of nothing takes the point before it along.
        if letter == "F" and not piece and parts and parts[-1] == ".":
            parts.pop()
        parts.append(piece)
    return "".join(parts)


def _piece(moment: datetime, letter: str, count: int) -> str:
    names = {"d": _DAYS[moment.weekday()], "M": _MONTHS[moment.month - 1]}
    if letter in names and count > 2:
        return names[letter][:3] if count == 3 else names[letter]
    hour = (moment.hour + 11) % 12 + 1
    values = (moment.day, moment.month, moment.hour, hour, moment.minute, moment.second)
    if letter in "dMHhms":
        return f"{values['dMHhms'.index(letter)]:0{min(count, 2)}d}"
    if letter == "y":
        return f"{moment.year:0{count}d}" if count > 2 else f"{moment.year % 100:0{count}d}"
    if letter in "fF":
        digits = f"{moment.microsecond:06d}0"[:count]
        return digits if letter == "f" else digits.rstrip("0")
    if letter == "t":
        return ("AM" if moment.hour < 12 else "PM")[: min(count, 2)]
    return "A.D." if letter == "g" else _zone(moment, letter, count)


def _zone(moment: datetime, letter: str, count: int) -> str:
    offset = moment.utcoffset()
    if letter == "K" and not offset:
        return "" if offset is None else "Z"
    minutes = round((offset or timedelta()).total_seconds()) // 60
    sign, (hours, rest) = "+-"[minutes < 0], divmod(abs(minutes), 60)
    if letter == "K" or count > 2:
        return f"{sign}{hours:02d}:{rest:02d}"
    return f"{sign}{hours:0{count}d}"


def _names(names: tuple[str, ...], length: int | None) -> str:
    return "|".join(name[:length] for name in names)


# The last of a letter is for it and all that are longer.
_PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "d": (r"\d\d?", r"\d\d", _names(_DAYS, 3), _names(_DAYS, None)),
    "M": (r"\d\d?", r"\d\d", _names(_MONTHS, 3), _names(_MONTHS, None)),
    "y": (r"\d\d?", r"\d\d", r"\d{3,4}", r"\d{4}"),
    "z": (r"[+-]\d\d?", r"[+-]\d\d", r"[+-]\d\d?:?\d\d"),
    "K": (r"Z|[+-]\d\d:\d\d|",),
    "g": (r"A\.?D\.?",),
    "t": ("[AP]", "[AP]M"),
    **dict.fromkeys("Hhms", (r"\d\d?", r"\d\d")),
}


@lru_cache(maxsize=512)
def _pattern(layout: str, *, inner_white: bool) -> tuple[re.Pattern[str], tuple[tuple[str, int], ...]]:
    """The regular expression of a format, and the letter of each of its groups."""
    pattern, letters = "", []
    for letter, count, text in tokens(layout):
        if not letter:
            pattern += r"\s*" if inner_white and text.isspace() else re.escape(text)
            continue
        if letter == "F" and pattern.endswith(r"\."):
            pattern += "?"
        pattern += f"({_digits(letter, count)})"
        letters.append((letter, count))
    return re.compile(pattern, re.IGNORECASE | re.ASCII), tuple(letters)


def _digits(letter: str, count: int) -> str:
    if letter in "fF":
        return rf"\d{{{count}}}" if letter == "f" else rf"\d{{0,{count}}}"
    patterns = _PATTERNS[letter]
    return patterns[min(count, len(patterns)) - 1]


def read(text: str, layout: str, styles: frozenset[str] = DEFAULT_STYLES) -> datetime:
    """A date that is written in a format; what it does not say is today's, at midnight.

    Returns:
        With an offset, a date in UTC; without, one that has none.

    Raises:
        ValueError: when it is not in the format, or is no date.
    """
    white = "AllowWhiteSpaces" in styles
    if white or "AllowLeadingWhite" in styles:
        text = text.lstrip()
    if white or "AllowTrailingWhite" in styles:
        text = text.rstrip()
    pattern, letters = _pattern(layout, inner_white=white or "AllowInnerWhite" in styles)
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(layout)
    said: dict[str, str] = {}
    for (letter, count), value in zip(letters, found.groups(), strict=True):
        said["D" if letter == "d" and count > 2 else letter] = value
    return _moment(said)


def _moment(said: dict[str, str]) -> datetime:
    present = datetime.now(UTC)
    dated = "y" in said or "M" in said or "d" in said
    fraction = said.get("f") or said.get("F") or ""
    moment = datetime(  # noqa: DTZ001 - the zone, when there is one, is put on below
        _year(said["y"]) if "y" in said else present.year,
        _month(said["M"]) if "M" in said else (1 if dated else present.month),
        int(said["d"]) if "d" in said else (1 if dated else present.day),
        _hour(said),
        int(said.get("m", "0")),
        int(said.get("s", "0")),
        int(fraction[:6].ljust(6, "0")),
    )
    if "D" in said and not _DAYS[moment.weekday()].lower().startswith(said["D"].lower()):
        raise ValueError(said["D"])
    zone = said.get("z") or said.get("K") or ""
    try:
        return moment.replace(tzinfo=_offset(zone)).astimezone(UTC) if zone else moment
    except OverflowError as error:
        raise ValueError(zone) from error


def _year(text: str) -> int:
    # GregorianCalendar.TwoDigitYearMax of the invariant culture.
    return int(text) if len(text) > 2 else 2000 + int(text) - 100 * (int(text) > 49)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else [name[:3].lower() for name in _MONTHS].index(text[:3].lower()) + 1


def _hour(said: dict[str, str]) -> int:
    if "h" not in said:
        return int(said.get("H", "0"))
    hour = int(said["h"])
    if not 1 <= hour <= 12:
        raise ValueError(said["h"])
    return hour % 12 + 12 * said.get("t", "").lower().startswith("p")


def _offset(text: str) -> timezone:
    if text in ("Z", "z"):
        return UTC
    hours, _, minutes = text[1:].partition(":")
    if not minutes and len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    return timezone(timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if text[0] == "-" else 1))
