"""People's names in the case that they are written in, and in ASCII."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any, Final

PARTICLES: Final = frozenset(
    (
        *("van", "von", "vom", "der", "den", "dem", "ter", "ten", "zu", "zum", "zur"),
        *("de", "del", "della", "di", "da", "das", "do", "dos", "du"),
        *("bin", "bint", "ibn"),
    )
)
"""Words that are lower case inside a name. Articles (``la``, ``los``) are so only after one of these."""

_ARTICLES: Final = frozenset(("het", "la", "las", "lo", "los", "le"))
_NUMERALS: Final = frozenset(("II", "III", "IV"))

_SPACES: Final = re.compile(r"(\s+)")
_LETTER: Final = r"(?:[^\W_]|[\u0300-\u036f])"
_WORD: Final = re.compile(rf"{_LETTER}+(?:['\u2019]{_LETTER}+)*")
_APOSTROPHE: Final = re.compile("(['\u2019])")


def pcase(value: Any, particles: Collection[str] | None = None) -> Any:
    """Filter ``pcase``: a name in proper case, for sources that have all in capitals or all in small letters.

    Plain words become as Entra's ``PCase`` makes them: the first letter a capital, the others small; a
    hyphen, a bracket and most other signs start a new word. Beyond that:

    - after an apostrophe with at least two letters behind it: ``O'BRIEN`` is ``O'Brien``, ``ST JOHN'S`` is
      ``St John's``;
    - ``Mc``: ``MCDONALD`` is ``McDonald``. ``Mac`` has no rule (``Macdonald`` and ``MacDonald`` are both
      names);
    - particles inside a name are small, neither the first nor the last word is: ``JAN VAN DER BERG`` is
      ``Jan van der Berg``, but ``VAN DER BERG`` is ``Van der Berg``. One written ``Van`` already stays so;
    - a word written with inner capitals already (``MacDonald``, ``DeVries``) stays so;
    - II, III and IV at the end stay capitals.

    Args:
        value: Text. A blank is passed through.
        particles: The words that are small inside a name, in place of :data:`PARTICLES`; ``[]`` for none.

    Raises:
        ValueError: If the value is not text.

    >>> pcase("ANNE-MARIE O'BRIEN")
    "Anne-Marie O'Brien"
    >>> pcase("jan van der berg")
    'Jan van der Berg'
    >>> pcase("mcdonald")
    'McDonald'
    """
    if value.__class__ is not str:
        return _not_text(value)
    # Nearly every name is one word, or two with a hyphen; what _name does with the others gives the same.
    if value.isalpha():
        return value if value.istitle() and value[:2] != "Mc" else _cased(value)
    if value.replace("-", "").isalpha():
        return "-".join(map(_cased, value.split("-")))
    return _name(value, PARTICLES if particles is None else particles)


def to_ascii(value: Any, missing: str | None = None) -> Any:
    """Filter ``ascii``: letters without their accents, as Entra's ``NormalizeDiacritics`` writes them.

    That is ``ä ö ü`` as ``a o u`` (not ``ae oe ue``), ``æ`` as ``ae``, ``ø`` and ``œ`` as ``oe``, ``ß`` as
    ``ss``; also ``đ ð`` as ``d``, ``þ`` as ``th``, typographic quotes and dashes as plain ones.

    Args:
        value: Text. A blank is passed through.
        missing: What to put for a letter of another alphabet (Greek, Cyrillic, Chinese), in place of its
            transliteration; ``""`` leaves it out.

    Raises:
        ValueError: If the value is not text, or has a character without any ASCII form.

    >>> to_ascii("Zoë Sørensen-Großmann")
    'Zoe Soerensen-Grossmann'
    >>> to_ascii("Łukasz Żółć")
    'Lukasz Zolc'
    >>> to_ascii("Юлия Παπαδοπούλου"), to_ascii("Ωmega", "")
    ('Yuliya Papadopoyloy', 'mega')
    """
    if value.__class__ is not str:
        return _not_text(value)
    return value if value.isascii() else _plain_letters(value, missing)


_SPECIAL: Final = str.maketrans(
    {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "oe", "Ø": "OE", "ß": "ss", "ẞ": "SS"}
    | {"þ": "th", "Þ": "Th", "ŋ": "ng", "Ŋ": "Ng"}
    | dict(zip("đĐðÐłŁıħĦŧŦəƏ", "dDdDlLihHtTeE", strict=True))
    # Quotes, primes and dashes of all kinds, by number since they look alike.
    | dict.fromkeys(map(chr, (*range(0x2018, 0x201C), 0x02B9, 0x02BB, 0x02BC, 0x2032, 0x00B4)), "'")
    | dict.fromkeys(map(chr, (*range(0x201C, 0x2020), 0x2033, 0x00AB, 0x00BB)), '"')
    | dict.fromkeys(map(chr, (*range(0x2010, 0x2016), 0x2212)), "-")
)


def _plain_letters(text: str, missing: str | None) -> str:
    # Decomposed first, so that `ǣ` and `ǿ` lose their accents before the table is asked.
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", text).translate(_SPECIAL))
    kept = "".join([c for c in letters if c.isascii() or unicodedata.category(c) not in ("Mn", "Cf")])
    if kept.isascii():
        return kept
    if missing is None:
        # Composed again, since the transliteration of an accented letter is not that of its parts.
        return "".join([c if c.isascii() else _transliterated(c) for c in unicodedata.normalize("NFC", kept)])
    return "".join([c if c.isascii() else missing for c in kept])


def _transliterated(letter: str) -> str:
    from anyascii import anyascii  # noqa: PLC0415 - most names have only Latin letters

    found = str(anyascii(letter))
    if not found:
        raise ValueError("it has characters without an ASCII form; ascii('') leaves them out")
    return found


def _not_text(value: object) -> None:
    if value is not None:
        raise ValueError("it is not a text")


def _name(text: str, particles: Collection[str]) -> str:
    parts = _SPACES.split(text)
    words = [place for place in range(0, len(parts), 2) if parts[place]]
    before = ""
    for place in words:
        word = parts[place]
        lower = word.lower()
        if place == words[0]:
            parts[place] = _WORD.sub(_word, word)
        elif place == words[-1]:
            parts[place] = word.upper() if word.upper() in _NUMERALS else _WORD.sub(_word, word)
        elif word in (lower, word.upper()) and (
            lower in particles or (lower in _ARTICLES and before in particles)
        ):
            parts[place] = lower
        else:
            parts[place] = _WORD.sub(_word, word)
        before = lower
    return "".join(parts)


def _word(match: re.Match[str]) -> str:
    first, *rest = _APOSTROPHE.split(match[0])
    return _cased(first) + "".join([_cased(part) if len(part) > 1 else part.lower() for part in rest])


def _cased(part: str) -> str:
    if not part.istitle():
        if _is_mixed(part):
            return part
        part = part.capitalize()
    return "Mc" + part[2:].capitalize() if len(part) > 3 and part.startswith("Mc") else part


def _is_mixed(part: str) -> bool:
    """Whether capitals are inside, each (the first letter too) with a small letter behind: MacDonald."""
    if part.isupper() or part.islower():
        return False
    capitals = [place for place, letter in enumerate(part) if letter.isupper()]
    return (
        len(capitals) > 1
        and capitals[0] == 0
        and all(part[place + 1 : place + 2].islower() for place in capitals)
    )
