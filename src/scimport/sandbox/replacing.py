"""``Replace`` in its five forms, with regular expressions of .NET and a limit on their time.

``https://learn.microsoft.com/dotnet/standard/base-types/regular-expressions``
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import regex  # type: ignore[import-untyped]

from scimport.sandbox.values import EvaluationError

TIMEOUT: Final = 0.25
"""Seconds after which a regular expression is given up."""

_TRANSLATED: Final = regex.compile(
    r"\\k<(?P<reference>\w+)>|\(\?'(?P<group>\w+)'|(?P<other>\\.|\(\?<\w+>|\[\^?\]?(?:\\.|[^\]\\])*\])",
    regex.DOTALL,
)
_SUBSTITUTION: Final = regex.compile(r"\$(?:(\d+)|\{(\w+)\}|([$&`'+_]))")


def translate(pattern: str) -> str:
    """A .NET regular expression in the words of the ``regex`` package."""
    return str(_TRANSLATED.sub(_translated, pattern))


def _translated(found: regex.Match[str]) -> str:
    if found["reference"]:
        return f"(?P={found['reference']})"
    return f"(?P<{found['group']}>" if found["group"] else found[0]


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """A compiled .NET regular expression.

    Raises:
        ValueError: when it is none; the message says why.
    """
    try:
        return regex.compile(translate(pattern))
    except regex.error as error:
        raise ValueError(str(error)) from error


# Several mappings of a person often begin with the same replacement.
@lru_cache(maxsize=256)
def replace_matches(source: str, pattern: str, replacement: str) -> str:
    """Replaces what matches; ``${name}``, ``$1`` and the like in the replacement stand for parts of it.

    Raises:
        EvaluationError: when the pattern is wrong or takes too long.
    """
    compiled = _compiled(pattern)
    numbers = _numbers(compiled)

    def replaced(found: regex.Match[str]) -> str:
        return str(_SUBSTITUTION.sub(lambda part: _substitute(part, found, numbers), replacement))

    try:
        return str(compiled.sub(replaced, source, timeout=TIMEOUT))
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
        return _compiled(pattern).search(source, timeout=TIMEOUT) is not None
    except TimeoutError:
        raise _too_long() from None


def _find(source: str, pattern: str, group: str) -> list[regex.Match[str]]:
    compiled = _compiled(pattern)
    if group not in compiled.groupindex:
        raise EvaluationError("The regular expression has no group of that name.")
    try:
        return [found for found in compiled.finditer(source, timeout=TIMEOUT) if found[group] is not None]
    except TimeoutError:
        raise _too_long() from None


def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise EvaluationError(f"The regular expression is wrong: {error}.") from error


def _too_long() -> EvaluationError:
    return EvaluationError(f"The regular expression was given up after {TIMEOUT} seconds.")


def _numbers(compiled: regex.Pattern[str]) -> list[int]:
    """Groups in the order of .NET's numbers: those without a name come first."""
    named = set(compiled.groupindex.values())
    return [0, *sorted(range(1, compiled.groups + 1), key=lambda number: (number in named, number))]


def _substitute(part: regex.Match[str], found: regex.Match[str], numbers: list[int]) -> str:
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
