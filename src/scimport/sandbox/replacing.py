"""``Replace`` in its five forms, with regular expressions of .NET and a limit on their time.

``https://learn.microsoft.com/dotnet/standard/base-types/regular-expressions``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from scimport.sandbox.values import EvaluationError

TIMEOUT: Final = 0.25
"""Seconds after which a regular expression is given up."""

_TRANSLATED: Final = re.compile(
    r"\\k<(?P<reference>\w+)>|\(\?'(?P<group>\w+)'|(?P<other>\\.|\(\?<\w+>|\[\^?\]?(?:\\.|[^\]\\])*\])",
    re.DOTALL,
)
_SUBSTITUTION: Final = re.compile(r"\$(?:(\d+)|\{(\w+)\}|([$&`'+_]))")


def translate(pattern: str) -> str:
    """A .NET regular expression in the words of the ``regex`` package."""
    return str(_TRANSLATED.sub(_translated, pattern))


def _translated(found: re.Match[str]) -> str:
    if found["reference"]:
        return f"(?P={found['reference']})"
    return f"(?P<{found['group']}>" if found["group"] else found[0]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled regular expression.

    Attributes:
        compiled: Of ``re`` or ``regex``, whose objects have the same methods.
        limits: Arguments that limit its time.
    """

    compiled: Any
    limits: Mapping[str, float]


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Pattern:
    """A .NET regular expression, ready to use.

    Raises:
        ValueError: when it is none; the message says why.
    """
    if is_harmless(pattern):
        try:
            return Pattern(re.compile(_NAMED.sub("(?P<", pattern)), {})
        except re.error as error:
            raise ValueError(str(error)) from error
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to load, and few patterns need it

    try:
        return Pattern(regex.compile(translate(pattern)), {"timeout": TIMEOUT})
    except regex.error as error:
        raise ValueError(str(error)) from error


_NAMED: Final = re.compile(r"\(\?<(?=\w)")
_ATOM: Final = re.compile(r"\\[^pPkGgZzAXxuc0-9]|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP: Final = r"\((?:\?<\w+>|\?:)?"
_UNIT: Final = re.compile(rf"{_GROUP}[^()*+?{{}}|\\]\)")
_SEQUENCE: Final = re.compile(rf"{_GROUP}((?:[^()|?][^()|]*)?)\)(?![*+?{{])")


def is_harmless(pattern: str) -> bool:
    """Whether a pattern cannot take long: single characters in a row, of which few repeat without an end.

    Such patterns run in ``re``, which is many times faster than ``regex`` but has no limit of time.
    """
    if re.search(r"\[\[|--|&&|~~|\|\|", pattern):
        return False
    flat = _SEQUENCE.sub(r"\1", _UNIT.sub("x", _ATOM.sub("x", pattern)))
    return not re.search(r"[(){}|\[\\]", flat) and len(re.findall(r"[*+]", flat)) <= 2


# Several mappings of a person often begin with the same replacement.
@lru_cache(maxsize=256)
def replace_matches(source: str, pattern: str, replacement: str) -> str:
    """Replaces what matches; ``${name}``, ``$1`` and the like in the replacement stand for parts of it.

    Raises:
        EvaluationError: when the pattern is wrong or takes too long.
    """
    found_by = _compiled(pattern)
    numbers = _numbers(found_by.compiled) if "$" in replacement else []

    def replaced(found: re.Match[str]) -> str:
        if not numbers:
            return replacement
        return str(_SUBSTITUTION.sub(lambda part: _substitute(part, found, numbers), replacement))

    try:
        return str(found_by.compiled.sub(replaced, source, **found_by.limits))
    except TimeoutError:
        raise _too_long() from None


@lru_cache(maxsize=256)
def replace_group(source: str, pattern: str, group: str, replacement: str) -> str:
    """Replaces what a named group matched, and leaves the rest of each match.

    Raises:
        EvaluationError: when the pattern is wrong, has no such group or takes too long.
    """
    parts: list[str] = []
    end = 0
    for found in _find(source, pattern, group):
        start, stop = found.span(group)
        if start >= end:
            parts += source[end:start], replacement
            end = stop
    return "".join((*parts, source[end:]))


def extract_group(source: str, pattern: str, group: str) -> str | None:
    """What a named group matched first; None when nothing matches.

    Raises:
        EvaluationError: as above.
    """
    return next((found[group] for found in _find(source, pattern, group)), None)


def search(source: str, pattern: str) -> bool:
    """Whether a .NET regular expression matches somewhere.

    Raises:
        EvaluationError: when the pattern is wrong or takes too long.
    """
    try:
        found_by = _compiled(pattern)
        return found_by.compiled.search(source, **found_by.limits) is not None
    except TimeoutError:
        raise _too_long() from None


def _find(source: str, pattern: str, group: str) -> list[re.Match[str]]:
    found_by = _compiled(pattern)
    if group not in found_by.compiled.groupindex:
        raise EvaluationError("The regular expression has no group of that name.")
    try:
        matches = found_by.compiled.finditer(source, **found_by.limits)
        return [found for found in matches if found[group] is not None]
    except TimeoutError:
        raise _too_long() from None


def _compiled(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise EvaluationError(f"The regular expression is wrong: {error}.") from error


def _too_long() -> EvaluationError:
    return EvaluationError(f"The regular expression was given up after {TIMEOUT} seconds.")


def _numbers(compiled: re.Pattern[str]) -> list[int]:
    """Groups in the order of .NET's numbers: those without a name come first."""
    named = set(compiled.groupindex.values())
    return [0, *sorted(range(1, compiled.groups + 1), key=lambda number: (number in named, number))]


def _substitute(part: re.Match[str], found: re.Match[str], numbers: list[int]) -> str:
    """One ``$...`` of a replacement; what names no group stands for itself."""
    number, name, sign = part.groups()
    if sign:
        last = found[numbers[-1]]
        before, after = found.string[: found.start()], found.string[found.end() :]
        parts = {"$": "$", "&": found[0], "_": found.string, "+": last, "`": before, "'": after}
        return str(parts[sign] or "")
    if name and name in found.re.groupindex:
        return found[name] or ""
    digits = number or name
    if digits.isdecimal() and int(digits) < len(numbers):
        return found[numbers[int(digits)]] or ""
    return str(part[0])
