"""The attribute mappings of a job, made ready once: from its synchronizationSchema to rules.

``https://learn.microsoft.com/graph/api/resources/synchronization-attributemapping``
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scimport.sandbox.attributes import Target
from scimport.sandbox.expressions import Attribute, Call, Node, Text, parse
from scimport.sandbox.paths import Reader, read_path
from scimport.sandbox.rules import Evaluate, compile_rule
from scimport.sandbox.scoping import Scope, compile_scope

ADD_ONLY: Final = ("AttributeAddOnly", "ValueAddOnly", "MultiValueAddOnly")


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """One line of an attribute mapping.

    Attributes:
        target: Attribute of the directory.
        kind: Its type, such as ``String``, ``Boolean`` or ``Reference``.
        multivalued: Whether it has several values.
        candidates: What works out its value; several for ``SelectUniqueValue``.
        sources: What reads the attributes of the user in it.
        direct: Reads the one attribute it comes from; None for a constant and an expression.
        text: The expression, as it was written.
        precedence: 1 and so on when users are matched by it; else 0.
        on_create: Applied only during object creation.
        add_only: Applied only to an attribute that is empty.
        default: Value for a user who is created without one; None for none.
        flows_null: Whether both gates of *Flow null values* are open.
        ignores_empty: Whether null and empty are left out of the flow.
        redacted: Whether the provisioning log must not show its value.
        selects: Whether its value must be one that nobody has.
        needs_active: Whether it is made of ``active`` alone.
        plain_text: Whether text flows as it is.
    """

    target: str
    kind: str
    multivalued: bool
    candidates: tuple[Evaluate, ...]
    sources: tuple[Reader, ...]
    direct: Reader | None
    text: str
    precedence: int
    on_create: bool
    add_only: bool
    default: str | None
    flows_null: bool
    ignores_empty: bool
    redacted: bool
    selects: bool
    needs_active: bool
    plain_text: bool


@dataclass(frozen=True, slots=True)
class ObjectMapping:
    """How users of the source become users of the directory.

    Attributes:
        mappings: The lines, in their order, without the references.
        references: The lines whose values are other users.
        matching: Those by which users are matched, by precedence.
        scope: Who is in scope.
        adds: Whether users are created.
        updates: Whether users are updated.
        deletes: Whether users who leave the scope are disabled.
        redacted: Attributes whose values the provisioning log must not show.
    """

    mappings: tuple[AttributeMapping, ...]
    references: tuple[AttributeMapping, ...]
    matching: tuple[AttributeMapping, ...]
    scope: Scope
    adds: bool
    updates: bool
    deletes: bool
    redacted: frozenset[str] = frozenset()


class MappingError(ValueError):
    """A schema whose mappings cannot be run.

    Args:
        message: Which mapping, and what is wrong with it.
    """


def compile_mapping(
    schema: Mapping[str, Any], target: Target, gate: str, kinds: Collection[str]
) -> ObjectMapping:
    """The first object mapping of a schema that is enabled, ready to run.

    Args:
        schema: The synchronizationSchema.
        target: The directory it is for.
        gate: Property of an attribute mapping that opens the second gate of *Flow null values*.
        kinds: Types of ``addresses``, ``emails`` and the like that are read.

    Raises:
        MappingError: when an expression, an attribute or a filter is wrong.
    """
    rule = schema["synchronizationRules"][0]
    every = [each for each in rule["objectMappings"] if each.get("enabled", True)]
    if not every:
        return ObjectMapping((), (), (), Scope(), adds=False, updates=False, deletes=False)
    objects = every[0]
    read = _reader(kinds)
    here = _attributes(schema, rule["sourceDirectoryName"], objects["sourceObjectName"])
    there = _attributes(schema, rule["targetDirectoryName"], objects["targetObjectName"])
    lines = [_line(each, target, here, there, gate, read) for each in objects["attributeMappings"]]
    try:
        scope = compile_scope(objects.get("scope"), read)
    except ValueError as error:
        raise MappingError(f"The scope is wrong: {error}.") from error
    flows = str(objects.get("flowTypes", "Add, Update, Delete")).lower()
    return ObjectMapping(
        mappings=tuple(
            line for line in lines if line.kind != "Reference" and line.target not in target.owned
        ),
        references=tuple(line for line in lines if line.kind == "Reference"),
        matching=tuple(sorted((line for line in lines if line.precedence), key=lambda line: line.precedence)),
        scope=scope,
        adds="add" in flows,
        updates="update" in flows,
        deletes="delete" in flows,
        redacted=frozenset(line.target for line in lines if line.redacted),
    )


def _reader(kinds: Collection[str]) -> Callable[[str], Reader]:
    return lambda name: read_path(name, kinds)


def _attributes(schema: Mapping[str, Any], directory: str, name: str) -> dict[str, Mapping[str, Any]]:
    """The definitions of an object's attributes, by name."""

    def found() -> Iterator[Mapping[str, Any]]:
        for each in schema["directories"]:
            for thing in each["objects"]:
                if (each["name"], thing["name"]) == (directory, name):
                    yield from thing["attributes"]

    return {str(definition["name"]): definition for definition in found()}


def _line(
    line: Mapping[str, Any],
    target: Target,
    here: Mapping[str, Mapping[str, Any]],
    there: Mapping[str, Mapping[str, Any]],
    gate: str,
    read: Callable[[str], Reader],
) -> AttributeMapping:
    name = str(line["targetAttributeName"])
    try:
        text, node = _expression(line["source"])
        rule = compile_rule(node, read)
    except ValueError as error:
        raise MappingError(f"The mapping of '{name}' is wrong: {error}.") from error
    definition = there.get(name, {})
    precedence = int(line.get("matchingPriority") or 0)
    on_create = line.get("flowType") == "ObjectAddOnly"
    direct = read(node.name) if isinstance(node, Attribute) else None
    kind = str(definition.get("type", "String"))
    if kind == "Reference" and direct is None:
        raise MappingError(f"The mapping of '{name}' is wrong: a reference needs a direct mapping.")
    if rule.selects:
        _check_selection(name, target, precedence, on_create=on_create)
    flows = any(here.get(source, {}).get("flowNullValues") for source in rule.attributes)
    return AttributeMapping(
        target=name,
        kind=kind,
        multivalued=bool(definition.get("multivalued")),
        candidates=rule.candidates,
        sources=tuple(read(source) for source in rule.attributes),
        direct=direct,
        text=text,
        precedence=precedence,
        on_create=on_create,
        add_only=line.get("flowType") in ADD_ONLY,
        default=line.get("defaultValue") or None,
        flows_null=bool(flows and line.get(gate)),
        ignores_empty=rule.ignores_empty,
        redacted=rule.redacted or name.startswith("CustomSecurityAttributes."),
        selects=rule.selects,
        needs_active=rule.attributes == ("active",),
        plain_text=kind not in ("Boolean", "Integer", "Reference") and not definition.get("multivalued"),
    )


def _expression(source: Mapping[str, Any]) -> tuple[str, Node]:
    """What a mapping is made of: its expression; without one, its attribute or its constant."""
    text, name = str(source.get("expression") or ""), str(source.get("name") or "")
    if source.get("type") == "Constant" and not text.startswith('"'):
        return name, Text(text or name, 0)
    if not text and source.get("type") == "Attribute":
        text = f"[{name}]"
    node = parse(text)
    if source.get("type") == "Function" and not isinstance(node, Call):
        raise ValueError("an expression is made of functions")
    return text, node


def _check_selection(name: str, target: Target, precedence: int, *, on_create: bool) -> None:
    """Where ``SelectUniqueValue`` works."""
    wrong = (
        "only in provisioning to Active Directory"
        if not target.selects
        else "only during object creation (flowType ObjectAddOnly)"
        if not on_create
        else "not for an attribute that users are matched by"
        if precedence
        else ""
    )
    if wrong:
        raise MappingError(f"The mapping of '{name}' is wrong: SelectUniqueValue works {wrong}.")
