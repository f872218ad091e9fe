"""Telephone numbers in the form that directories keep."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

MEMO: Final = 4096
_FORMATS: Final = ("e164", "international", "national")


def phone(value: Any, region: str = "", format: str = "e164") -> Any:  # noqa: A002 - the word users know
    """Filter ``phone``: a telephone number as E.164 (``+49305550``), or as people write it.

    Args:
        value: Text. A blank is passed through.
        region: Country (ISO 3166 alpha-2) of a number without its country's code; without it such a number
            is an error.
        format: ``e164``, ``international`` or ``national``.

    Raises:
        ValueError: If it cannot be the number of anybody by the numbering plan of its country.

    >>> phone("030 5550 4002", "DE")
    '+493055504002'
    >>> phone("+44 (0)20 7946 0018", format="international")
    '+44 20 7946 0018'
    """
    if value is None or value == "":
        return value
    if value.__class__ is not str:
        raise ValueError("it is not a text")
    return _phone(value, region.upper(), format)


@lru_cache(MEMO)
def _phone(text: str, region: str, form: str) -> str:
    import phonenumbers  # noqa: PLC0415 - the numbering plans are only loaded where they are used

    if form not in _FORMATS:
        raise ValueError(f"phone knows the formats {', '.join(_FORMATS)}")
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"phone knows no region {region}; write a country's two letters, such as DE")
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        hint = "" if region else "; say the country of numbers without a code: phone('DE')"
        raise ValueError(f"it is not a telephone number{hint}") from None
    # What can be dialled within one place only is no number for a directory.
    possible = phonenumbers.ValidationResult.IS_POSSIBLE
    if phonenumbers.is_possible_number_with_reason(number) != possible:
        raise ValueError("it is too long or too short for a telephone number of its country")
    kinds = phonenumbers.PhoneNumberFormat
    kind = {"e164": kinds.E164, "international": kinds.INTERNATIONAL, "national": kinds.NATIONAL}[form]
    return str(phonenumbers.format_number(number, kind))
