"""The functions of attribute mappings that take values and give one, by Microsoft's reference.

``https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data``

Those that look at their arguments before these are evaluated (``IIF``, ``Switch``, ``Replace`` and what
stands around a whole mapping) are in :mod:`scimport.sandbox.rules`.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable
from secrets import SystemRandom
from typing import Final
from unicodedata import category
from uuid import uuid4

from scimport.sandbox.datefunctions import DATES
from scimport.sandbox.diacritics import strip_diacritics
from scimport.sandbox.signatures import Function, registering
from scimport.sandbox.values import (
    EvaluationError,
    Scope,
    Value,
    is_blank,
    to_flag,
    to_int,
    to_list,
    to_text,
)

FUNCTIONS: Final[dict[str, Function]] = {**DATES}
_function = registering(FUNCTIONS)


# Text


@_function("Append(source, suffix)")
def _append(source: Value, suffix: Value) -> Value:
    return to_text(source) + to_text(suffix)


@_function("Join(separator, source...)")
def _join(separator: Value, *sources: Value) -> Value:
    # The reference joins ", ", "" and two names to "Doe, John": what is empty takes no separator.
    texts = (text for source in sources for text in to_list(source) if text)
    return to_text(separator).join(texts)


@_function("Left(string, numChars)")
def _left(source: Value, count: Value) -> Value:
    number = to_int(count)
    return to_text(source) if number < 0 else to_text(source)[:number]


@_function("Mid(source, start, length)")
def _mid(source: Value, start: Value, length: Value) -> Value:
    first, count = to_int(start), to_int(length)
    if first < 1 or count < 0:
        raise EvaluationError("Mid counts from 1, and takes no negative length.")
    return to_text(source)[first - 1 : first - 1 + count]


@_function("Len(string)")
def _len(source: Value) -> Value:
    return len(to_text(source))


@_function("InStr(value1, value2, start?, compareType?)")
def _instr(source: Value, wanted: Value, start: Value = None, compare: Value = None) -> Value:
    text, part = to_text(source), to_text(wanted)
    if compare == "vbTextCompare":
        text, part = text.lower(), part.lower()
    return text.find(part, max(to_int(start) - 1, 0) if start is not None else 0) + 1


@_function("StripSpaces(source)")
def _strip_spaces(source: Value) -> Value:
    return None if source is None else to_text(source).replace(" ", "")


@_function("NormalizeDiacritics(source)")
def _normalize_diacritics(source: Value) -> Value:
    return None if source is None else strip_diacritics(to_text(source))


@_function("Word(string, wordNumber, delimiters)")
def _word(source: Value, number: Value, delimiters: Value) -> Value:
    marks = set(to_text(delimiters))
    words = "".join("\0" if sign in marks else sign for sign in to_text(source)).split("\0")
    words, index = [word for word in words if word], to_int(number)
    return words[index - 1] if 1 <= index <= len(words) else ""


@_function("ToLower(source, culture?)")
def _to_lower(source: Value, culture: Value = None) -> Value:
    return None if source is None else _change_case(to_text(source), str.lower, _TURKIC_LOWER, culture)


@_function("ToUpper(source, culture?)")
def _to_upper(source: Value, culture: Value = None) -> Value:
    return None if source is None else _change_case(to_text(source), str.upper, _TURKIC_UPPER, culture)


_TURKIC_LOWER: Final = str.maketrans("I\u0130", "\u0131i")
_TURKIC_UPPER: Final = str.maketrans("i\u0131", "\u0130I")


def _change_case(text: str, change: Callable[[str], str], turkic: dict[int, int], culture: Value) -> str:
    """One letter becomes one, as in .NET: a sharp s has no capital."""
    name = to_text(culture)
    if name and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", name):
        raise EvaluationError("The culture is not a name such as ja-JP.")
    if name[:2].lower() in ("tr", "az"):
        text = text.translate(turkic)
    if text.isascii():
        return change(text)
    return "".join(new if len(new := change(sign)) == 1 else sign for sign in text)


@_function("PCase(source, wordSeparators?)")
def _pcase(source: Value, separators: Value = None) -> Value:
    if source is None:
        return None
    text = _change_case(to_text(source), str.lower, {}, None)
    marks = to_text(separators)
    pieces: list[str] = []
    inside = False
    for sign in text:
        letter = not marks or sign not in marks
        pieces.append(sign.title() if letter and not inside and len(sign.title()) == 1 else sign)
        inside = letter if marks else _goes_on(sign, inside=inside)
    return "".join(pieces)


def _goes_on(sign: str, *, inside: bool) -> bool:
    """Whether a word of .NET's ``ToTitleCase`` goes on, by the kind of a character."""
    kind = category(sign)
    if kind[0] == "L":
        return True
    return inside and (sign == "'" or kind[0] in "NM" or kind in ("Cs", "Co", "Cn"))


@_function("ConvertToBase64(source)")
def _convert_to_base64(source: Value) -> Value:
    return (
        None if source is None else base64.b64encode(to_text(source).encode("utf-16-le", "replace")).decode()
    )


@_function("ConvertToUTF8Hex(source)")
def _convert_to_utf8_hex(source: Value) -> Value:
    return None if source is None else to_text(source).encode("utf-8", "replace").hex().upper()


@_function("Guid()")
def _guid() -> Value:
    return str(uuid4())


_KINDS: Final = (
    string.digits,
    "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/",
    string.ascii_uppercase,
    string.ascii_lowercase,
)


@_function(
    "RandomString(length, minimumNumbers, minimumSpecialCharacters, minimumCapital, minimumLowerCase,"
    " charactersToAvoid?)"
)
def _random_string(
    length: Value, numbers: Value, specials: Value, capitals: Value, smalls: Value, avoid: Value = None
) -> Value:
    """Characters are those of Windows passwords."""
    size, least = to_int(length), [to_int(number) for number in (numbers, specials, capitals, smalls)]
    if not sum(least) <= size <= 256 or min(least) < 0:
        raise EvaluationError(
            "The length of a random string is at most 256, and at least the sum of its minima."
        )
    excluded = set(to_text(avoid))
    kinds = [[sign for sign in kind if sign not in excluded] for kind in _KINDS]
    if any(wanted and not kind for wanted, kind in zip(least, kinds, strict=True)):
        raise EvaluationError("No character is left that a random string must have.")
    dice = SystemRandom()
    signs = [dice.choice(kind) for wanted, kind in zip(least, kinds, strict=True) for _ in range(wanted)]
    every = [sign for kind in kinds for sign in kind]
    signs += [dice.choice(every) for _ in range(size - len(signs))]
    dice.shuffle(signs)
    return "".join(signs)


# Several values


@_function("Count(attribute)")
def _count(attribute: Value) -> Value:
    return len(to_list(attribute))


@_function("Item(attribute, index)")
def _item(attribute: Value, index: Value) -> Value:
    values, number = to_list(attribute), to_int(index)
    if number < 1:
        raise EvaluationError("Item counts from 1.")
    return values[number - 1] if number <= len(values) else None


@_function("RemoveDuplicates(attribute)")
def _remove_duplicates(attribute: Value) -> Value:
    return list(dict.fromkeys(to_list(attribute)))


@_function("Split(source, delimiter)")
def _split(source: Value, delimiter: Value) -> Value:
    if source is None:
        return None
    mark = to_text(delimiter)
    # The reference splits "One, Two" at the comma into values without the space.
    return [part.strip() for part in to_text(source).split(mark)] if mark else [to_text(source)]


# Truth and kinds


@_function("Coalesce(source...)")
def _coalesce(*sources: Value) -> Value:
    return next((source for source in sources if source is not None), None)


@_function("CBool(expression)")
def _cbool(expression: Value) -> Value:
    return to_flag(expression)


@_function("CStr(value)")
def _cstr(value: Value) -> Value:
    return None if value is None else to_text(value)


@_function("IsNull(expression)")
def _is_null(expression: Value) -> Value:
    return expression is None


@_function("IsNullOrEmpty(expression)")
def _is_null_or_empty(expression: Value) -> Value:
    return is_blank(expression)


@_function("IsPresent(expression)")
def _is_present(expression: Value) -> Value:
    return not is_blank(expression)


@_function("IsString(expression)")
def _is_string(expression: Value) -> Value:
    return isinstance(expression, str)


@_function("Not(source)")
def _not(source: Value) -> Value:
    return "False" if to_text(source).lower() == "true" else "True"


@_function("BitAnd(value1, value2)")
def _bit_and(first: Value, second: Value) -> Value:
    return to_int(first) & to_int(second)


# The tenant


@_function("DefaultDomain()", scoped=True)
def _default_domain(scope: Scope) -> Value:
    if not scope.default_domain:
        raise EvaluationError(
            "The domain does not exist: the tenant has no default verified domain.", "InvalidDomain"
        )
    return scope.default_domain
