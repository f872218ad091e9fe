"""The attributes that a SCIM user may have: core User, Enterprise User and custom extensions (RFC 7643).

The two standard schemas are files in the form of RFC 7643 section 7, beside this module; a custom extension
is read from the same form. :func:`json_schema` makes of them the JSON Schema that a user must satisfy before
it is sent.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.attributes import (
    ALIASES,
    CORE_URN,
    ENTERPRISE_URN,
    TYPES,
    Attribute,
    Path,
    path_text,
)
from scimport.mappings.schema_file import read_schema, trusted_schema
from scimport.model import Problem

__all__ = [
    "ALIASES",
    "CORE_URN",
    "ENTERPRISE_URN",
    "REQUIRED",
    "TYPES",
    "Attribute",
    "Path",
    "UserSchema",
    "json_schema",
    "load_user_schema",
    "path_text",
]

REQUIRED: Final = ("schemas", "externalId", "userName", "active")
"""What every user has. RFC 7643 section 4.1.1 asks for ``userName``, Entra's bulkUpload for ``schemas`` and
``externalId``; ``active`` is always said, since an account whose ``active`` is left out can end up
disabled."""

_INDEX: Final = re.compile(r"\[[^\]]*\]")

# What people call an attribute who do not know SCIM: in lower case, without `_`, `-` and spaces.
_EVERYDAY: Final[Mapping[str, str]] = {
    "birthname": "name.familyName",
    "city": "addresses.locality",
    "companyname": "enterprise.organization",
    "company": "enterprise.organization",
    "email": "emails",
    "emailaddress": "emails",
    "employeeid": "externalId",
    "enabled": "active",
    "fax": "phoneNumbers",
    "firstname": "name.givenName",
    "forename": "name.givenName",
    "fullname": "displayName",
    "jobtitle": "title",
    "language": "preferredLanguage",
    "lastname": "name.familyName",
    "login": "userName",
    "mail": "emails",
    "mobile": "phoneNumbers",
    "phone": "phoneNumbers",
    "postcode": "addresses.postalCode",
    "state": "addresses.region",
    "status": "active",
    "street": "addresses.streetAddress",
    "supervisor": "enterprise.manager",
    "surname": "name.familyName",
    "telephone": "phoneNumbers",
    "telephonenumber": "phoneNumbers",
    "upn": "userName",
    "userprincipalname": "userName",
    "zip": "addresses.postalCode",
    "zipcode": "addresses.postalCode",
}


@dataclass(frozen=True)
class UserSchema:
    """All attributes of a user: core, then enterprise, then the custom extensions in order of URN.

    Attributes:
        attributes: The top level in canonical order; extensions are the complex ones named by a URN.
    """

    attributes: tuple[Attribute, ...]

    @cached_property
    def extensions(self) -> tuple[str, ...]:
        """URNs of the extensions, enterprise first."""
        return tuple(attribute.name for attribute in self.attributes if attribute.is_extension)

    @cached_property
    def _by_path(self) -> dict[tuple[str, ...], Attribute]:
        return dict(_walk((), self.attributes))

    def path(self, path: str | Path) -> tuple[str, ...]:
        """Canonical keys of a path, whether or not the attribute exists.

        Args:
            path: Keys as a sequence, or text: ``name.givenName``, ``emails[0].value``,
                ``enterprise.department``, ``urn:...:2.0:User:department`` (RFC 7644 section 3.10). List
                positions and filters are left out.

        Returns:
            The keys, with an alias replaced by its URN.
        """
        keys = self._split(path) if isinstance(path, str) else [key for key in path if isinstance(key, str)]
        if keys and keys[0] in ALIASES:
            keys = [ALIASES[keys[0]], *keys[1:]]
        return tuple(keys)

    def attribute(self, path: str | Path) -> Attribute | None:
        """The attribute at a path (see :meth:`path`), None if there is none of exactly that spelling."""
        return self._by_path.get(self.path(path))

    def children(self, path: str | Path = ()) -> tuple[Attribute, ...]:
        """What may stand below a path, in canonical order; the top level for ``()``."""
        keys = self.path(path)
        if not keys:
            return self.attributes
        attribute = self._by_path.get(keys)
        return attribute.sub_attributes if attribute else ()

    def suggest(self, path: str | Path) -> str:
        """The path that was probably meant by one that does not exist: another case, a slip, a better place.

        Returns:
            A path as :func:`path_text` writes it, or ``""`` when nothing is near.
        """
        keys = self.path(path)
        if not keys:
            return ""
        parent, name = keys[:-1], keys[-1]
        siblings = {child.name.lower(): child.name for child in self.children(parent)}
        if not parent:
            siblings |= {alias: urn for alias, urn in ALIASES.items() if urn in self.extensions}
        if name.lower() in siblings:
            return path_text((*parent, siblings[name.lower()]))
        if elsewhere := self._elsewhere(name):
            return elsewhere
        near = _closest(name, siblings)
        return path_text((*parent, *near)) if near else ""

    def _elsewhere(self, name: str) -> str:
        """Where an attribute of that name is, if in one place only, or of that everyday word."""
        plain = re.sub(r"[\s_-]", "", name.lower())
        found = [path for path in self._by_path if path[-1].lower() == plain]
        return path_text(found[0]) if len(found) == 1 else _EVERYDAY.get(plain, "")

    def _split(self, text: str) -> list[str]:
        text = _INDEX.sub("", text)
        if text.lower().startswith("urn:"):
            for urn in (CORE_URN, *self.extensions):
                if text.startswith(urn) and text[len(urn) : len(urn) + 1] in ("", ":", "."):
                    rest = text[len(urn) + 1 :]
                    head = [] if urn == CORE_URN else [urn]
                    return head + (rest.split(".") if rest else [])
            return [text]
        return text.split(".") if text else []


def load_user_schema(custom: Iterable[tuple[str, object]] = ()) -> UserSchema:
    """Puts the standard schemas and the custom extensions together.

    Args:
        custom: For each file of a custom extension, its name relative to the project folder and its parsed
            JSON, one schema in the form of RFC 7643 section 7. The same file may come twice.

    Raises:
        ConfigError: With every problem (``bad-schema``) of every file; ``field`` says where in the JSON.
    """
    problems: list[Problem] = []
    found: dict[str, tuple[str, Attribute]] = {}
    for file, data in dict(custom).items():
        extension, wrong = read_schema(file, data)
        problems += wrong
        if extension is None:
            continue
        other, _ = found.setdefault(extension.name.lower(), (file, extension))
        if other != file:
            message = f"the schema is already defined in {other}"
            hint = "Keep one of the files, or give one a URN of its own."
            problems.append(Problem(Code.BAD_SCHEMA, message, hint=hint, file=file, field="id"))
    if problems:
        raise ConfigError(problems)
    extensions = sorted((extension for _, extension in found.values()), key=lambda extension: extension.name)
    return UserSchema((*_standard("user").sub_attributes, _standard("enterprise_user"), *extensions))


def json_schema(schema: UserSchema, *, nullable: Collection[str] = ()) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a user that may be sent.

    Types are strict, names that the schema does not have are refused at every level, and so are the
    attributes that only the service provider sets (RFC 7643 section 2.2); a read-only sub-attribute of a
    writable one (``manager.displayName``) is let through, since the service provider ignores it (RFC 7644
    section 3.3). Suggested canonical values are not enforced (RFC 7643 section 7).

    Args:
        schema: What a user may have.
        nullable: Paths of the attributes whose value may be ``null``, which unassigns them (RFC 7643 section
            2.5); :data:`REQUIRED` ones are never.
    """
    paths = {schema.path(path) for path in nullable}
    properties = {
        attribute.name: _value_schema((attribute.name,), attribute, paths)
        for attribute in schema.attributes
        if not attribute.read_only
    }
    properties["schemas"] = {
        "type": "array",
        "items": {"enum": [CORE_URN, *schema.extensions]},
        "uniqueItems": True,
        "allOf": [{"contains": {"const": CORE_URN}}, {"contains": {"const": ENTERPRISE_URN}}],
    }
    for name in ("externalId", "userName"):
        properties[name] = {"type": "string", "minLength": 1}
    properties["active"] = {"type": "boolean"}
    custom = [urn for urn in schema.extensions if urn != ENTERPRISE_URN]
    # RFC 7643 section 3: the schemas attribute names every schema whose attributes are there.
    named = {urn: {"properties": {"schemas": {"contains": {"const": urn}}}} for urn in custom}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "additionalProperties": False,
        **({"dependentSchemas": named} if named else {}),
    }


_SIMPLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    # What every JSON library of the chain can carry.
    "decimal": {"type": "number", "minimum": -(2**63), "maximum": 2**63 - 1},
    "integer": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "dateTime": {"type": "string", "format": "date-time"},
    # RFC 4648 sections 4 and 5; `$` would let a final line break through in Python.
    "binary": {"type": "string", "pattern": r"^[A-Za-z0-9+/_-]*={0,2}(?![\s\S])"},
}


def _value_schema(
    path: tuple[str, ...], attribute: Attribute, nullable: Collection[tuple[str, ...]]
) -> dict[str, Any]:
    single = _single_schema(path, attribute, nullable)
    value: dict[str, Any] = {"type": "array", "items": single} if attribute.multi_valued else single
    if attribute.multi_valued and attribute.sub("primary"):
        # RFC 7643 section 2.4: the primary value "true" appears no more than once.
        value["contains"] = {"properties": {"primary": {"const": True}}, "required": ["primary"]}
        value["minContains"], value["maxContains"] = 0, 1
    return value | {"type": [value["type"], "null"]} if path in nullable else value


def _single_schema(
    path: tuple[str, ...], attribute: Attribute, nullable: Collection[tuple[str, ...]]
) -> dict[str, Any]:
    if path == ("emails", "value"):
        return {"type": "string", "format": "idn-email"}
    if attribute.type == "reference":
        absolute = {"external", "uri"} & set(attribute.reference_types)
        return {"type": "string", "format": "uri" if absolute else "uri-reference"}
    if not attribute.is_complex:
        return dict(_SIMPLE[attribute.type])
    value: dict[str, Any] = {
        "type": "object",
        "properties": {
            sub.name: _value_schema((*path, sub.name), sub, nullable) for sub in attribute.sub_attributes
        },
        "additionalProperties": False,
    }
    required = [sub.name for sub in attribute.sub_attributes if sub.required]
    return value | {"required": required} if required else value


def _walk(
    above: tuple[str, ...], attributes: Iterable[Attribute]
) -> Iterator[tuple[tuple[str, ...], Attribute]]:
    for attribute in attributes:
        yield (path := (*above, attribute.name)), attribute
        yield from _walk(path, attribute.sub_attributes)


def _closest(name: str, names: Mapping[str, str]) -> list[str]:
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return [names[match] for match in near]


@cache
def _standard(name: str) -> Attribute:
    text = (files("scimport.mappings") / "scim_schemas" / f"{name}.json").read_text("utf-8")
    return trusted_schema(json.loads(text))
