from __future__ import annotations

import doctest
import string
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.mappings.filters import names
from scimport.mappings.filters.names import PARTICLES, pcase, to_ascii


def test_examples() -> None:
    assert doctest.testmod(names).failed == 0


@pytest.mark.parametrize(
    ("text", "cased"),
    [
        ("", ""),
        ("ANNA", "Anna"),
        ("anna maria", "Anna Maria"),
        # Entra's own examples of PCase
        ("PABLO GONSALVES (SECOND)", "Pablo Gonsalves (Second)"),
        ("PINTO-DE'SILVA", "Pinto-De'Silva"),
        ("GREGORY JAMES", "Gregory James"),
        ("O'BRIEN", "O'Brien"),
        ("o\u2019neill", "O\u2019Neill"),
        ("D'ANGELO", "D'Angelo"),
        ("ST JOHN'S", "St John's"),
        ("MCDONALD", "McDonald"),
        ("McDONALD", "McDonald"),
        ("MCGEE-SMITH", "McGee-Smith"),
        ("MC", "Mc"),
        ("MACDONALD", "Macdonald"),
        ("MacDonald", "MacDonald"),
        ("DeVries", "DeVries"),
        ("jOHN", "John"),
        ("JOhn", "John"),
        ("JAN VAN DER BERG", "Jan van der Berg"),
        ("VAN DER BERG", "Van der Berg"),
        ("jan van der berg", "Jan van der Berg"),
        ("Jan Van Damme", "Jan Van Damme"),
        ("MARIA DE LA CRUZ", "Maria de la Cruz"),
        ("MARIE LA FONTAINE", "Marie La Fontaine"),
        ("TRANG LE", "Trang Le"),
        ("LUDWIG VON", "Ludwig Von"),
        ("HENRY JAMES III", "Henry James III"),
        ("iv", "Iv"),
        ("MÜLLER-LÜDENSCHEIDT", "Müller-Lüdenscheidt"),
        ("ÉMILE ZOLA", "Émile Zola"),
        ("JOSE\u0301 PEREZ", "Jose\u0301 Perez"),
        ("ELIZABETH  2ND", "Elizabeth  2nd"),
        (" ANN ", " Ann "),
        ("SMITH,JOHN/PAUL", "Smith,John/Paul"),
        ("ИВАН ПЕТРОВ", "Иван Петров"),
        ("王小明", "王小明"),
    ],
)
def test_pcase(text: str, cased: str) -> None:
    assert pcase(text) == cased
    assert pcase(cased) == cased


def test_particles_are_a_choice() -> None:
    assert pcase("JAN VAN DER BERG", []) == "Jan Van Der Berg"
    assert pcase("ANNA AV LINDGREN", particles=["av"]) == "Anna av Lindgren"
    assert "van" in PARTICLES


LATIN = st.text(
    st.characters(max_codepoint=0x17F, categories=["Lu", "Ll"], exclude_characters="ŉſİıß"), min_size=1
)
SEPARATORS = st.sampled_from([" ", "-", "'", " van ", " DE LA ", ", ", "  "])


@settings(max_examples=300)
@given(st.lists(LATIN, min_size=1, max_size=4), SEPARATORS)
def test_pcase_is_idempotent_and_changes_case_only(words: list[str], separator: str) -> None:
    text = separator.join(words)
    cased = pcase(text)
    assert cased.casefold() == text.casefold()
    assert pcase(cased) == cased


@given(st.one_of(st.text("aBcMÄßéǆ-'", max_size=8), st.text()))
def test_pcase_of_one_word_is_that_of_any_name(text: str) -> None:
    assert pcase(text) == names._name(text, PARTICLES)


@given(st.text())
def test_pcase_takes_any_text(text: str) -> None:
    assert len(pcase(text).split()) == len(text.split())


@given(st.text(string.ascii_letters, min_size=1, max_size=12))
def test_plain_words_are_as_in_entra(word: str) -> None:
    if word.lower().startswith("mc"):
        return
    assert pcase(word.upper()) == pcase(word.lower()) == word.capitalize()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Müller Jäger Schön", "Muller Jager Schon"),
        ("Großmann", "Grossmann"),
        ("Søren Ærø", "Soeren AEroe"),
        ("Œuvre", "OEuvre"),
        ("Đorđe Þór Łódź", "Dorde Thor Lodz"),
        ("Ǣǣ Ǿǿ", "AEae OEoe"),
        ("O\u2019Brien \u2013 Smith", "O'Brien - Smith"),
        ("A\u00a0B\u00adC", "A BC"),
        ("ﬁ Ⅳ", "fi IV"),
    ],
)
def test_ascii(text: str, plain: str) -> None:
    assert to_ascii(text) == plain


# The table of NormalizeDiacritics in Microsoft's reference of expression functions.
ENTRA = {
    "a": "ä à â ã å á ą ă ā ā́ ā̀ ā̂ ā̃ ǟ ā̈ ǡ a̱ å̄",
    "ae": "æ ǣ",
    "c": "ç č ć c̄ c̱",
    "d": "ď d̄ ḏ",
    "e": "ë è é ê ę ě ė ē ḗ ḕ ē̂ ē̃ ê̄ e̱ ë̄ e̊̄",
    "g": "ğ ḡ g̱",
    "i": "ï î ì í ı ī ī́ ī̀ ī̂ ī̃ i̱",  # noqa: RUF001 - the letters themselves
    "l": "ľ ł l̄ ḹ ḻ",
    "n": "ñ ń ň n̄ ṉ",
    "o": "ö ò ő õ ô ó ō ṓ ṑ ō̂ ō̃ ȫ ō̈ ǭ ȭ ȱ o̱",
    "oe": "ø ø̄ œ̄",
    "r": "ř r̄ ṟ ṝ",
    "ss": "ß",
    "s": "š ś ș ş s̄ s̱",
    "t": "ť ț t̄ ṯ",
    "u": "ü ù û ú ů ű ū ū́ ū̀ ū̂ ū̃ u̇̄ ǖ ṻ ṳ̄ u̱",
    "y": "ÿ ý ȳ ȳ́ ȳ̀ ȳ̃ y̱",
    "z": "ź ž ż z̄ ẕ",
}


@pytest.mark.parametrize("plain", ENTRA)
def test_ascii_is_entras_table(plain: str) -> None:
    for letter in ENTRA[plain].split():
        for form in ("NFC", "NFD"):
            assert to_ascii(unicodedata.normalize(form, letter)) == plain
            if letter not in ("ß", "\u0131"):
                assert to_ascii(unicodedata.normalize(form, letter.upper())) == plain.upper()


def test_ascii_says_what_has_no_form() -> None:
    with pytest.raises(ValueError, match="without an ASCII form") as caught:
        to_ascii("Ann \ue000")
    assert "Ann" not in str(caught.value)
    assert to_ascii("Ann Παπάς", "") == "Ann "
    assert to_ascii("Ann 王", missing="?") == "Ann ?"


@given(st.text())
def test_ascii_is_ascii(text: str) -> None:
    plain = to_ascii(text, "")
    assert plain.isascii()
    assert to_ascii(plain) == plain


@pytest.mark.parametrize("filter_", [pcase, to_ascii])
def test_only_text(filter_: object) -> None:
    assert callable(filter_)
    assert filter_(None) is None
    assert filter_("") == ""
    with pytest.raises(ValueError, match="it is not a text"):
        filter_(5)
