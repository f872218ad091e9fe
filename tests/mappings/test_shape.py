from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scimport.codes import Code
from scimport.mappings.scim import CORE_URN, ENTERPRISE_URN, load_user_schema
from scimport.mappings.shape import (
    Array,
    Constant,
    Object,
    Place,
    Slot,
    WrongError,
    is_certain,
    shape_user,
    slots,
    with_schemas,
)
from scimport.mappings.tree import Leaf, merge
from scimport.model import Problem

ACME = "urn:acme:2.0:User"
CUSTOM = {
    "id": ACME,
    "attributes": [
        {"name": "badge", "type": "integer", "required": True},
        {"name": "skills", "multiValued": True},
        {"name": "car", "type": "complex", "subAttributes": [{"name": "plate", "required": True}]},
    ],
}
SCHEMA = load_user_schema([("acme.json", CUSTOM)])
NEEDED = "  externalId: a\n  userName: a\n  active: true\n"
Shaped = Callable[..., tuple[Object, list[Problem]]]


@pytest.fixture
def shaped(load: Any) -> Shaped:
    def shaped(user: str, *, clear: tuple[tuple[str, ...], ...] = (), needed: str = NEEDED) -> Any:
        tree = merge([load(f"user:\n{needed}{user}")], SCHEMA)
        places: list[Place] = []

        def bind(place: Place, leaf: Leaf) -> Constant | Slot:
            if leaf.value == "wrong":
                raise WrongError(leaf.origin.problem(Code.WRONG_TYPE, "wrong"))
            places.append(place)
            return Slot(len(places)) if str(leaf.value).startswith("$") else Constant(leaf.value or None)

        return shape_user(tree.user, SCHEMA, clear, bind)

    return shaped


def test_keys_come_in_the_order_of_the_schema(shaped: Shaped) -> None:
    shape, problems = shaped(
        "  enterprise: {manager: {value: a}, costCenter: a}\n  name: {givenName: a, formatted: a}\n"
        "  emails: [{primary: true, type: work, value: a}]\n"
    )
    assert problems == []
    assert [name for name, _ in shape.members] == [
        *("externalId", "userName", "name", "active", "emails"),
        ENTERPRISE_URN,
    ]
    members: dict[str, Any] = dict(shape.members)
    assert [name for name, _ in members["name"].members] == ["formatted", "givenName"]
    assert [name for name, _ in members["emails"].entries[0].members] == ["value", "type", "primary"]
    assert [name for name, _ in members[ENTERPRISE_URN].members] == ["costCenter", "manager"]


WRONG = [
    ("nick: a", Code.UNKNOWN_ATTRIBUTE, "nick", "SCIM has no attribute nick", "nickName"),
    ("Title: a", Code.UNKNOWN_ATTRIBUTE, "Title", "SCIM has no attribute Title", "Did you mean title?"),
    ("name: {surname: a}", Code.UNKNOWN_ATTRIBUTE, "name.surname", "no attribute name.surname", "familyName"),
    ("department: a", Code.UNKNOWN_ATTRIBUTE, "department", "", "enterprise.department"),
    ("emails: [{mail: a}]", Code.UNKNOWN_ATTRIBUTE, "emails[0].mail", "", ""),
    (
        "enterprise: {departmnt: a}",
        Code.UNKNOWN_ATTRIBUTE,
        "enterprise.departmnt",
        "",
        "enterprise.department",
    ),
    ("name.givenName: a", Code.UNKNOWN_ATTRIBUTE, "name.givenName", "", "below each other"),
    (
        "urn:example:params:Thing: {a: b}",
        Code.UNKNOWN_ATTRIBUTE,
        "urn:example:params:Thing",
        "",
        "under 'schemas'",
    ),
    (f"{CORE_URN}: {{title: a}}", Code.UNKNOWN_ATTRIBUTE, CORE_URN, "", "stand at the top"),
    ("id: a", Code.READ_ONLY_ATTRIBUTE, "id", "id cannot be set", "Remove it."),
    ("meta: {created: a}", Code.READ_ONLY_ATTRIBUTE, "meta", "meta cannot be set", ""),
    ("groups: [{value: a}]", Code.READ_ONLY_ATTRIBUTE, "groups", "", ""),
    ("schemas: [a]", Code.READ_ONLY_ATTRIBUTE, "schemas", "schemas cannot be set: it is made", ""),
    (
        *("enterprise: {manager: {displayName: a}}", Code.READ_ONLY_ATTRIBUTE),
        *("enterprise.manager.displayName", "", ""),
    ),
    ("name: a", Code.COMPLEX_ATTRIBUTE, "name", "name takes keys below it", "For example name.formatted: a."),
    ("emails: [a]", Code.COMPLEX_ATTRIBUTE, "emails[0]", "", "For example emails[0].value: a."),
    ("enterprise: a", Code.COMPLEX_ATTRIBUTE, "enterprise", "", ""),
    (
        "enterprise: {manager: $a}",
        Code.COMPLEX_ATTRIBUTE,
        "enterprise.manager",
        "",
        "enterprise.manager.value: $a",
    ),
    (
        "title: {value: a}",
        Code.SIMPLE_ATTRIBUTE,
        "title",
        "title takes a value",
        "Write title: and the value.",
    ),
    ("emails: $a", Code.LIST_EXPECTED, "emails", "emails takes a list", "each of the emails"),
    ("emails: {value: a}", Code.LIST_EXPECTED, "emails", "emails takes a list", "'-'"),
    (f"{ACME}: {{badge: 1, skills: a}}", Code.LIST_EXPECTED, f"{ACME}:skills", "", "split"),
    ("title: [a]", Code.SINGLE_EXPECTED, "title", "title takes one value, not a list", ""),
    ("name: [{givenName: a}]", Code.SINGLE_EXPECTED, "name", "", ""),
    ("emails: [[{value: a}]]", Code.SINGLE_EXPECTED, "emails[0]", "", ""),
    ("title: wrong", Code.WRONG_TYPE, "", "wrong", ""),
    (f"{ACME}: {{skills: [a]}}", Code.REQUIRED_ATTRIBUTE, f"{ACME}:badge", "badge is missing", "Add badge."),
    (f"{ACME}: {{badge: 1, car: {{}}}}", Code.REQUIRED_ATTRIBUTE, f"{ACME}:car.plate", "", ""),
]


@pytest.mark.parametrize(("user", "code", "field", "message", "hint"), WRONG)
def test_what_is_wrong_is_told(
    shaped: Shaped, user: str, code: Code, field: str, message: str, hint: str
) -> None:
    _, (problem,) = shaped(f"  {user}\n")
    assert (problem.code, problem.field) == (code, field)
    assert (problem.file, problem.line) == ("mappings/people.yml", 5)
    assert message in problem.message
    assert hint in problem.hint


def test_all_of_it_is_told(shaped: Shaped) -> None:
    _, problems = shaped("  nick: a\n  name: {x: a, y: a}\n  emails: [{z: a}, b]\n", needed="")
    assert {problem.field for problem in problems} == {
        *("nick", "name.x", "name.y", "emails[0].z", "emails[1]", "externalId", "userName", "active"),
    }


@pytest.mark.parametrize("name", ["externalId", "userName", "active"])
def test_what_every_user_needs(shaped: Shaped, name: str) -> None:
    others = [line for line in NEEDED.splitlines(keepends=True) if name not in line]
    _, (problem,) = shaped("  title: a\n", needed="".join(others))
    assert (problem.code, problem.field, problem.line) == (Code.REQUIRED_ATTRIBUTE, name, 1)
    assert problem.hint


def test_what_every_user_needs_may_not_be_blank(shaped: Shaped) -> None:
    _, (problem,) = shaped("", needed=NEEDED.replace("userName: a", "userName: ''"))
    assert (problem.code, problem.field, problem.message) == (
        *(Code.REQUIRED_ATTRIBUTE, "userName"),
        "userName is blank",
    )


def test_blank_constants_and_empty_objects_are_left_out(shaped: Shaped) -> None:
    shape, problems = shaped("  title: ''\n  name: {}\n  emails: []\n  roles: [{value: ''}]\n")
    assert problems == []
    assert [name for name, _ in shape.members] == ["externalId", "userName", "active"]


def test_one_expression_can_give_a_list(shaped: Shaped) -> None:
    shape, problems = shaped(f"  {ACME}: {{badge: 1, skills: $a}}\n")
    assert problems == []
    assert isinstance(dict(shape.members)[ACME].members[1][1], Slot)  # type: ignore[union-attr]


def test_what_is_cleared_may_be_null(shaped: Shaped) -> None:
    clear = (("title",), ("nickName",), ("name", "givenName"), (ENTERPRISE_URN, "manager"))
    shape, problems = shaped(
        "  title: $a\n  nickName: ''\n  locale: $a\n  name: {givenName: $a, familyName: $a}\n"
        "  enterprise: {manager: {value: $a}, division: $a}\n",
        clear=clear,
    )
    assert problems == []
    members: dict[str, Any] = dict(shape.members)
    assert members["title"].nullable
    assert members["nickName"] == Constant(None)
    assert not members["locale"].nullable
    assert [member.nullable for _, member in members["name"].members] == [False, True]
    assert members[ENTERPRISE_URN].members[1][1].nullable


def test_schemas_name_what_is_there_in_every_user() -> None:
    none, some = (
        Object(((ACME, Object((("badge", Slot(0)),))),)),
        Object(((ACME, Object((("badge", Constant(1)),))),)),
    )
    assert with_schemas(none, SCHEMA).members[0] == (
        "schemas",
        Array((Constant(CORE_URN), Constant(ENTERPRISE_URN))),
    )
    assert with_schemas(some, SCHEMA).members[0] == (
        "schemas",
        Array((Constant(CORE_URN), Constant(ENTERPRISE_URN), Constant(ACME))),
    )


def test_what_is_certain() -> None:
    entry = Object((("value", Slot(0)), ("type", Constant("work"))))
    assert not is_certain(Array((entry,)))
    assert is_certain(Array((entry, Constant("a"))))
    assert is_certain(entry)
    assert not is_certain(Object((("emails", Array((entry,))),)))
    assert is_certain(Slot(0, True))
    assert slots(Array((entry, entry))) == (Slot(0), Slot(0))
