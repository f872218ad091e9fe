from __future__ import annotations

from typing import Any

import pytest

from scimport.sandbox.paths import read_path
from scimport.sandbox.scoping import Scope, compile_scope

USER: dict[str, Any] = {
    "title": "Sales Lead",
    "userName": "ann@acme.example",
    "active": True,
    "nickName": "",
    "userType": "10",
    "roles": ["a", "b"],
}


def _scope(*groups: list[tuple[str, str, str]]) -> Scope:
    resource = {
        "name": None,
        "groups": [
            {
                "name": f"g{number}",
                "clauses": [
                    {
                        "sourceOperandName": name,
                        "operatorName": operator,
                        "targetOperand": {"values": [value]},
                    }
                    for name, operator, value in group
                ],
            }
            for number, group in enumerate(groups, 1)
        ],
    }
    return compile_scope(resource, read_path)


@pytest.mark.parametrize(
    ("name", "operator", "value", "holds"),
    [
        ("title", "EQUALS", "Sales Lead", True),
        ("title", "EQUALS", "sales lead", False),
        ("title", "NOT EQUALS", "sales lead", True),
        ("title", "NOT EQUALS", "Sales Lead", False),
        ("active", "IS TRUE", "", True),
        ("active", "IS FALSE", "", False),
        ("title", "IS NULL", "", False),
        ("nickName", "IS NULL", "", True),
        ("locale", "IS NULL", "", True),
        ("locale", "IS NOT NULL", "", False),
        ("userName", "REGEX MATCH", r".*\@acme.example", True),
        ("userName", "NOT REGEX MATCH", r".*\@acme.example", False),
        ("locale", "NOT REGEX MATCH", "x", False),
        ("userType", "Greater_Than", "9", True),
        ("userType", "Greater_Than", "10", False),
        ("userType", "Greater_Than_OR_EQUALS", "10", True),
        ("title", "Greater_Than", "1", False),
        ("title", "Includes", "Lead", True),
        ("title", "Includes", "lead", False),
        ("title", "ENDS_WITH", "Lead", True),
        ("userType", "&", "10;20", True),
        ("userType", "!&", "10;20", False),
        # Null, empty and several values fulfil nothing else.
        ("locale", "NOT EQUALS", "x", False),
        ("nickName", "!&", "x", False),
        ("roles", "NOT EQUALS", "x", False),
    ],
)
def test_operators(name: str, operator: str, value: str, holds: bool) -> None:
    inside, results = _scope([(name, operator, value)]).evaluate(USER)
    assert inside is holds
    assert list(results.values()) == [holds]


def test_clauses_are_joined_with_and_groups_with_or() -> None:
    yes, no = ("active", "IS TRUE", ""), ("title", "EQUALS", "x")
    assert _scope().evaluate(USER) == (True, {})
    assert _scope([yes, no]).evaluate(USER) == (
        False,
        {"g1.active IS TRUE": True, "g1.title EQUALS 'x'": False},
    )
    assert _scope([yes, no], [yes]).evaluate(USER)[0]
    assert not _scope([no], [yes, no]).evaluate(USER)[0]
    assert compile_scope(None, read_path).evaluate({}) == (True, {})


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        (("title", "LIKE", "x"), "no operator 'LIKE'"),
        (("a b", "IS NULL", ""), "'a b' of a scoping filter is no attribute"),
        (("title", "REGEX MATCH", "("), "missing"),
    ],
)
def test_wrong_filters(clause: tuple[str, str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _scope([clause])
