"""The kinds of values that keys of the project's files take: numbers, durations, schedules, encodings, hosts.

A value of the environment is always text (``min_rows: ${MIN}``), so what is not text is read from text too.
"""

from __future__ import annotations

import base64
import codecs
import difflib
import math
import re
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from scimport.codes import Code
from scimport.redaction import hide

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_YEAR = 366 * 86400
# cronsim and Prefect read these two differently, or one of them not at all: "LW" and "5L".
_CRON_DIALECT = re.compile(r"LW|[0-9]L", re.IGNORECASE)
# What they decode may hold halves of characters (lone surrogates), or is no file's text at all.
_NOT_TEXT = frozenset(("utf-7", "unicode-escape", "raw-unicode-escape", "punycode", "idna"))
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+", re.DOTALL)


def refuse(
    message: str, hint: str = "", *, key: str = "", code: Code = Code.BAD_VALUE
) -> PydanticCustomError:
    """Make the error that a validator raises, in the words of a problem.

    Args:
        message: What is wrong with the value, to be read after the name of its key; without the value.
        hint: What to write instead.
        key: Key below the validated value that the problem is about; empty for the value itself.
        code: Code of the problem.
    """
    context = {"message": message, "hint": hint, "key": key, "code": code.value}
    return PydanticCustomError("refused", "{message}", context)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Find the candidate that a mistyped word most likely stands for.

    Returns:
        A hint such as ``Did you mean 'delimiter'?``; empty when no candidate is near.
    """
    spelled = {candidate.lower(): candidate for candidate in candidates}
    near = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    return f"Did you mean '{spelled[near[0]]}'?" if near else ""


def whole_number(value: object) -> object:
    """Turn the text of an integer into it, and leave everything else to the next check."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value):
        return int(value)
    return value


def _boolean(value: object) -> object:
    return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _text_of_integer(value: object) -> object:
    # An integer's text is what the file says, since the file's integers have one spelling; 1.10 has not.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _duration(value: object) -> float:
    seconds = math.nan
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        seconds = float(found["number"]) * _SECONDS[found["unit"]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _YEAR else math.inf
    if not 0 <= seconds <= _YEAR:
        raise refuse(
            "must be a duration of at most a year",
            "Write seconds, or a number with s, m, h or d: 90s, 5m, 1h.",
        )
    return seconds


def _notice_url(value: SecretStr) -> SecretStr:
    if not re.match(r"[a-z][a-z0-9+.-]*://.", value.get_secret_value(), re.IGNORECASE):
        raise refuse("must be a URL", "A webhook begins with https://; Apprise documents its own.")
    return value


def _cron(value: str) -> str:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only pipelines with a schedule need it

    hint = "Write five fields, minute hour day month weekday: '0 5 * * mon-fri' is 05:00 on workdays."
    if len(value.split()) != 5 or _CRON_DIALECT.search(value):
        raise refuse("must be a cron expression of five fields", hint)
    try:
        CronSim(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise refuse(f"is not a cron expression: its {field} is wrong", hint) from None
    return value


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(value, zoneinfo.available_timezones())
        raise refuse(
            "is not a time zone", near or "Use a name of the IANA database: Europe/Berlin, UTC."
        ) from None
    return value


def _character(value: str) -> str:
    character = {"tab": "\t", "\\t": "\t"}.get(value.lower(), value)
    if len(character) != 1 or character in "\r\n\0":
        raise refuse("must be one character", "Quote it: ';' or ','; for a tab write tab.")
    return character


def _encoding(value: str) -> str:
    try:
        is_text = codecs.lookup(value).name not in _NOT_TEXT
        "a".encode(value)
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        hint = did_you_mean(value, ("utf-8", "utf-16", "cp1252", "latin-1", "iso-8859-15", "cp850"))
        raise refuse("is not an encoding", hint or "Examples: utf-8, utf-16, cp1252, iso-8859-15.")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        reason = error.msg if isinstance(error, re.error) else "it is too large"
        raise refuse(
            f"is not a regular expression: {reason}", "See Python's re module; the whole cell must match."
        ) from None
    return value


def _date_format(value: str) -> str:
    hint = "Use Python's directives: %Y-%m-%d reads 2026-02-01, %d.%m.%Y reads 01.02.2026."
    if "%" not in value:
        raise refuse("is not a date format: it has no % directive", hint)
    try:
        datetime.strptime(datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).strftime(value), value)  # noqa: DTZ007 - no time is read
    except (ValueError, re.error):
        raise refuse("is not a date format that can be read", hint) from None
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.\-\[\]:]+", value):
        raise refuse(
            "must be a host, without scheme and path", "Write the name, or name:port: hr.example.com."
        )
    return value


def _endpoint(value: str) -> str:
    if value != "sandbox" and not re.match("https?://", value, re.IGNORECASE):
        hint = did_you_mean(value, ("sandbox",))
        raise refuse(
            "must be a URL or sandbox", hint or "Copy the Provisioning API Endpoint from the app's page."
        )
    return value


def _hidden(value: SecretStr) -> SecretStr:
    hide(value.get_secret_value())
    return value


def _database_url(value: SecretStr) -> SecretStr:
    if not _SCHEME.fullmatch(value.get_secret_value()):
        raise refuse(
            "must be a SQLAlchemy URL", "For example postgresql+psycopg://user:${PASSWORD}@host/database."
        )
    return value


def _key(value: SecretStr) -> SecretStr:
    key_bytes(value.get_secret_value())
    return value


def key_bytes(text: str) -> bytes:
    """The 32 bytes of a key that is written in base64 (RFC 4648, either alphabet).

    Raises:
        PydanticCustomError: It is not that.
    """
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise refuse("must be 32 bytes in base64", "Make one with: scimport rekey --new-key")
    return key


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise refuse(
            "must be one value: text, a number, true, false or null", "Bind one parameter for each value."
        )
    return value


def _variable_names(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not (name.isascii() and name.isidentifier()):
            raise refuse(
                "cannot be used in an expression", "Use letters, digits and _, not first a digit.", key=name
            )
    return value


Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=1), AfterValidator(_hidden)]
Key = Annotated[Secret, AfterValidator(_key)]
Boolean = Annotated[bool, BeforeValidator(_boolean), Field(strict=True)]
Count = Annotated[int, BeforeValidator(whole_number), Field(strict=True, ge=0)]
Position = Annotated[int, BeforeValidator(whole_number), Field(strict=True, ge=1)]
Cell = Annotated[str, BeforeValidator(_text_of_integer), WithJsonSchema({"type": ["string", "integer"]})]
Parameter = Annotated[
    Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]
Variables = Annotated[dict[str, Any], AfterValidator(_variable_names)]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^([0-9.]+\s*[smhd]?|.*\$\{.+\}.*)$"},
            ]
        }
    ),
]
Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Character = Annotated[str, AfterValidator(_character)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Pattern = Annotated[str, AfterValidator(_pattern)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
Host = Annotated[str, AfterValidator(_host)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint)]
NoticeUrl = Annotated[Secret, AfterValidator(_notice_url)]
DatabaseUrl = Annotated[Secret, AfterValidator(_database_url)]
