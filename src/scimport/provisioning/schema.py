"""A job's synchronizationSchema: read as far as scimport manages it, and changed without touching the rest.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema``. The directories and
objects are found by the names in the rule, never by their place.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scimport.codes import Code
from scimport.errors import AppError
from scimport.model import Problem
from scimport.project.provisioning import REMOVED, AttributeMapping, Clause
from scimport.provisioning.wanted import Wanted

Schema = dict[str, Any]
NULL_GATE = "flowNullValues"
"""Property of an attribute, and by the portal's words of a mapping, that lets nulls flow."""

_SCIM = "urn:ietf:params:scim:schemas:"
_MANAGER = ":manager"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute mapping, as far as scimport manages it.

    Attributes:
        target: Attribute of the directory.
        expression: Entra's expression.
        when: ``always`` or ``create``.
        match: Precedence as a matching attribute; 0 for none.
        default: Value for a new user when there is none.
        nulls: Whether nulls flow.
    """

    target: str
    expression: str
    when: str = "always"
    match: int = 0
    default: str | None = None
    nulls: bool = False


class Parts:
    """The parts of a schema that matter: the first rule, its first object mapping, and their two objects.

    Args:
        schema: As Graph gives it.

    Raises:
        AppError: It is not the schema of an API-driven app.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        try:
            self.rule = schema["synchronizationRules"][0]
            self.objects = self.rule["objectMappings"][0]
            self.source = self._object(self.rule["sourceDirectoryName"], self.objects["sourceObjectName"])
            self.target = self._object(self.rule["targetDirectoryName"], self.objects["targetObjectName"])
        except (KeyError, IndexError, TypeError, StopIteration):
            message = "the app's schema has no rule with the two directories that it names"
            hint = (
                "See whether the app is API-driven; scimport app rollback, or the portal's Restore default."
            )
            raise AppError(Problem(Code.GRAPH_REFUSES, message, hint=hint, field="app")) from None

    def _object(self, directory: str, name: str) -> dict[str, Any]:
        found = next(each for each in self.schema["directories"] if each["name"] == directory)
        thing: dict[str, Any] = next(each for each in found["objects"] if each["name"] == name)
        return thing

    @property
    def rows(self) -> dict[str, Row]:
        """The attribute mappings by attribute of the directory."""
        return {each["targetAttributeName"]: _row(each) for each in self.objects["attributeMappings"]}

    @property
    def source_names(self) -> tuple[str, ...]:
        """Attributes of the user that mappings may read."""
        return tuple(each["name"] for each in self.source["attributes"])

    @property
    def target_names(self) -> tuple[str, ...]:
        """Attributes of the directory that mappings may write."""
        return tuple(each["name"] for each in self.target["attributes"])

    @property
    def null_sources(self) -> tuple[str, ...]:
        """Attributes of the user whose nulls may flow."""
        return tuple(each["name"] for each in self.source["attributes"] if each.get("flowNullValues"))

    @property
    def scope(self) -> tuple[tuple[tuple[str, str, str | None], ...], ...]:
        """The scoping filter: groups of attribute, operator and value."""
        groups = (self.objects.get("scope") or {}).get("groups") or []
        return tuple(
            tuple(
                (
                    clause["sourceOperandName"],
                    clause["operatorName"],
                    next(iter((clause.get("targetOperand") or {}).get("values") or []), None),
                )
                for clause in group["clauses"]
            )
            for group in groups
        )


def _row(mapping: Mapping[str, Any]) -> Row:
    return Row(
        mapping["targetAttributeName"],
        mapping["source"]["expression"].strip(),
        "create" if mapping.get("flowType") == "ObjectAddOnly" else "always",
        mapping.get("matchingPriority") or 0,
        mapping.get("defaultValue") or None,
        bool(mapping.get(NULL_GATE)),
    )


def wanted_rows(default: Mapping[str, Row], wanted: Wanted) -> dict[str, Row]:
    """The wanted attribute mappings: the default ones with what differs in their place."""
    rows = {**default}
    for target, mapping in wanted.mappings.items():
        if mapping.expression == REMOVED:
            rows.pop(target, None)
        else:
            rows[target] = wanted_row(target, mapping)
    return {target: _with_nulls(row, wanted.flow_nulls) for target, row in rows.items()}


def wanted_row(target: str, mapping: AttributeMapping) -> Row:
    """A mapping of the file."""
    return Row(target, mapping.expression.strip(), mapping.when, mapping.match, mapping.default)


def _with_nulls(row: Row, flow: bool | tuple[str, ...]) -> Row:
    """Open the gate of a mapping, unless users are matched or made by it, or it is a reference."""
    names = attributes_in(row.expression)
    keeps = row.match or row.when == "create" or not names or names[0].endswith(_MANAGER)
    wanted = not keeps and (flow is True or (flow is not False and not set(names).isdisjoint(flow)))
    return Row(row.target, row.expression, row.when, row.match, row.default, wanted)


def null_sources(rows: Collection[Row]) -> frozenset[str]:
    """Attributes of the user whose gate must be open for the mappings whose gate is."""
    return frozenset(name for row in rows if row.nulls for name in attributes_in(row.expression))


def changed(
    schema: Schema, rows: Mapping[str, Row], wanted: Wanted, sources: Mapping[str, dict[str, Any]]
) -> Schema:
    """A copy of a schema with the wanted attributes, mappings and scope.

    Args:
        schema: The schema that is there; what scimport does not manage stays.
        rows: The wanted mappings.
        wanted: The wanted app.
        sources: attributeMappingSource by expression, for those that are not there yet.
    """
    parts = Parts(copy.deepcopy(schema))
    known = set(parts.source_names)
    parts.source["attributes"] += [
        attribute(name, kind) for name, kind in wanted.attributes.items() if name not in known
    ]
    open_gates = null_sources(rows.values())
    for each in parts.source["attributes"]:
        if bool(each.get("flowNullValues")) != (each["name"] in open_gates):
            each["flowNullValues"] = each["name"] in open_gates
    there = {each["targetAttributeName"]: each for each in parts.objects["attributeMappings"]}
    parts.objects["attributeMappings"] = [
        there[name] if name in there and _row(there[name]) == row else _mapping(there.get(name), row, sources)
        for name, row in rows.items()
    ]
    if parts.scope != scope_of(wanted.scope):
        parts.objects["scope"] = _scope(wanted.scope)
    return parts.schema


def attribute(name: str, kind: str) -> dict[str, Any]:
    """The definition of a custom attribute (attributeDefinition)."""
    return {
        "name": name,
        "type": kind,
        "anchor": False,
        "required": False,
        "caseExact": False,
        "multivalued": False,
        "flowNullValues": False,
        "mutability": "ReadWrite",
        "defaultValue": None,
        "apiExpressions": [],
        "metadata": [],
        "referencedObjects": [],
    }


def _mapping(
    there: Mapping[str, Any] | None, row: Row, sources: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    blank = {"flowBehavior": "FlowWhenChanged", "exportMissingReferences": False}
    before = dict(there or blank)
    same = there is not None and there["source"]["expression"].strip() == row.expression
    mapping = before | {
        "targetAttributeName": row.target,
        "source": before["source"] if same else sources.get(row.expression) or simple_source(row.expression),
        "matchingPriority": row.match,
        "flowType": "ObjectAddOnly" if row.when == "create" else "Always",
        "defaultValue": row.default,
    }
    if row.nulls or NULL_GATE in before:
        mapping[NULL_GATE] = row.nulls
    return mapping


def simple_source(expression: str) -> dict[str, Any]:
    """The attributeMappingSource of an attribute or a constant; a function's parameters are left out."""
    names = attributes_in(expression)
    kind, name = "Function", expression.partition("(")[0]
    if names and expression == f"[{names[0]}]":
        kind, name = "Attribute", names[0]
    elif re.fullmatch(r'"(?:[^"\\]|\\.)*"', expression):
        kind, name = "Constant", re.sub(r"\\(.)", r"\1", expression[1:-1])
    return {"type": kind, "name": name, "expression": expression, "parameters": []}


def is_function(expression: str) -> bool:
    """Whether an expression is more than an attribute or a constant."""
    return bool(simple_source(expression)["type"] == "Function")


def attributes_in(expression: str) -> tuple[str, ...]:
    """The attributes that an expression reads: what is in square brackets outside of texts."""
    return tuple(dict.fromkeys(_bracketed(expression)))


def _bracketed(expression: str) -> Iterator[str]:
    position, start, depth, quoted = 0, 0, 0, False
    while position < len(expression):
        character = expression[position]
        if quoted:
            position += character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character == "[":
            start = start if depth else position + 1
            depth += 1
        elif character == "]" and depth:
            depth -= 1
            if not depth:
                yield expression[start:position]
        position += 1


def scope_of(groups: tuple[tuple[Clause, ...], ...]) -> tuple[tuple[tuple[str, str, str | None], ...], ...]:
    """A scoping filter of the file, to be compared with :attr:`Parts.scope`."""
    return tuple(tuple((each.attribute, each.operator, each.value) for each in group) for group in groups)


def _scope(groups: tuple[tuple[Clause, ...], ...]) -> dict[str, Any] | None:
    if not groups:
        return None
    return {
        "name": None,
        "groups": [
            {
                "name": f"group {number}",
                "clauses": [
                    {
                        "sourceOperandName": each.attribute,
                        "operatorName": each.operator,
                        "targetOperand": {"values": [] if each.value is None else [each.value]},
                    }
                    for each in group
                ],
            }
            for number, group in enumerate(groups, 1)
        ],
        "inputFilterGroups": [],
        "categoryFilterGroups": [],
    }
