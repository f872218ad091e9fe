"""Reads the definition of a schema: JSON in the form of RFC 7643 section 7."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from scimport.codes import Code
from scimport.mappings.attributes import CORE_URN, ENTERPRISE_URN, TYPES, Attribute
from scimport.model import Problem
from scimport.project.values import did_you_mean

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "type": TYPES,
    "mutability": ("readOnly", "readWrite", "immutable", "writeOnly"),
    "returned": ("always", "never", "default", "request"),
    "uniqueness": ("none", "server", "global"),
}
_FLAGS: Final = ("multiValued", "required", "caseExact")
_TEXT_LISTS: Final = ("canonicalValues", "referenceTypes")
_ATTRIBUTE_KEYS: Final = frozenset(("name", "description", "subAttributes", *_CHOICES, *_FLAGS, *_TEXT_LISTS))
_SCHEMA_KEYS: Final = frozenset(("schemas", "id", "name", "description", "attributes", "meta"))

# RFC 7643 section 2.1: ATTRNAME = ALPHA *(nameChar); section 2.4 adds `$ref`.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9$_-]*|\$ref")
# RFC 8141 section 2, as far as it keeps typing mistakes out.
_URN: Final = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]:[^\s\"<>\\^`{|}#?\[\]]+")


def read_schema(file: str, data: object) -> tuple[Attribute | None, list[Problem]]:
    """Turn the JSON of a custom extension into the complex attribute that it is in a user.

    Args:
        file: Name of the file relative to the project folder, for the problems.
        data: One schema, as parsed.

    Returns:
        The extension, and no problems; or None, and all of them (``bad-schema``), whose ``field`` is the
        place in the JSON, such as ``attributes[2].type``.
    """
    reader = _Reader(file)
    reader.schema(data)
    return (None if reader.problems or not isinstance(data, dict) else trusted_schema(data)), reader.problems


def trusted_schema(data: Mapping[str, Any]) -> Attribute:
    """The same, of JSON that is known to be right."""
    attributes = tuple(_attribute(item) for item in data["attributes"])
    return Attribute(
        data["id"], "complex", sub_attributes=attributes, description=data.get("description", "")
    )


def _attribute(item: Mapping[str, Any]) -> Attribute:
    """What is left out has the default of RFC 7643 section 2.2."""
    return Attribute(
        name=item["name"],
        type=item.get("type", "string"),
        multi_valued=item.get("multiValued", False),
        required=item.get("required", False),
        mutability=item.get("mutability", "readWrite"),
        case_exact=item.get("caseExact", False),
        canonical_values=tuple(item.get("canonicalValues", ())),
        reference_types=tuple(item.get("referenceTypes", ())),
        sub_attributes=tuple(_attribute(sub) for sub in item.get("subAttributes", ())),
        returned=item.get("returned", "default"),
        uniqueness=item.get("uniqueness", "none"),
        description=item.get("description", ""),
    )


class _Reader:
    """Collects what is wrong with one file, instead of stopping at the first."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def report(self, field: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(Code.BAD_SCHEMA, message, hint=hint, file=self.file, field=field))

    def schema(self, data: object) -> None:
        if not isinstance(data, dict):
            hint = "Write one schema as RFC 7643 section 7 shows it: id, name and attributes."
            self.report("", "the file does not hold a JSON object", hint)
            return
        self.keys("", data, _SCHEMA_KEYS)
        self.urn(data.get("id"))
        self.texts("", data, ("name", "description"))
        self.attributes("attributes", data.get("attributes"), nested=False)

    def urn(self, urn: object) -> None:
        if not isinstance(urn, str) or not _URN.fullmatch(urn):
            hint = "For example urn:ietf:params:scim:schemas:extension:acme:1.0:User"
            self.report("id", "the schema needs an id that is a URN", hint)
        elif urn.lower() in (CORE_URN.lower(), ENTERPRISE_URN.lower()):
            hint = "Its attributes are there already; give your own a URN of their own."
            self.report("id", "the schema is a standard one", hint)

    def attributes(self, field: str, items: object, *, nested: bool) -> None:
        if not isinstance(items, list) or not items:
            self.report(field, "it must be a list of at least one attribute")
            return
        seen: set[str] = set()
        for number, item in enumerate(items):
            place = f"{field}[{number}]"
            self.attribute(place, item, nested=nested)
            name = item.get("name") if isinstance(item, dict) else None
            if isinstance(name, str) and name.lower() in seen:
                hint = "Names do not differ by case (RFC 7643 section 2.1)."
                self.report(f"{place}.name", f"there is already an attribute {name}", hint)
            elif isinstance(name, str):
                seen.add(name.lower())

    def attribute(self, field: str, item: object, *, nested: bool) -> None:
        if not isinstance(item, dict):
            self.report(field, "it must be a JSON object with at least a name")
            return
        name = item.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            hint = "A letter, then letters, digits, $, - and _ (RFC 7643 section 2.1)."
            self.report(f"{field}.name", "the attribute needs a name that SCIM allows", hint)
        self.keys(field, item, _ATTRIBUTE_KEYS)
        self.characteristics(field, item)
        self.sub_attributes(field, item, nested=nested)

    def characteristics(self, field: str, item: Mapping[str, Any]) -> None:
        for key in _FLAGS:
            if not isinstance(item.get(key, False), bool):
                self.report(f"{field}.{key}", "it must be true or false")
        for key, choices in _CHOICES.items():
            if key in item and item[key] not in choices:
                hint = did_you_mean(str(item[key]), choices)
                self.report(f"{field}.{key}", f"it must be one of {', '.join(choices)}", hint)
        for key in _TEXT_LISTS:
            value = item.get(key, [])
            if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
                self.report(f"{field}.{key}", "it must be a list of texts")
        self.texts(field, item, ("description",))

    def sub_attributes(self, field: str, item: Mapping[str, Any], *, nested: bool) -> None:
        is_complex = item.get("type") == "complex"
        if nested and is_complex:
            hint = "Put its sub-attributes beside it (RFC 7643 section 2.3.8)."
            self.report(f"{field}.type", "a sub-attribute cannot be complex", hint)
        elif is_complex:
            self.attributes(f"{field}.subAttributes", item.get("subAttributes"), nested=True)
        elif item.get("subAttributes"):
            hint = 'Give the attribute "type": "complex".'
            self.report(f"{field}.subAttributes", "only a complex attribute has sub-attributes", hint)

    def keys(self, field: str, item: Mapping[str, Any], known: Collection[str]) -> None:
        for key in item:
            if key not in known:
                place = f"{field}.{key}" if field else key
                self.report(place, f"{key} is not known here", did_you_mean(key, known))

    def texts(self, field: str, item: Mapping[str, Any], keys: Iterable[str]) -> None:
        for key in keys:
            if not isinstance(item.get(key, ""), str):
                self.report(f"{field}.{key}" if field else key, "it must be a text")
