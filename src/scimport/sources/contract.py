"""The contract on a source's columns, compiled into one fast check of a row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from operator import call
from typing import Any

from scimport.codes import Code
from scimport.model import Problem
from scimport.project.source_config import ColumnContract

TRUE_WORDS = ("true", "yes", "y", "t", "1")
FALSE_WORDS = ("false", "no", "n", "f", "0")

_BOOLEANS = frozenset((*TRUE_WORDS, *FALSE_WORDS))
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BLANKS: frozenset[object] = frozenset((None, ""))
# Dates repeat: thirty years of them have eleven thousand different ones.
_REMEMBERED = 32_768

Test = Callable[[object], bool]
Rule = Callable[[object], Problem | None]


@dataclass(frozen=True, slots=True)
class Contract:
    """What the values of a row must keep to.

    Attributes:
        columns: The columns that have rules.
        check: Takes a row's (trimmed) values of these columns in this order, and returns what is wrong, at
            most one problem for a column: with code, message, hint, field and value, without place and key.
        holds: Takes the values of these columns in many rows, and says whether ``check`` finds nothing wrong
            with any of the rows, at a fraction of the cost; False may also mean that it cannot tell.
    """

    columns: tuple[str, ...]
    check: Callable[[Sequence[object]], tuple[Problem, ...]]
    holds: Callable[[Sequence[Sequence[object]]], bool]


def compile_contract(columns: Mapping[str, ColumnContract | None]) -> Contract:
    """Compile the contract of a source.

    A blank value (``None`` or empty text) breaks ``required`` and nothing else. A text must read as ``type``;
    a value that a database has typed must be of that type, where a datetime at midnight is a date, and the
    numbers 0 and 1 are booleans, since some databases have no others. ``values`` and ``pattern`` see a typed
    value as text: ``true`` and ``false``, dates as ISO 8601, all else as ``str`` has it.

    Args:
        columns: The rules by column; a column without any is left out of the result.
    """
    rules = {name: _rule(name, rule) for name, rule in columns.items() if rule is not None and _limits(rule)}
    everything = tuple(enumerate(rules.values()))
    quick = [_quick(columns[name] or ColumnContract()) for name in rules]
    rest = tuple(rule for rule, test in zip(everything, quick, strict=True) if test is _unknown)

    def check(values: Sequence[object]) -> tuple[Problem, ...]:
        try:
            remaining = rest if all(map(call, quick, values)) else everything
        except TypeError:  # a value of a database that cannot be looked up in a set
            remaining = everything
        return tuple([found for n, rule in remaining if (found := rule(values[n]))]) if remaining else ()

    whole = [_quick_column(columns[name] or ColumnContract(), rule) for name, rule in rules.items()]

    def holds(rows: Sequence[Sequence[object]]) -> bool:
        try:
            return not whole or all(map(call, whole, zip(*rows, strict=True)))
        except TypeError:
            return False

    return Contract(tuple(rules), check, holds)


def _quick_column(contract: ColumnContract, rule: Rule) -> Callable[[Any], bool]:
    """What ``_quick`` tests, of all values of a column; a rule without such a test is asked itself."""
    quick = _quick(contract)
    if quick is _unknown:
        return lambda values: not any(map(rule, values))
    if contract.type == "text":
        return all if contract.values is None else _allowed(contract, contract.values).issuperset
    return (
        _dates if contract.required else lambda values: _dates([one for one in values if one not in _BLANKS])
    )


def _dates(values: Iterable[Any]) -> bool:
    # All of a column are read sooner than each is looked for among those that were read.
    try:
        return all(map(date.fromisoformat, values))
    except ValueError:
        return False


def _quick(contract: ColumnContract) -> Callable[[Any], bool]:
    """A test that no bad value passes, and nearly every good text; the rules themselves decide the rest."""
    if contract.pattern is not None or contract.format is not None:
        return _unknown
    if contract.type == "text":
        return bool if contract.values is None else _allowed(contract, contract.values).__contains__
    if contract.type == "date" and contract.values is None:
        return _quick_date if contract.required else _quick_date_or_blank
    return _unknown


def _allowed(contract: ColumnContract, values: Sequence[str]) -> frozenset[object]:
    return frozenset(filter(None, values)) | (frozenset() if contract.required else _BLANKS)


def _unknown(_value: object) -> bool:
    return True


@lru_cache(maxsize=_REMEMBERED)
def _quick_date(value: object) -> bool:
    return isinstance(value, str) and _reads_date(value)


@lru_cache(maxsize=_REMEMBERED)
def _quick_date_or_blank(value: object) -> bool:
    return value in _BLANKS or (isinstance(value, str) and _reads_date(value))


def _limits(rule: ColumnContract) -> bool:
    return rule.required or rule.type != "text" or rule.values is not None or rule.pattern is not None


def _rule(name: str, contract: ColumnContract) -> Rule:
    tests = tuple(_tests(name, contract))
    blank = _fault(Code.CONTRACT_REQUIRED, name, "is blank", "Fill it in in the source.")
    when_blank = blank if contract.required else None

    def rule(value: object) -> Problem | None:
        if value is None or value == "":
            return when_blank
        for test, fault in tests:
            if not test(value):
                return replace(fault, value=_text(value))
        return None

    return rule


def _tests(name: str, contract: ColumnContract) -> list[tuple[Test, Problem]]:
    tests: list[tuple[Test, Problem]] = []
    if contract.format is not None:
        not_so = f"is not a {contract.type} in the format {contract.format}"
        hint = "Correct the value in the source, or format: in the contract."
        fault = _fault(Code.CONTRACT_FORMAT, name, not_so, hint)
        tests.append((_typed(contract.type, _read_by(contract.format)), fault))
    elif contract.type != "text":
        reads, words = _TEXTS[contract.type]
        tests.append((_typed(contract.type, reads), _fault(Code.CONTRACT_TYPE, name, *words)))
    if contract.values is not None:
        some = ", ".join(contract.values[:10]) + (", ..." if len(contract.values) > 10 else "")
        fault = _fault(Code.CONTRACT_VALUES, name, "is not one of the allowed values", f"Allowed: {some}.")
        tests.append((_member(frozenset(contract.values)), fault))
    if contract.pattern is not None:
        fault = _fault(Code.CONTRACT_PATTERN, name, f"does not match the pattern {contract.pattern}", "")
        tests.append((_matches(re.compile(contract.pattern)), fault))
    return tests


def _fault(code: Code, name: str, words: str, hint: str) -> Problem:
    return Problem(code, f"'{name}' {words}", hint=hint, field=name)


def _typed(kind: str, reads: Callable[[str], bool]) -> Test:
    is_kind = _VALUES[kind]
    return lambda value: reads(value) if isinstance(value, str) else is_kind(value)


def _member(allowed: frozenset[str]) -> Test:
    return lambda value: (value if isinstance(value, str) else _text(value)) in allowed


def _matches(pattern: re.Pattern[str]) -> Test:
    match = pattern.fullmatch
    return lambda value: match(value if isinstance(value, str) else _text(value)) is not None


def _read_by(form: str) -> Callable[[str], bool]:
    @lru_cache(maxsize=_REMEMBERED)
    def reads(text: str) -> bool:
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - whether it can be read has nothing to do with time zones
        except (ValueError, OverflowError):
            return False
        return True

    return reads


def _reads_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _reads_datetime(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    # Python takes a date alone too, for midnight.
    return "T" in text or " " in text


def _is_integer(value: object) -> bool:
    if isinstance(value, Decimal):
        # Sums of integers are decimals in some databases.
        return value.is_finite() and value == value.to_integral_value()
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_boolean(value: object) -> bool:
    # MariaDB's BOOLEAN is a TINYINT, and its BIT comes as bytes.
    if isinstance(value, bytes):
        return value in (b"\0", b"\1")
    return isinstance(value, bool) or (_is_integer(value) and value in (0, 1))


def _is_date(value: object) -> bool:
    if isinstance(value, datetime):
        # Oracle and SQL Server give a date as its midnight.
        return value.time() == time()
    return isinstance(value, date)


_DATE_HINT = "Write it as 2026-02-01, or give the contract a format:, such as %d.%m.%Y."
_DATETIME_HINT = "Write it as 2026-02-01T08:30:00+01:00, or give the contract a format:."
_TEXTS: dict[str, tuple[Callable[[str], bool], tuple[str, str]]] = {
    "integer": (
        lambda text: _INTEGER.fullmatch(text) is not None,
        ("is not an integer", "Digits alone, with a sign if need be."),
    ),
    "number": (
        lambda text: _NUMBER.fullmatch(text) is not None,
        ("is not a number", "Digits with a point for the fraction: 1234.5."),
    ),
    "boolean": (
        lambda text: text.lower() in _BOOLEANS,
        ("is not a boolean", f"One of {', '.join(TRUE_WORDS + FALSE_WORDS)}."),
    ),
    "date": (_reads_date, ("is not a date (ISO 8601)", _DATE_HINT)),
    "datetime": (_reads_datetime, ("is not a date with a time (ISO 8601)", _DATETIME_HINT)),
}
_VALUES: dict[str, Test] = {
    "integer": _is_integer,
    "number": _is_number,
    "boolean": _is_boolean,
    "date": _is_date,
    "datetime": lambda value: isinstance(value, datetime),
}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
