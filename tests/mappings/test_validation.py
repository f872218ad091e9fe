from __future__ import annotations

import copy
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema
import jsonschema_rs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.mappings.scim import CORE_URN, ENTERPRISE_URN, json_schema, load_user_schema
from scimport.mappings.validation import MOST_PROBLEMS, UserValidator

ACME = "urn:ietf:params:scim:schemas:extension:acme:1.0:User"
EXTENSION = {
    "id": ACME,
    "attributes": [
        {"name": "hireDate", "type": "dateTime"},
        {"name": "grade", "type": "integer"},
        {"name": "share", "type": "decimal"},
        {"name": "photo", "type": "binary"},
        {"name": "page", "type": "reference", "referenceTypes": ["external"]},
        {"name": "skills", "multiValued": True},
    ],
}
USER: dict[str, Any] = {
    "schemas": [CORE_URN, ENTERPRISE_URN, ACME],
    "externalId": "E1001",
    "userName": "maria.novak@acme.example",
    "name": {"familyName": "Novak", "givenName": "Maria"},
    "displayName": "Maria Novak",
    "title": "Engineer",
    "profileUrl": "https://acme.example/maria",
    "active": True,
    "emails": [
        {"value": "maria.novak@acme.example", "type": "work", "primary": True},
        {"value": "ü@exämple.com", "type": "home"},
    ],
    "phoneNumbers": [{"value": "+420 555 0101", "type": "work"}],
    "addresses": [{"type": "work", "locality": "Brno", "country": "CZ"}],
    ENTERPRISE_URN: {"department": "R&D", "manager": {"value": "E0007"}},
    ACME: {
        "hireDate": "2026-10-01T00:00:00-05:00",
        "grade": 7,
        "share": 0.5,
        "photo": "AA==",
        "page": "https://acme.example/m",
        "skills": ["a", "b"],
    },
}
SCHEMA = load_user_schema([("acme.json", EXTENSION)])
VALIDATOR = UserValidator(SCHEMA)


def explained(**values: Any) -> list[tuple[str, str]]:
    user = copy.deepcopy(USER) | values
    assert not VALIDATOR.is_valid(user)
    found = VALIDATOR.explain(user)
    assert all(problem.code == Code.INVALID_USER for problem in found)
    return [(problem.field, problem.message) for problem in found]


def test_a_valid_user_has_no_problems() -> None:
    assert VALIDATOR.is_valid(USER)
    assert VALIDATOR.explain(USER) == ()


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"active": "true"}, "active", "must be true or false, not a text"),
        ({"title": 3}, "title", "must be a text, not a whole number"),
        ({"title": None}, "title", "must not be null"),
        ({"userName": ""}, "userName", "must not be empty"),
        ({"emails": "a@b.example"}, "emails", "must be a list, not a text"),
        ({"emails": [{"value": "nobody"}]}, "emails[0].value", "is not a valid e-mail address (RFC 5321)"),
        ({"emails": [{"value": "a..b@c.de"}]}, "emails[0].value", "is not a valid e-mail address (RFC 5321)"),
        (
            {"emails": [{"value": "Ann <a@c.de>"}]},
            "emails[0].value",
            "is not a valid e-mail address (RFC 5321)",
        ),
        ({"emails": [{"primary": True}, {"primary": True}]}, "emails", "has primary true more than once"),
        ({"emails": ["x"]}, "emails[0]", "must be an object of sub-attributes, not a text"),
        ({"profileUrl": "me"}, "profileUrl", "is not a valid URI (RFC 3986)"),
        ({"username": "x"}, "username", "is an unknown attribute"),
        ({"name": {"firstName": "x"}}, "name.firstName", "is an unknown attribute"),
        ({"id": "x"}, "id", "is read only"),
        ({"meta": {}}, "meta", "is read only"),
        ({"groups": []}, "groups", "is read only"),
        ({"schemas": [CORE_URN, ACME]}, "schemas", f"must contain {ENTERPRISE_URN}"),
        ({"schemas": [CORE_URN, ENTERPRISE_URN]}, "schemas", f"must contain {ACME}"),
        ({"schemas": [*USER["schemas"], CORE_URN]}, "schemas", "names a schema twice"),
        ({"schemas": [*USER["schemas"], "x"]}, "schemas[3]", "is not the URN of a known schema"),
        (
            {ENTERPRISE_URN: {"manager": "E7"}},
            "enterprise.manager",
            "must be an object of sub-attributes, not a text",
        ),
        ({ACME: {"hireDate": "2026-10-01"}}, f"{ACME}:hireDate", "is not a valid date-time (RFC 3339)"),
        ({ACME: {"grade": 7.5}}, f"{ACME}:grade", "must be a whole number, not a decimal number"),
        ({ACME: {"grade": 2**63}}, f"{ACME}:grade", "is out of range"),
        ({ACME: {"share": "1"}}, f"{ACME}:share", "must be a number, not a text"),
        ({ACME: {"photo": "ä"}}, f"{ACME}:photo", "is not Base64 (RFC 4648)"),
        ({"displayName": dt.date(2026, 1, 1)}, "displayName", "must be a text, not a date"),
        ({"displayName": b"x"}, "displayName", "must be a text, not a value that JSON does not have"),
    ],
)
def test_one_rule(values: dict[str, Any], field: str, message: str) -> None:
    assert explained(**values) == [(field, message)]


def test_required_attributes_are_named_one_by_one() -> None:
    user = {key: value for key, value in USER.items() if key not in ("externalId", "active")}
    assert [(problem.field, problem.message) for problem in VALIDATOR.explain(user)] == [
        ("externalId", "is required"),
        ("active", "is required"),
    ]


def test_hints_say_what_to_do() -> None:
    def hint(**values: Any) -> str:
        return VALIDATOR.explain(copy.deepcopy(USER) | values)[0].hint

    assert '{{ Status == "A" }}' in hint(active="true")
    assert "| bool" in hint(active="true")
    assert "| text" in hint(title=3)
    assert "clear" in hint(title=None)
    assert hint(username="x") == "Did you mean 'userName'?"
    assert hint(department="x") == "Did you mean 'enterprise.department'?"
    assert "under schemas" in hint(xyzzy="x")
    assert "| datetime(" in hint(**{ACME: {"hireDate": "1.2.2026"}})


def test_the_value_is_shown_in_its_own_field_only() -> None:
    secret = "Xanthippe" * 20
    for values in (
        {"active": secret},
        {"emails": [{"value": secret}]},
        {secret[:9]: secret},
        {"profileUrl": secret},
    ):
        (problem,) = VALIDATOR.explain(copy.deepcopy(USER) | values)
        assert "Xanthippe" not in problem.message + problem.hint
        assert problem.value.startswith("'Xanthippe")
        assert len(problem.value) == 80


def test_every_wrong_place_is_told_up_to_a_limit() -> None:
    numbers = [{"value": number} for number in range(MOST_PROBLEMS + 5)]
    assert len(explained(phoneNumbers=numbers)) == MOST_PROBLEMS
    found = explained(active="x", userName="", phoneNumbers=[{"value": 1}, {"valeu": "1"}])
    assert [field for field, _ in found] == [
        "userName",
        "active",
        "phoneNumbers[0].value",
        "phoneNumbers[1].valeu",
    ]


def test_nulls_of_cleared_attributes_are_valid() -> None:
    user = copy.deepcopy(USER) | {"title": None}
    assert UserValidator(SCHEMA, nullable=["title"]).is_valid(user)
    assert not VALIDATOR.is_valid(user)


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        Text("x"),
        float("nan"),
        {1},
        {1: 2},
        object(),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "\ud800@x.de",
    ],
)
def test_odd_values_are_refused_without_an_exception(value: object) -> None:
    for user in (
        USER | {"title": value},
        USER | {ACME: {"share": value}},
        USER | {"emails": [{"value": value}]},
    ):
        if value == "\ud800@x.de" and "title" in user:
            continue
        assert not VALIDATOR.is_valid(user)
        assert VALIDATOR.explain(user)


def test_a_text_without_an_encoding_is_explained() -> None:
    found = VALIDATOR.explain(USER | {"emails": [{"value": "\ud800@acme.example"}]})
    assert [(problem.field, problem.message) for problem in found] == [
        ("emails[0].value", "has characters that no encoding has")
    ]


def test_tuples_and_decimals_pass_as_what_they_stand_for() -> None:
    user = USER | {ACME: {"skills": ("a",), "share": Decimal("0.5")}, "title": 3}
    assert [problem.field for problem in VALIDATOR.explain(user)] == ["title"]


def test_a_verdict_that_nothing_explains_is_still_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    validator = UserValidator(SCHEMA)
    monkeypatch.setattr(UserValidator, "is_valid", lambda *_: False)
    (problem,) = validator.explain(USER)
    assert problem.message == "does not satisfy the SCIM schema"


def test_the_explaining_library_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys; from scimport.mappings.validation import UserValidator;"
        "from scimport.mappings.scim import load_user_schema;"
        "v = UserValidator(load_user_schema()); v.is_valid({});"
        "assert 'jsonschema' not in sys.modules; assert v.explain({}); assert 'jsonschema' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


ODD_TEXTS = [
    *(
        "",
        " ",
        "x",
        "true",
        "A@B.de",
        "a b@c.de",
        "ü@exämple.com",
        "@",
        "a@@b.de",
        '"a b"@c.de',
        "a@[127.0.0.1]",
        "a@b\n",
    ),
    *("2026-01-01T00:00:00Z", "2026-01-01t00:00:00.5+23:59", "2026-02-30T00:00:00Z", "2016-12-31T23:59:60Z"),
    *(
        "0000-01-01T00:00:00Z",
        "2026-01-01",
        "https://a.de/ä",
        "https://a.de/%zz",
        "urn:x:y",
        "AA==",
        "AA==\n",
        CORE_URN,
    ),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**63, -(2**63), 2**80, 0.5, 1.0, 1e300]),
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=8).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
    st.sampled_from(
        [[], {}, [{}], [[]], [{"value": "x"}], [{"primary": True}, {"primary": True}], {"value": "x"}]
    ),
)
NAMES = st.sampled_from(
    ["value", "primary", "type", "active", "manager", "userName", "USERNAME", "x", "$ref", "id", ACME]
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*above, key)
        yield from places(item, (*above, key))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    user = copy.deepcopy(USER)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*places(user)]))
        holder: Any = user
        for key in path[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if action == "replace":
            holder[path[-1]] = copy.deepcopy(draw(VALUES))
        elif action == "remove":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[draw(NAMES)] = copy.deepcopy(draw(VALUES))
        else:
            holder.append(copy.deepcopy(draw(VALUES)))
        if not user:
            break
    return user


def errors_of_oracle(user: dict[str, Any]) -> list[tuple[str, object]]:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    oracle = jsonschema.Draft202012Validator(json_schema(SCHEMA, nullable=["title"]), format_checker=checker)
    return [(str(error.validator), error.instance) for error in oracle.iter_errors(user)]


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_both_libraries_agree(user: dict[str, Any]) -> None:
    # But for formats: jsonschema only looks for an @ in an address, lets a final line break through in dates
    # and URIs, and knows neither leap seconds nor the year 0.
    validator = UserValidator(SCHEMA, nullable=["title"])
    verdict, errors = validator.is_valid(user), errors_of_oracle(user)
    found = validator.explain(user)
    assert bool(found) is not verdict
    assert all(problem.message != "does not satisfy the SCIM schema" for problem in found)
    if verdict and errors:
        assert all(
            rule == "format" and (":60" in str(value) or "0000-" in str(value)) for rule, value in errors
        )
    if not verdict and not errors:
        made = json_schema(SCHEMA, nullable=["title"])
        strict = jsonschema_rs.Draft202012Validator(made, validate_formats=True)
        assert all(error.kind.name == "format" for error in strict.iter_errors(user))
    if verdict:
        assert orjson.loads(orjson.dumps(user)) == user
