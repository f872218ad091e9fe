from __future__ import annotations

import re
from typing import Any

import pytest

from scimport.sandbox.attributes import (
    AD,
    ENTRA,
    Absence,
    Context,
    EntryError,
    distinguished_name,
    flow,
    read_path,
)
from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.settings import Settings

USER: dict[str, Any] = {
    "externalId": "E1",
    "userName": "maria.novak@acme.example",
    "active": True,
    "displayName": "Maria Novak",
    "name": {"givenName": "Maria"},
    "phoneNumbers": [{"type": "home", "value": "1"}, {"type": "work", "value": "2"}],
    ENTERPRISE: {"department": "R&D"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("userName", "maria.novak@acme.example"),
        ("title", Absence.OMITTED),
        ("name.givenName", "Maria"),
        ("name.familyName", Absence.OMITTED),
        ("names.familyName", Absence.OUTSIDE),
        ('phoneNumbers[type eq "work"].value', "2"),
        ('phoneNumbers[type eq "work"].primary', Absence.OMITTED),
        ('phoneNumbers[type eq "fax"].value', Absence.OUTSIDE),
        ('emails[type eq "work"].value', Absence.OUTSIDE),
        (f"{ENTERPRISE}:department", "R&D"),
        (f"{ENTERPRISE}:division", Absence.OMITTED),
        ("urn:acme:1.0:User:Code", Absence.OUTSIDE),
    ],
)
def test_paths_are_read(path: str, value: object) -> None:
    assert read_path(path)(USER) == value


@pytest.mark.parametrize("path", ["", "a b", 'emails[type eq "work"', "name."])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(path)}$"):
        read_path(path)


@pytest.mark.parametrize(
    "path", ["name.givenName", 'emails[type eq "work"].value', f"{ENTERPRISE}:department"]
)
@pytest.mark.parametrize("odd", ["text", 7, None, [], [7], {}])
def test_odd_shapes_are_absences(path: str, odd: object) -> None:
    user = dict.fromkeys(("name", "emails", ENTERPRISE), odd)
    assert isinstance(read_path(path)(user), Absence)


def _context(*taken: str, **settings: Any) -> Context:
    return Context(Settings(**settings), lambda _, value: value in taken, {})


def test_entra_drops_the_domain_of_the_user_name() -> None:
    values = flow(ENTRA, USER, None, _context())
    assert values["userPrincipalName"] == "maria.novak@sandbox.example"
    assert values["mailNickname"] == "maria.novak"
    assert "mail" not in values


@pytest.mark.parametrize(
    "name", ["josé@a.example", "a b@c.example", ".a@b.example", "a.@b.example", f"{'x' * 65}@a"]
)
def test_entra_refuses_characters_in_the_principal_name(name: str) -> None:
    with pytest.raises(EntryError, match="AzureActiveDirectoryInvalidUserPrincipalName"):
        flow(ENTRA, {**USER, "userName": name}, None, _context())


def test_entra_needs_a_default_domain() -> None:
    with pytest.raises(EntryError, match="InvalidDomain"):
        flow(ENTRA, USER, None, _context(default_domain=""))


def test_ad_names() -> None:
    values = flow(
        AD, {**USER, "userName": "a.very/long user.name.indeed@x", "active": False}, None, _context()
    )
    assert values["sAMAccountName"] == "a.verylonguser.name."
    assert values["userPrincipalName"] == "a.very/long user.name.indeed@ad.sandbox.example"
    assert values["distinguishedName"] == "CN=Maria Novak,OU=People,DC=ad,DC=sandbox,DC=example"
    assert values["accountDisabled"] is True


def test_ad_names_that_are_taken_get_a_number() -> None:
    taken = (distinguished_name("Novak, Maria", Settings()), distinguished_name("Novak, Maria 2", Settings()))
    user = {**USER, "displayName": "Novak, Maria"}
    values = flow(AD, user, None, _context("maria.novak", *taken))
    assert values["sAMAccountName"] == "maria.novak2"
    assert values["cn"] == "Novak, Maria 3"
    assert values["distinguishedName"] == r"CN=Novak\, Maria 3,OU=People,DC=ad,DC=sandbox,DC=example"


def test_what_is_not_a_string_becomes_one() -> None:
    assert flow(ENTRA, {**USER, "title": 7}, None, _context())["jobTitle"] == "7"
