"""Attribute mappings: from a synchronizationSchema to the values of a user."""

from __future__ import annotations

from typing import Any

import pytest

from scimport.sandbox.attributes import AD, ENTRA, TARGETS, EntryError, distinguished_name
from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.flow import World, flow
from scimport.sandbox.mappings import MappingError, ObjectMapping, compile_mapping
from scimport.sandbox.schemas import attribute, default, mapping
from scimport.sandbox.settings import Settings
from scimport.sandbox.values import Scope

USER: dict[str, Any] = {
    "externalId": "E1",
    "userName": "maria.novak@acme.example",
    "active": True,
    "displayName": "Maria Novak",
    "name": {"givenName": "Maria"},
    ENTERPRISE: {"department": "R&D"},
}


def _schema(target: str, *rows: tuple[str, str, dict[str, Any]], **objects: Any) -> dict[str, Any]:
    """The default schema, with other mappings."""
    schema = default(target, "job", "ad.sandbox.example")
    mappings = schema["synchronizationRules"][0]["objectMappings"][0]
    mappings["attributeMappings"] = [mapping(name, expression, more) for name, expression, more in rows]
    mappings.update(objects)
    return schema


def _compiled(target: str, *rows: tuple[str, str, dict[str, Any]], **objects: Any) -> ObjectMapping:
    return compile_mapping(_schema(target, *rows, **objects), TARGETS[target], "flowNullValues", ())


def _world(target: str, *taken: str, **settings: Any) -> World:
    made = Settings(**settings)
    scope = Scope(made.default_domain, made.null_condition)
    return World(TARGETS[target], made, scope, lambda _, value: value in taken)


def _entra(user: dict[str, Any], current: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    schema = default("entra-id", "job", "")
    compiled = compile_mapping(schema, ENTRA, "flowNullValues", ())
    return flow(compiled, user, current, _world("entra-id", **settings))


def _ad(user: dict[str, Any], *taken: str, **settings: Any) -> dict[str, Any]:
    schema = default("on-premises-ad", "job", "ad.sandbox.example")
    compiled = compile_mapping(schema, AD, "flowNullValues", ())
    return flow(compiled, user, None, _world("on-premises-ad", *taken, **settings))


def test_entra_drops_the_domain_of_the_user_name() -> None:
    values = _entra(USER)
    assert values["userPrincipalName"] == "maria.novak@sandbox.example"
    assert values["mailNickname"] == "maria.novak"
    assert "mail" not in values


def test_entra_needs_a_default_domain() -> None:
    with pytest.raises(EntryError, match="InvalidDomain"):
        _entra(USER, default_domain="")


@pytest.mark.parametrize(
    "name",
    [
        "josé@sandbox.example",
        "a b@sandbox.example",
        ".a@sandbox.example",
        "a.@sandbox.example",
        "sandbox.example",
    ],
)
def test_entra_refuses_principal_names(name: str) -> None:
    with pytest.raises(EntryError, match="AzureActiveDirectoryInvalidUserPrincipalName"):
        ENTRA.check({"userPrincipalName": name}, Settings())


def test_principal_names_are_on_a_verified_domain() -> None:
    ENTRA.check({"userPrincipalName": "a@Sandbox.example"}, Settings())
    ENTRA.check({"userPrincipalName": "a@acme.example"}, Settings(verified_domains=("acme.example",)))
    with pytest.raises(EntryError) as caught:
        ENTRA.check({"userPrincipalName": "a@acme.example"}, Settings())
    assert (caught.value.code, "domain does not exist" in caught.value.reason) == ("InvalidDomain", True)


def test_ad_names() -> None:
    values = _ad({**USER, "userName": "a.very/long üser.name.indeed@x", "active": False})
    assert values["sAMAccountName"] == "a.verylonguser.name."
    assert values["userPrincipalName"] == "a.verylonguser.name.indeed@ad.sandbox.example"
    assert (values["cn"], values["accountDisabled"]) == ("Maria Novak", True)


def test_ad_names_that_are_taken_get_a_number_and_at_last_the_key() -> None:
    names = ("maria.novak", "Maria Novak", "Maria Novak 2")
    values = _ad(USER, *names)
    assert (values["sAMAccountName"], values["cn"]) == ("maria.novak2", "Maria Novak 3")
    numbered = [f"maria.novak{number}" for number in range(2, 10)]
    assert _ad(USER, *names, *numbered)["sAMAccountName"] == "E1-maria.novak"
    with pytest.raises(EntryError, match="EntryConflict"):
        _ad(USER, *names, *numbered, "E1-maria.novak")
    with pytest.raises(EntryError, match="EntryConflict"):
        _ad(USER, "maria.novak", number_names=False)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"sAMAccountName": "x" * 21}, "HybridSynchronizationActiveDirectoryInvalidParameter"),
        ({"sAMAccountName": "a/b"}, "HybridSynchronizationActiveDirectoryInvalidParameter"),
        ({"cn": "x" * 65}, "HybridSynchronizationActiveDirectoryInvalidParameter"),
        ({"parentDistinguishedName": "OU=A,DC=b"}, "HybridSynchronizationActiveDirectoryInvalidParameter"),
        ({"parentDistinguishedName": "Sales"}, "HybridSynchronizationActiveDirectoryInvalidParameter"),
        ({"title": ""}, "InvalidAttributeSyntax-LdapErr"),
    ],
)
def test_ad_refuses_values(values: dict[str, str], code: str) -> None:
    with pytest.raises(EntryError, match=code):
        AD.check(values, Settings())
    AD.check(
        {"sAMAccountName": "x" * 20, "parentDistinguishedName": "ou=Sales,dc=AD,DC=sandbox,DC=example"},
        Settings(),
    )


def test_distinguished_names_are_escaped() -> None:
    assert distinguished_name('Novak, "M"', "DC=x") == r"CN=Novak\, \"M\",DC=x"


def test_values_are_of_the_type_of_the_attribute() -> None:
    row: tuple[str, str, dict[str, Any]] = (
        "accountEnabled",
        'Switch([title], "", "in", "True", "out", "False")',
        {},
    )
    compiled, world = _compiled("entra-id", row, ("jobTitle", "[nickName]", {})), _world("entra-id")
    assert flow(compiled, {"title": "in", "nickName": 7}, None, world) == {
        "accountEnabled": True,
        "jobTitle": "7",
    }
    with pytest.raises(EntryError, match="SchemaPropertyCanOnlyAcceptValue"):
        flow(_compiled("entra-id", ("accountEnabled", "[title]", {})), {"title": "maybe"}, None, world)


def test_several_values_need_an_attribute_for_several() -> None:
    schema = _schema(
        "entra-id", ("otherMails", 'Split([title], ",")', {}), ("jobTitle", 'Split([title], ",")', {})
    )
    for definition in schema["directories"][1]["objects"][0]["attributes"]:
        definition["multivalued"] = definition["name"] == "otherMails"
    compiled = compile_mapping(schema, ENTRA, "flowNullValues", ())
    assert flow(compiled, {"title": "a"}, None, _world("entra-id")) == {"otherMails": ["a"], "jobTitle": "a"}
    with pytest.raises(EntryError, match="SchemaPropertyCanOnlyAcceptValue"):
        flow(compiled, {"title": "a,b"}, None, _world("entra-id"))


def test_constants_defaults_and_when_they_apply() -> None:
    compiled = _compiled(
        "entra-id",
        ("usageLocation", '"CZ"', {}),
        ("jobTitle", "[title]", {"defaultValue": "Employee"}),
        ("companyName", "[nickName]", {"flowType": "ObjectAddOnly"}),
        ("department", "[userType]", {"flowType": "AttributeAddOnly"}),
    )
    user, world = {"nickName": "n", "userType": "d"}, _world("entra-id")
    created = flow(compiled, user, None, world)
    assert created == {"usageLocation": "CZ", "jobTitle": "Employee", "companyName": "n", "department": "d"}
    assert flow(compiled, user, {"department": "x"}, world) == {"usageLocation": "CZ"}
    assert flow(compiled, user, {}, world) == {"usageLocation": "CZ", "department": "d"}


def test_a_function_that_fails_names_the_attribute_and_no_value() -> None:
    compiled = _compiled("entra-id", ("jobTitle", 'IIF([title]="secret", "a", "b")', {}))
    with pytest.raises(EntryError) as caught:
        flow(compiled, {}, None, _world("entra-id"))
    assert (caught.value.code, caught.value.reason) == (
        "InternalError",
        "jobTitle: An attribute in the condition of IIF is null or empty.",
    )
    assert flow(compiled, {}, None, _world("entra-id", null_condition="false")) == {"jobTitle": "b"}


def test_ignored_when_empty() -> None:
    expression = 'IgnoreFlowIfNullOrEmpty(Switch([title], "", "1", "Dr."))'
    compiled = _compiled("on-premises-ad", ("description", expression, {}))
    world = _world("on-premises-ad")
    assert flow(compiled, {"title": "1"}, {}, world) == {"description": "Dr."}
    assert flow(compiled, {"title": "2"}, {"description": "x"}, world) == {}
    plain = _compiled("on-premises-ad", ("description", 'Switch([title], "", "1", "Dr.")', {}))
    with pytest.raises(EntryError, match="InvalidAttributeSyntax-LdapErr"):
        flow(plain, {"title": "2"}, {"description": "x"}, world)


@pytest.mark.parametrize(
    ("source", "line", "cleared"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_null_flows_through_two_gates(source: bool, line: bool, cleared: bool) -> None:
    schema = _schema(
        "entra-id",
        ("jobTitle", "[title]", {"gate": line}),
        ("department", f"[{ENTERPRISE}:department]", {"gate": line}),
        ("companyName", f'Append([{ENTERPRISE}:organization], "")', {"gate": line}),
    )
    for definition in schema["directories"][0]["objects"][0]["attributes"]:
        definition["flowNullValues"] = source
    compiled = compile_mapping(schema, ENTRA, "gate", ())
    current, world = {"jobTitle": "a", "department": "b", "companyName": "c"}, _world("entra-id")
    nothing = {"jobTitle": None} if cleared else {}
    assert flow(compiled, {}, current, world) == nothing
    assert flow(compiled, {"title": "", ENTERPRISE: {}}, current, world) == (
        dict.fromkeys(current) if cleared else {}
    )
    # Never when one is created, nor what is not there.
    assert flow(compiled, {"title": None}, None, world) == {}
    assert flow(compiled, {"title": None}, {}, world) == {}


@pytest.mark.parametrize(("omitted", "disabled"), [("keep", None), ("disable", True)])
def test_active_omitted_in_ad(omitted: str, disabled: bool | None) -> None:
    user = {name: value for name, value in USER.items() if name != "active"}
    assert _ad(user, omitted_active=omitted).get("accountDisabled") is disabled


@pytest.mark.parametrize(
    ("target", "row", "words"),
    [
        (
            "entra-id",
            ("jobTitle", "Jion([title])", {}),
            r"'jobTitle' is wrong: position 1: there is no function Jion",
        ),
        ("entra-id", ("jobTitle", 'Join("", [title)', {}), "position 10: the bracket"),
        ("entra-id", ("manager", 'Switch([title], "", "a", "b")', {}), "a reference needs a direct mapping"),
        (
            "entra-id",
            ("jobTitle", "SelectUniqueValue([title], [nickName])", {"flowType": "ObjectAddOnly"}),
            "only in provisioning to Active Directory",
        ),
        (
            "on-premises-ad",
            ("title", "SelectUniqueValue([title], [nickName])", {}),
            "only during object creation",
        ),
        (
            "on-premises-ad",
            (
                "title",
                "SelectUniqueValue([title], [locale])",
                {"flowType": "ObjectAddOnly", "matchingPriority": 1},
            ),
            "not for an attribute that users are matched by",
        ),
    ],
)
def test_wrong_mappings(target: str, row: tuple[str, str, dict[str, Any]], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        _compiled(target, row)


def test_an_expression_is_made_of_functions_and_scopes_are_checked() -> None:
    schema = _schema("entra-id", ("jobTitle", "[title]", {}))
    line = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][0]
    line["source"]["type"] = "Function"
    with pytest.raises(MappingError, match="made of functions"):
        compile_mapping(schema, ENTRA, "", ())
    clause = {"sourceOperandName": "title", "operatorName": "LIKE"}
    with pytest.raises(MappingError, match="no operator 'LIKE'"):
        _compiled("entra-id", scope={"groups": [{"name": "g", "clauses": [clause]}]})


def test_a_mapping_without_an_expression_is_its_name() -> None:
    schema = _schema("entra-id", ("jobTitle", "[title]", {}), ("usageLocation", '"CZ"', {}))
    for line in schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]:
        del line["source"]["expression"]
    compiled = compile_mapping(schema, ENTRA, "", ())
    assert flow(compiled, {"title": "t"}, None, _world("entra-id")) == {
        "jobTitle": "t",
        "usageLocation": "CZ",
    }


def test_what_is_switched_off_maps_nothing() -> None:
    compiled = _compiled("entra-id", ("jobTitle", "[title]", {}), enabled=False)
    assert (compiled.mappings, compiled.adds) == ((), False)
    assert _compiled("entra-id", ("jobTitle", "[title]", {}), flowTypes="Add").updates is False


def test_redacted_and_custom_security_attributes_are_hidden() -> None:
    name = "CustomSecurityAttributes.Set_Level"
    schema = _schema(
        "entra-id", (name, "[title]", {}), ("jobTitle", "Redact([title])", {}), ("city", "[title]", {})
    )
    schema["directories"][1]["objects"][0]["attributes"].append(attribute(name))
    assert compile_mapping(schema, ENTRA, "", ()).redacted == {name, "jobTitle"}
