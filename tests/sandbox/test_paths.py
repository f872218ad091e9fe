from __future__ import annotations

import re
from typing import Any

import pytest

from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.paths import Absence, read_path

USER: dict[str, Any] = {
    "userName": "maria.novak@acme.example",
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
        ('phoneNumbers[type eq "work"]', "2"),
        ('phoneNumbers[type eq "work"].primary', Absence.OMITTED),
        ('phoneNumbers[type eq "fax"].value', Absence.OUTSIDE),
        ('emails[type eq "work"].value', Absence.OUTSIDE),
        ("phoneNumbers.value", ["1", "2"]),
        (f"{ENTERPRISE}:department", "R&D"),
        (f"{ENTERPRISE}:division", Absence.OMITTED),
        ("urn:acme:1.0:User:Code", Absence.OUTSIDE),
    ],
)
def test_paths_are_read(path: str, value: object) -> None:
    assert read_path(path)(USER) == value


def test_only_some_types_are_read() -> None:
    assert read_path('phoneNumbers[type eq "home"].value')(USER) == "1"
    assert read_path('phoneNumbers[type eq "home"].value', ("work",))(USER) is Absence.OUTSIDE


@pytest.mark.parametrize("path", ["", "a b", 'emails[type eq "work"', "name."])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(path)}$"):
        read_path(path)


@pytest.mark.parametrize(
    "path", ["name.givenName", 'emails[type eq "work"].value', f"{ENTERPRISE}:department"]
)
@pytest.mark.parametrize("odd", ["text", 7, None, {}])
def test_odd_shapes_are_absences(path: str, odd: object) -> None:
    user = dict.fromkeys(("name", "emails", ENTERPRISE), odd)
    assert isinstance(read_path(path)(user), Absence)
