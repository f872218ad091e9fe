"""Codes of countries (ISO 3166 alpha-2) and of languages (BCP 47), out of what people write.

The names come from Unicode's CLDR by way of ``babel``. They are read language by language, English first,
and only until a name is found, since the names in all languages are some megabytes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, Final

MEMO: Final = 4096
_MISSING: Final = object()
# Those that sources are written in most; the others come after.
_FIRST: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sv", "da", "nb", "fi", "hu", "tr")
_TAG: Final = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(?:[-_](?P<script>[A-Za-z]{4}))?(?:[-_](?P<region>[A-Za-z]{2}|\d{3}))?"
)


def country(value: Any, default: Any = _MISSING) -> Any:
    """Filter ``country``: the ISO 3166 alpha-2 code of a country, out of its name in any language or a code.

    Args:
        value: Text: a name (``Deutschland``, ``Germany``), an alpha-2 or alpha-3 code. A blank is passed on.
        default: What to give where nothing is found, in place of the error.

    Raises:
        ValueError: If no country is called so.

    >>> country("Deutschland"), country("deu"), country("Česko"), country("Atlantis", None)
    ('DE', 'DE', 'CZ', None)
    """
    if value is None or value == "":
        return value
    found = _country(_folded(value)) if value.__class__ is str else None
    if found is None and default is _MISSING:
        raise ValueError("it is not the name or the code of a country")
    return default if found is None else found


def country_name(value: Any, language: str = "en") -> Any:
    """Filter ``country_name``: the name of a country in a language, out of what ``country`` takes.

    Raises:
        ValueError: If no country is called so, or the language is not known.

    >>> country_name("DE"), country_name("Germany", "fr")
    ('Germany', 'Allemagne')
    """
    if value is None or value == "":
        return value
    names = _names("territories", language)
    if not names:
        raise ValueError(f"country_name knows no language {language}")
    return names[country(value)]


def language(value: Any, default: Any = _MISSING) -> Any:
    """Filter ``language``: a BCP 47 tag, such as ``preferredLanguage`` takes, out of a tag or a name.

    Args:
        value: Text: ``de_de``, ``DE``, ``deu`` or the name of a language in any language. A blank is passed
            on.
        default: What to give where nothing is found, in place of the error.

    Raises:
        ValueError: If no language is called so.

    >>> language("de_at"), language("zh-hans-cn"), language("Deutsch"), language("Klingonese", "en")
    ('de-AT', 'zh-Hans-CN', 'de', 'en')
    """
    if value is None or value == "":
        return value
    found = _language(value.strip()) if value.__class__ is str else None
    if found is None and default is _MISSING:
        raise ValueError("it is not the name or the tag of a language")
    return default if found is None else found


@lru_cache(MEMO)
def _country(text: str) -> str | None:
    code = text.upper()
    if code in _countries():
        return code
    if len(code) == 3 and (found := _alpha3().get(code)):
        return found
    return next((names[text] for names in _all_names("territories") if text in names), None)


@lru_cache(MEMO)
def _language(text: str) -> str | None:
    if tag := _TAG.fullmatch(text):
        code = _known_language(tag["language"].lower())
        region = (tag["region"] or "").upper()
        if code and (not region or region in _countries() or region.isdigit()):
            return "-".join(filter(None, (code, (tag["script"] or "").capitalize(), region)))
    folded = _folded(text)
    return next((names[folded] for names in _all_names("languages") if folded in names), None)


def _known_language(code: str) -> str | None:
    names = _names("languages", "en")
    short = _global("language_aliases").get(code, code)
    return short if short in names else None


@cache
def _countries() -> frozenset[str]:
    # What Unicode has as territories and ISO 3166 does not have as countries.
    others = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"}
    return frozenset(c for c in _names("territories", "en") if len(c) == 2 and c.isalpha()) - others


@cache
def _alpha3() -> dict[str, str]:
    aliases = {key: value[0] for key, value in _global("territory_aliases").items() if len(key) == 3}
    return {key: value for key, value in aliases.items() if key.isalpha() and value in _countries()}


def _global(name: str) -> dict[str, Any]:
    from babel.core import get_global  # noqa: PLC0415 - only loaded where it is used

    return dict(get_global(name))  # type: ignore[arg-type]  # babel lists the names it knows


@lru_cache(32)
def _names(kind: str, locale: str) -> dict[str, str]:
    """Names by code in one language; none for a language that is not known."""
    from babel import localedata  # noqa: PLC0415 - only loaded where it is used

    if not localedata.exists(locale):
        return {}
    return dict(localedata.load(locale)[kind])


def _all_names(kind: str) -> Iterator[dict[str, str]]:
    """Codes by folded name, language by language."""
    for locale in _locales():
        yield _codes(kind, locale)


@cache
def _locales() -> tuple[str, ...]:
    from babel import localedata  # noqa: PLC0415 - only loaded where it is used

    plain = sorted(name for name in localedata.locale_identifiers() if name.isalpha())
    return tuple(dict.fromkeys((*_FIRST, *plain)))


@cache
def _codes(kind: str, locale: str) -> dict[str, str]:
    known = _countries() if kind == "territories" else None
    codes: dict[str, str] = {}
    for code, name in _names(kind, locale).items():
        if known is None or code in known:
            codes.setdefault(_folded(name), code.replace("_", "-"))
    return codes


def _folded(text: str) -> str:
    """A name without case, accents, signs and double spaces."""
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    plain = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join(plain.split())
