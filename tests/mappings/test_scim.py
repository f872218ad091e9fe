from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.scim import (
    CORE_URN,
    ENTERPRISE_URN,
    REQUIRED,
    TYPES,
    UserSchema,
    json_schema,
    load_user_schema,
    path_text,
)

ACME = "urn:ietf:params:scim:schemas:extension:acme:1.0:User"
ZETA = "urn:example:zeta:1.0:User"


def extension(*attributes: dict[str, Any], urn: str = ACME) -> dict[str, Any]:
    return {"id": urn, "name": "Acme", "attributes": list(attributes) or [{"name": "jobCode"}]}


def problems(*data: object) -> list[tuple[str, str, str]]:
    files = [(f"mappings/schemas/{number}.json", item) for number, item in enumerate(data)]
    with pytest.raises(ConfigError) as caught:
        load_user_schema(files)
    assert all(problem.code == Code.BAD_SCHEMA and problem.file for problem in caught.value.problems)
    return [(problem.field, problem.message, problem.hint) for problem in caught.value.problems]


@pytest.fixture(scope="module")
def schema() -> UserSchema:
    return load_user_schema()


def test_top_level_is_in_canonical_order(schema: UserSchema) -> None:
    names = [attribute.name for attribute in schema.attributes]
    assert [name for name in names if name not in ("id", "meta", "groups")] == [
        *("schemas", "externalId", "userName", "name", "displayName", "nickName", "profileUrl", "title"),
        *("userType", "preferredLanguage", "locale", "timezone", "active", "password"),
        *(
            "emails",
            "phoneNumbers",
            "ims",
            "photos",
            "addresses",
            "entitlements",
            "roles",
            "x509Certificates",
        ),
        ENTERPRISE_URN,
    ]


def test_extensions_follow_enterprise_in_order_of_urn() -> None:
    files = [("b.json", extension()), ("a.json", extension(urn=ZETA)), ("b.json", extension())]
    assert load_user_schema(files).extensions == (ENTERPRISE_URN, ZETA, ACME)


def test_standard_attributes_have_the_characteristics_of_the_rfc(schema: UserSchema) -> None:
    def characteristics(path: str) -> tuple[str, bool, str]:
        attribute = schema.attribute(path)
        assert attribute
        return attribute.type, attribute.multi_valued, attribute.mutability

    assert characteristics("active") == ("boolean", False, "readWrite")
    assert characteristics("emails") == ("complex", True, "readWrite")
    assert characteristics("emails.primary") == ("boolean", False, "readWrite")
    assert characteristics("photos.value") == ("reference", False, "readWrite")
    assert characteristics("x509Certificates.value") == ("binary", False, "readWrite")
    assert characteristics("password") == ("string", False, "writeOnly")
    assert characteristics("enterprise.manager.displayName") == ("string", False, "readOnly")
    assert [name for name in ("id", "meta", "groups") if schema.attribute(name)] == ["id", "meta", "groups"]
    assert all(attribute.type in TYPES for attribute in schema.attributes)
    name = schema.attribute("name")
    assert name
    assert name.is_complex
    assert name.sub("givenName") == schema.attribute("name.givenName")
    assert name.sub("nothing") is None


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("userName", ("userName",)),
        ("name.givenName", ("name", "givenName")),
        ("emails[0].value", ("emails", "value")),
        ('emails[type eq "work"].value', ("emails", "value")),
        (("emails", 0, "value"), ("emails", "value")),
        ("enterprise", (ENTERPRISE_URN,)),
        ("enterprise.manager.value", (ENTERPRISE_URN, "manager", "value")),
        (("enterprise", "department"), (ENTERPRISE_URN, "department")),
        (f"{ENTERPRISE_URN}:manager.value", (ENTERPRISE_URN, "manager", "value")),
        (f"{ENTERPRISE_URN}.department", (ENTERPRISE_URN, "department")),
        (ENTERPRISE_URN, (ENTERPRISE_URN,)),
        (f"{CORE_URN}:userName", ("userName",)),
        ("urn:not:known:User:x", ("urn:not:known:User:x",)),
        ("", ()),
    ],
)
def test_path(schema: UserSchema, path: str, keys: tuple[str, ...]) -> None:
    assert schema.path(path) == keys


def test_names_must_be_spelt_exactly(schema: UserSchema) -> None:
    assert schema.attribute("username") is None
    assert schema.attribute("userName") is not None


def test_children(schema: UserSchema) -> None:
    assert schema.children() == schema.attributes
    assert [child.name for child in schema.children("enterprise.manager")] == ["value", "$ref", "displayName"]
    assert schema.children("userName") == ()
    assert schema.children("nothing") == ()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("username", "userName"),
        ("name.givenname", "name.givenName"),
        ("ENTERPRISE", "enterprise"),
        ("enterprize", "enterprise"),
        ("emials", "emails"),
        ("emails[2].vlaue", "emails.value"),
        ("firstName", "name.givenName"),
        ("last_name", "name.familyName"),
        ("department", "enterprise.department"),
        ("enterprise.departement", "enterprise.department"),
        ("enterprise.title", "title"),
        ("email", "emails"),
        ("country", "addresses.country"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_suggest(schema: UserSchema, wrong: str, right: str) -> None:
    assert schema.suggest(wrong) == right
    assert not right or schema.attribute(right)


def test_suggest_knows_custom_attributes() -> None:
    schema = load_user_schema([("a.json", extension({"name": "jobCode"}))])
    assert schema.suggest("jobCode") == f"{ACME}:jobCode"
    assert schema.suggest((ACME, "JobCode")) == f"{ACME}:jobCode"
    assert schema.attribute(f"{ACME}:jobCode") == schema.attribute((ACME, "jobCode"))


def test_path_text_is_read_back(schema: UserSchema) -> None:
    assert path_text(()) == ""
    for keys in [("userName",), ("name", "givenName"), (ENTERPRISE_URN, "manager", "value")]:
        assert schema.path(path_text(keys)) == keys


def test_a_custom_schema_may_be_complex_and_multi_valued() -> None:
    schema = load_user_schema(
        [
            (
                "acme.json",
                extension(
                    {
                        "name": "badges",
                        "type": "complex",
                        "multiValued": True,
                        "subAttributes": [{"name": "no"}],
                    },
                    {"name": "skills", "multiValued": True, "canonicalValues": ["a", "b"]},
                    {"name": "grade", "type": "integer", "required": True, "description": "1 to 9"},
                ),
            )
        ]
    )
    badges, grade = schema.attribute((ACME, "badges", "no")), schema.attribute((ACME, "grade"))
    assert badges
    assert badges.type == "string"
    assert grade
    assert grade.required
    properties = json_schema(schema)["properties"][ACME]
    assert properties["required"] == ["grade"]
    assert properties["properties"]["skills"] == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ([], "", "the file does not hold a JSON object"),
        ({}, "id", "the schema needs an id that is a URN"),
        (extension(urn="acme"), "id", "the schema needs an id that is a URN"),
        (extension(urn=ENTERPRISE_URN.upper().replace("URN:", "urn:")), "id", "the schema is a standard one"),
        ({"id": ACME}, "attributes", "it must be a list of at least one attribute"),
        ({"id": ACME, "attributes": []}, "attributes", "it must be a list of at least one attribute"),
        (extension() | {"name": 1}, "name", "it must be a text"),
        (extension() | {"atributes": 1}, "atributes", "atributes is not known here"),
        ({"id": ACME, "attributes": ["x"]}, "attributes[0]", "it must be a JSON object with at least a name"),
        (extension({}), "attributes[0].name", "the attribute needs a name that SCIM allows"),
        (
            extension({"name": "job code"}),
            "attributes[0].name",
            "the attribute needs a name that SCIM allows",
        ),
        (
            extension({"name": "a"}, {"name": "A"}),
            "attributes[1].name",
            "there is already an attribute A",
        ),
        (
            extension({"name": "a", "type": "text"}),
            "attributes[0].type",
            "it must be one of string, boolean, decimal, integer, dateTime, binary, reference, complex",
        ),
        (extension({"name": "a", "required": "yes"}), "attributes[0].required", "it must be true or false"),
        (extension({"name": "a", "description": 1}), "attributes[0].description", "it must be a text"),
        (
            extension({"name": "a", "canonicalValues": "x"}),
            "attributes[0].canonicalValues",
            "it must be a list of texts",
        ),
        (
            extension({"name": "a", "multivalued": True}),
            "attributes[0].multivalued",
            "multivalued is not known here",
        ),
        (
            extension({"name": "a", "subAttributes": [{"name": "b"}]}),
            "attributes[0].subAttributes",
            "only a complex attribute has sub-attributes",
        ),
        (
            extension({"name": "a", "type": "complex"}),
            "attributes[0].subAttributes",
            "it must be a list of at least one attribute",
        ),
        (
            extension(
                {"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "complex"}]},
            ),
            "attributes[0].subAttributes[0].type",
            "a sub-attribute cannot be complex",
        ),
    ],
)
def test_a_wrong_schema_file(data: object, field: str, message: str) -> None:
    assert (field, message) in [(field, message) for field, message, _ in problems(data)]


def test_all_problems_of_all_schema_files_come_at_once() -> None:
    first = extension({"name": "a", "type": "strnig", "mutability": "readwrite"}, {"name": "b", "x": 1})
    found = problems(first, {"id": 1})
    assert [field for field, _, _ in found] == [
        *("attributes[0].type", "attributes[0].mutability", "attributes[1].x"),
        *("id", "attributes"),
    ]
    assert found[0][2] == "Did you mean 'string'?"
    assert found[1][2] == "Did you mean 'readWrite'?"


def test_a_urn_may_be_defined_once() -> None:
    assert problems(extension(), extension(urn=ACME.replace("acme", "ACME"))) == [
        (
            "id",
            "the schema is already defined in mappings/schemas/0.json",
            "Keep one of the files, or give one a URN of its own.",
        )
    ]


USER: dict[str, Any] = {
    "schemas": [CORE_URN, ENTERPRISE_URN],
    "externalId": "E1",
    "userName": "ann@acme.example",
    "active": True,
    "emails": [{"value": "ann@acme.example", "type": "work", "primary": True}],
    ENTERPRISE_URN: {"manager": {"value": "E2", "$ref": "../Users/E2", "displayName": "Bo"}},
}


def valid(user: object, schema: dict[str, Any]) -> bool:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(user)


def changed(**values: object) -> dict[str, Any]:
    return copy.deepcopy(USER) | values


def test_json_schema_is_one(schema: UserSchema) -> None:
    made = json_schema(schema)
    jsonschema.Draft202012Validator.check_schema(made)
    assert json.loads(json.dumps(made)) == made
    assert made["required"] == list(REQUIRED)
    assert valid(USER, made)


@pytest.mark.parametrize("name", REQUIRED)
def test_what_every_user_has(schema: UserSchema, name: str) -> None:
    made = json_schema(schema, nullable=REQUIRED)
    assert not valid({key: value for key, value in USER.items() if key != name}, made)
    assert not valid(changed(**{name: None}), made)
    assert not valid(changed(**{name: ""}), made)


@pytest.mark.parametrize(
    "values",
    [
        {"active": "true"},
        {"active": 1},
        {"title": 1},
        {"title": None},
        {"id": "1"},
        {"meta": {}},
        {"groups": []},
        {"username": "x"},
        {"name": {"firstName": "x"}},
        {"name": []},
        {"emails": {"value": "a@b.example"}},
        {"emails": [{"value": "no"}]},
        {"emails": [{"primary": True}, {"primary": True}]},
        {"profileUrl": "not a uri"},
        {"x509Certificates": [{"value": "ä"}]},
        {"x509Certificates": [{"value": "QQ==\n"}]},
        {"schemas": [CORE_URN]},
        {"schemas": [ENTERPRISE_URN]},
        {"schemas": [CORE_URN, ENTERPRISE_URN, ENTERPRISE_URN]},
        {"schemas": [CORE_URN, ENTERPRISE_URN, ACME]},
        {ENTERPRISE_URN: {"manager": "E2"}},
        {ENTERPRISE_URN: {"manager": [{"value": "E2"}]}},
        {ENTERPRISE_URN: {"manager": {"id": "E2"}}},
        {ACME: {"jobCode": "x"}},
    ],
)
def test_what_no_user_may_have(schema: UserSchema, values: dict[str, Any]) -> None:
    assert not valid(changed(**values), json_schema(schema))


@pytest.mark.parametrize(
    "values",
    [
        {"emails": [{"primary": True}, {"primary": False}, {"type": "home"}]},
        {"emails": [{"type": "of my own"}]},
        {"addresses": [{"type": "work", "country": "CZ"}]},
        {"x509Certificates": [{"value": "QQ=="}]},
        {"photos": [{"value": "https://acme.example/ann.jpg"}]},
        {"password": "secret"},
    ],
)
def test_what_a_user_may_have(schema: UserSchema, values: dict[str, Any]) -> None:
    assert valid(changed(**values), json_schema(schema))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", 7, 7.5),
        ("integer", -(2**63), 2**63),
        ("decimal", 7.5, "7.5"),
        ("boolean", False, "no"),
        ("dateTime", "2026-10-01T00:00:00-05:00", "2026-10-01"),
        ("binary", "AA==", "A A"),
        ("string", "", 0),
    ],
)
def test_custom_types(kind: str, good: object, bad: object) -> None:
    made = json_schema(load_user_schema([("a.json", extension({"name": "x", "type": kind}))]))
    schemas = [*USER["schemas"], ACME]
    assert valid(changed(schemas=schemas, **{ACME: {"x": good}}), made)
    assert not valid(changed(schemas=schemas, **{ACME: {"x": bad}}), made)


def test_references_are_absolute_where_they_point_outside() -> None:
    attributes = (
        {"name": "page", "type": "reference", "referenceTypes": ["external"]},
        {"name": "mate", "type": "reference", "referenceTypes": ["User"]},
    )
    made = json_schema(load_user_schema([("a.json", extension(*attributes))]))["properties"][ACME][
        "properties"
    ]
    assert made["page"]["format"] == "uri"
    assert made["mate"]["format"] == "uri-reference"


def test_schemas_names_each_custom_extension_that_is_there() -> None:
    made = json_schema(load_user_schema([("a.json", extension())]))
    assert not valid(changed(**{ACME: {"jobCode": "x"}}), made)
    assert valid(changed(schemas=[*USER["schemas"], ACME], **{ACME: {"jobCode": "x"}}), made)


def test_null_is_for_attributes_that_are_cleared(schema: UserSchema) -> None:
    nullable = ("title", "name.middleName", "emails", "enterprise.department", f"{ENTERPRISE_URN}:manager")
    made = json_schema(schema, nullable=nullable)
    enterprise = {"department": None, "manager": None}
    nulls = {"title": None, "emails": None, "name": {"middleName": None}, ENTERPRISE_URN: enterprise}
    assert valid(changed(**nulls), made)
    assert valid(changed(title="Engineer"), made)
    assert not valid(changed(displayName=None), made)
    assert not valid(changed(name=None), made)
    assert not valid(changed(name={"givenName": None}), made)
