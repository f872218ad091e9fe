"""The synchronizationSchema of a job: its two directories, and the attribute mappings between them.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema``. Microsoft publishes
no complete list of the default mappings. Entra ID: the rows seen in the portal; those that its screenshots
cut off (city, country, department) are taken from descriptions of it. Active Directory: the rows recommended
for Oracle HCM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.graph import invalid

Schema = dict[str, Any]

API: Final = "API"
"""Name of the directory that people come from."""
DIRECTORIES: Final[Mapping[str, str]] = {
    "entra-id": "Azure Active Directory",
    "on-premises-ad": "Active Directory",
}
TEMPLATES: Final[Mapping[str, str]] = {"entra-id": "API2AAD", "on-premises-ad": "API2AD"}

_ADDRESS = 'addresses[type eq "work"]'
_LOCAL_PART = 'Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , )'
# What sAMAccountName cannot hold goes.
_ACCOUNT = (
    f'Replace(NormalizeDiacritics({_LOCAL_PART}), , "[\\"/\\\\\\\\\\\\[\\\\]:;|=,+*?<>@\\\\s]", , "", , )'
)
_COMMON = "Left(NormalizeDiacritics([displayName]), 40)"
_NAMES_TRIED = range(2, 10)

# Target attribute, expression, what else the mapping says.
_Row = tuple[str, str, dict[str, Any]]
_MATCH: Final = {"matchingPriority": 1}
_ON_CREATE: Final = {"flowType": "ObjectAddOnly"}


def _unique(first: str, other: str, last: str) -> str:
    """The first name that nobody has: the plain one, with 2, 3 and so on for the ``#``, at last their own."""
    numbered = (other.replace("#", str(number)) for number in _NAMES_TRIED)
    return f"SelectUniqueValue({', '.join([first, *numbered, last])})"


_ENTRA: Final[tuple[_Row, ...]] = (
    ("employeeId", "[externalId]", _MATCH),
    ("accountEnabled", "[active]", {}),
    ("city", f"[{_ADDRESS}.locality]", {}),
    ("country", f"[{_ADDRESS}.country]", {}),
    ("department", f"[{ENTERPRISE}:department]", {}),
    ("displayName", "[displayName]", {}),
    ("facsimileTelephoneNumber", '[phoneNumbers[type eq "fax"].value]', {}),
    ("givenName", "[name.givenName]", {}),
    ("jobTitle", "[title]", {}),
    ("mail", '[emails[type eq "work"].value]', {}),
    ("mailNickname", _LOCAL_PART, {}),
    ("manager", f"[{ENTERPRISE}:manager]", {}),
    ("mobile", '[phoneNumbers[type eq "mobile"].value]', {}),
    ("physicalDeliveryOfficeName", f"[{_ADDRESS}.formatted]", {}),
    ("preferredLanguage", "[preferredLanguage]", {}),
    ("surname", "[name.familyName]", {}),
    ("telephoneNumber", '[phoneNumbers[type eq "work"].value]', {}),
    ("userPrincipalName", f'Join("@", {_LOCAL_PART}, DefaultDomain())', {}),
)


def _ad(domain: str) -> tuple[_Row, ...]:
    return (
        ("employeeID", "[externalId]", _MATCH),
        ("accountDisabled", "Not([active])", {}),
        (
            "cn",
            _unique(_COMMON, f'Join(" ", {_COMMON}, "#")', f'Join(" ", {_COMMON}, [externalId])'),
            _ON_CREATE,
        ),
        ("co", f"[{_ADDRESS}.country]", {}),
        ("company", f"[{ENTERPRISE}:organization]", {}),
        ("department", f"[{ENTERPRISE}:department]", {}),
        ("displayName", "[displayName]", {}),
        ("division", f"[{ENTERPRISE}:division]", {}),
        ("givenName", "[name.givenName]", {}),
        ("l", f"[{_ADDRESS}.locality]", {}),
        ("manager", f"[{ENTERPRISE}:manager]", {}),
        ("mobile", '[phoneNumbers[type eq "mobile"].value]', {}),
        ("physicalDeliveryOfficeName", f"[{_ADDRESS}.formatted]", {}),
        ("postalCode", f"[{_ADDRESS}.postalCode]", {}),
        ("preferredLanguage", "[preferredLanguage]", {}),
        (
            "sAMAccountName",
            _unique(
                f"Left({_ACCOUNT}, 20)",
                f'Append(Left({_ACCOUNT}, 19), "#")',
                f'Left(Join("-", [externalId], {_ACCOUNT}), 20)',
            ),
            _ON_CREATE,
        ),
        ("sn", "[name.familyName]", {}),
        ("st", f"[{_ADDRESS}.region]", {}),
        ("streetAddress", f"[{_ADDRESS}.streetAddress]", {}),
        ("telephoneNumber", '[phoneNumbers[type eq "work"].value]', {}),
        ("title", "[title]", {}),
        (
            "userPrincipalName",
            _unique(
                f'Join("@", {_ACCOUNT}, "{domain}")',
                f'Join("@", Append({_ACCOUNT}, "#"), "{domain}")',
                f'Join("@", Join("-", {_ACCOUNT}, [externalId]), "{domain}")',
            ),
            _ON_CREATE,
        ),
    )


_SOURCE: Final = (
    *("externalId", "userName", "active", "displayName", "nickName", "title", "userType", "locale"),
    *("preferredLanguage", "timezone", "name.formatted", "name.familyName", "name.givenName"),
    *("name.middleName", "name.honorificPrefix", "name.honorificSuffix", 'emails[type eq "work"].value'),
    *(f'phoneNumbers[type eq "{kind}"].value' for kind in ("work", "mobile", "fax")),
    *(
        f"{_ADDRESS}.{part}"
        for part in ("formatted", "streetAddress", "locality", "region", "postalCode", "country")
    ),
    *(
        f"{ENTERPRISE}:{name}"
        for name in ("employeeNumber", "costCenter", "organization", "division", "department", "manager")
    ),
)
_MORE_ENTRA: Final = (
    *("companyName", "employeeHireDate", "employeeLeaveDateTime", "employeeOrgData.costCenter"),
    *("employeeOrgData.division", "employeeType", "isSoftDeleted", "postalCode", "state", "streetAddress"),
    *("usageLocation", "userType", "otherMails", "passwordPolicies"),
    *(f"extensionAttribute{number}" for number in range(1, 16)),
)
_MORE_AD: Final = (
    *("c", "description", "distinguishedName", "employeeNumber", "employeeType"),
    *("facsimileTelephoneNumber", "homePhone"),
    *("info", "initials", "mail", "middleName", "pager", "parentDistinguishedName", "postOfficeBox"),
    *("accountExpires", "wWWHomePage"),
    *(f"extensionAttribute{number}" for number in range(1, 16)),
)
_TYPES: Final = {"active": "Boolean", "accountEnabled": "Boolean", "accountDisabled": "Boolean"}
_REFERENCES: Final = ("manager", f"{ENTERPRISE}:manager")
_READ_ONLY: Final = ("distinguishedName",)


def default(target: str, ident: str, domain: str) -> Schema:
    """The schema that a job begins with.

    Args:
        target: ``entra-id`` or ``on-premises-ad``.
        ident: Id of the job, or of the template.
        domain: Domain of Active Directory, which ends the names in it.
    """
    rows = _ENTRA if target == "entra-id" else _ad(domain)
    more = _MORE_ENTRA if target == "entra-id" else _MORE_AD
    names = sorted({name for name, _, _ in rows} | set(more), key=str.lower)
    there = DIRECTORIES[target]
    return {
        "id": ident,
        "version": "v1",
        "directories": [
            _directory(ident, API, ENTERPRISE, _SOURCE, anchor="externalId"),
            _directory(ident, there, "User", names, anchor=rows[0][0]),
        ],
        "synchronizationRules": [
            {
                "id": str(uuid5(NAMESPACE_URL, f"{ident}/rule")),
                "name": TEMPLATES[target],
                "editable": True,
                "priority": 1,
                "sourceDirectoryName": API,
                "targetDirectoryName": there,
                "metadata": [],
                "objectMappings": [
                    {
                        "name": "Provision API users",
                        "enabled": True,
                        "flowTypes": "Add, Update, Delete",
                        "sourceObjectName": ENTERPRISE,
                        "targetObjectName": "User",
                        "metadata": [],
                        "scope": None,
                        "attributeMappings": [mapping(*row) for row in rows],
                    }
                ],
            }
        ],
    }


def _directory(
    ident: str, name: str, kind: str, attributes: tuple[str, ...] | list[str], anchor: str
) -> dict[str, Any]:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{ident}/{name}")),
        "name": name,
        "version": "v1",
        "readOnly": False,
        "discoverabilities": "AttributeNames",
        "discoveryDateTime": None,
        "objects": [
            {
                "name": kind,
                "metadata": [],
                "supportedApis": [],
                "attributes": [attribute(each, anchor=each == anchor) for each in attributes],
            }
        ],
    }


def attribute(name: str, *, anchor: bool = False) -> dict[str, Any]:
    """The definition of an attribute (attributeDefinition)."""
    reference = name in _REFERENCES
    return {
        "name": name,
        "type": "Reference" if reference else _TYPES.get(name, "String"),
        "anchor": anchor,
        "required": anchor,
        "caseExact": False,
        "multivalued": False,
        "flowNullValues": False,
        "mutability": "ReadOnly" if name in _READ_ONLY else "ReadWrite",
        "defaultValue": None,
        "apiExpressions": [],
        "metadata": [],
        "referencedObjects": [{"referencedObjectName": "User", "referencedProperty": None}]
        if reference
        else [],
    }


def mapping(target: str, expression: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """One attribute mapping (attributeMapping)."""
    return {
        "targetAttributeName": target,
        "source": source(expression),
        "matchingPriority": 0,
        "flowType": "Always",
        "flowBehavior": "FlowWhenChanged",
        "defaultValue": None,
        "exportMissingReferences": False,
        **more,
    }


def source(expression: str) -> dict[str, Any]:
    """Where the value of a mapping comes from (attributeMappingSource); parameters are left out."""
    name, kind = expression.partition("(")[0], "Function"
    if re.fullmatch(r"\[[^,]*\]", expression):
        name, kind = expression[1:-1], "Attribute"
    elif re.fullmatch(r'"(?:[^"\\]|\\.)*"', expression):
        name, kind = re.sub(r"\\(.)", r"\1", expression[1:-1]), "Constant"
    return {"type": kind, "name": name, "expression": expression, "parameters": []}


# https://learn.microsoft.com/entra/identity/app-provisioning/define-conditional-rules-for-provisioning-user-accounts
_OPERATORS: Final = (
    *((name, "Binary", ("String", "Integer")) for name in ("EQUALS", "NOT EQUALS")),
    *((name, "Binary", ("String",)) for name in ("REGEX MATCH", "NOT REGEX MATCH", "Includes", "ENDS_WITH")),
    *((name, "Binary", ("Integer",)) for name in ("Greater_Than", "Greater_Than_OR_EQUALS", "&", "!&")),
    *((name, "Unary", ("Boolean",)) for name in ("IS TRUE", "IS FALSE")),
    *((name, "Unary", ("String", "Integer", "Boolean", "Reference")) for name in ("IS NULL", "IS NOT NULL")),
)


def filter_operators() -> list[dict[str, Any]]:
    """The operators of scoping filters (filterOperatorSchema)."""
    return [
        {
            "name": name,
            "arity": arity,
            "multivaluedComparisonType": "All",
            "supportedAttributeTypes": types,
        }
        for name, arity, types in _OPERATORS
    ]


def check(schema: Mapping[str, Any]) -> None:
    """Refuse what cannot be a schema: parts that are missing, attributes that its directories do not have.

    Raises:
        GraphError: 400.
    """
    try:
        for problem in _problems(schema):
            raise invalid(problem)
    except (KeyError, TypeError, AttributeError):
        raise invalid("The body is not a synchronizationSchema.") from None


def _problems(schema: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a schema; a part of another type raises."""
    known = {
        (directory["name"], thing["name"]): {each["name"] for each in thing["attributes"]}
        for directory in schema["directories"]
        for thing in directory["objects"]
    }
    if not schema["synchronizationRules"]:
        yield "The schema has no synchronization rule."
    for rule in schema["synchronizationRules"]:
        for objects in rule["objectMappings"]:
            there = known.get((rule["targetDirectoryName"], objects["targetObjectName"]))
            here = known.get((rule["sourceDirectoryName"], objects["sourceObjectName"]))
            if there is None or here is None:
                yield f"The objects of the mapping '{objects['name']}' are in no directory."
                return
            yield from _mapping_problems(objects["attributeMappings"], here, there)


def _mapping_problems(mappings: list[dict[str, Any]], here: set[str], there: set[str]) -> Iterator[str]:
    if not any(each.get("matchingPriority") for each in mappings):
        yield "No attribute mapping has a matching priority."
    for each in mappings:
        target, origin = each["targetAttributeName"], each["source"]
        if target not in there:
            yield f"The attribute '{target}' is not defined in the target directory."
        if not isinstance(origin["expression"], str) or not origin["expression"]:
            yield f"The mapping of '{target}' has no expression."
        if origin["type"] == "Attribute" and origin["name"] not in here:
            yield f"The attribute '{origin['name']}' is not defined in the source directory."
