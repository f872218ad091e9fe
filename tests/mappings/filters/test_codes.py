from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.mappings.filters import FILTERS, choices, codes, phones

SECRET = "Xanthippe"


@pytest.mark.parametrize("module", [codes, phones, choices])
def test_examples(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("germany", "DE"),
        ("ALLEMAGNE", "DE"),
        ("Alemania", "DE"),
        ("Германия", "DE"),
        ("ドイツ", "DE"),
        ("Côte d\u2019Ivoire", "CI"),
        ("cote d'ivoire", "CI"),
        ("United  Kingdom", "GB"),
        ("gb", "GB"),
        ("GBR", "GB"),
        ("USA", "US"),
        ("Türkei", "TR"),
    ],
)
def test_countries_in_many_languages(text: str, code: str) -> None:
    assert FILTERS["country"](text) == code


@pytest.mark.parametrize("text", ["Atlantis", "XX", "EU", "EUR", "ZZZ", "150", 7])
def test_what_is_no_country(text: object) -> None:
    with pytest.raises(ValueError, match="not the name or the code"):
        FILTERS["country"](text)
    assert FILTERS["country"](text, "?") == "?"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("EN_us", "en-US"),
        ("pt-br", "pt-BR"),
        ("ger", "de"),
        ("Französisch", "fr"),
        ("español", "es"),
        ("es-419", "es-419"),
    ],
)
def test_languages(text: str, tag: str) -> None:
    assert FILTERS["language"](text) == tag


@pytest.mark.parametrize("text", ["xx", "en-XX", "Klingonese", "de-DE-x", 1])
def test_what_is_no_language(text: object) -> None:
    with pytest.raises(ValueError, match="not the name or the tag"):
        FILTERS["language"](text)


@given(st.text())
def test_codes_are_codes_or_refused_without_the_text(text: str) -> None:
    for name in ("country", "language"):
        found = FILTERS[name](text, None)
        assert found is None or found == text == "" or (found.isascii() and FILTERS[name](found) == found)


@pytest.mark.parametrize("arguments", [(SECRET,), (SECRET, "DE"), ("1" * 30, "DE"), ("+49 1 x",), (7,)])
def test_what_is_no_telephone_number(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="it is") as caught:
        FILTERS["phone"](*arguments)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("arguments", [("1", "XX"), ("1", "DE", "rfc")])
def test_what_phone_does_not_know(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="phone knows"):
        FILTERS["phone"](*arguments)


def test_a_pattern_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ValueError, match="takes too long"):
        FILTERS["regex_replace"]("a" * 64 + "!", "(a|a)+(a|a)+$", "")
    with pytest.raises(ValueError, match="cannot be used"):
        FILTERS["regex_replace"]("a", "a", r"\2")
    assert FILTERS["regex_replace"]("a-b-c", "-", "", 1) == "ab-c"
