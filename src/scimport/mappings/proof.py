"""What of a user is still to be checked when a mapping has made it.

The function of :mod:`scimport.mappings.builder` makes no keys, lists and constants but those of the mapping's
shape, and its conversions give plain texts and booleans where the attribute takes them: for these the JSON
Schema holds whatever a row says. What is left are formats, patterns, numbers and the like. Only keywords that
are known here prove anything; where there is another, or a rule that depends on which parts of a user are
there, the whole value at that place is left to be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from scimport.mappings.builder import Field
from scimport.mappings.scim import ENTERPRISE_URN
from scimport.mappings.shape import Array, Constant, Object, Shape, Slot, is_certain

Schema = Mapping[str, Any]
Check = Callable[[Any], bool]
Holds = Callable[[Schema, object], bool]
"""Whether a value satisfies a schema."""


class Each(Enum):
    """The type of :data:`EACH`."""

    EACH = "each"


EACH: Final = Each.EACH
"""Stands in a path for each entry of a list."""

Step = str | Each
Places = dict[tuple[Step, ...], Schema]

EVERYTHING: Final = ()
"""The path of the whole user."""

# What a conversion of :mod:`scimport.mappings.values` gives, None aside.
_GIVES: Final = {
    **dict.fromkeys(("string", "reference", "dateTime", "binary"), "string"),
    "boolean": "boolean",
}
_PRIMARY: Final = {
    "contains": {"properties": {"primary": {"const": True}}, "required": ["primary"]},
    "minContains": 0,
    "maxContains": 1,
}


def open_places(user: Object, fields: Sequence[Field], schema: Schema, holds: Holds) -> Places:
    """The places of a mapping's users that may break the schema, each with what the schema says of it.

    A user of that shape is valid exactly if every value at these places is, where one is there that is not
    null; but for texts that no encoding has, of which a JSON Schema says nothing.

    Args:
        user: Shape of the users, with ``schemas``.
        fields: The expressions of its slots.
        schema: Of :func:`scimport.mappings.scim.json_schema`.
        holds: Tells of constants whether they are valid.
    """
    prover = _Prover(fields, schema, holds)
    prover.user(user)
    return {EVERYTHING: schema} if EVERYTHING in prover.open else prover.open


def check_of(places: Mapping[tuple[Step, ...], Check]) -> Check:
    """Whether a user passes the checks of some places, wherever one has a value that is not null.

    A check that raises ValueError says no.

    It is generated, as the function that makes users is: it runs once a record, and takes half of the time of
    what walks along paths. Nothing but names and numbers of this module and literals of ``repr`` is in it.
    """
    lines = ["def holds(user):", "  try:"]
    for number, path in enumerate(places):
        value, indent = "user", "    "
        for step in path:
            if step is EACH:
                lines.append(f"{indent}for entry in {value}:")
                value = "entry"
            else:
                lines.append(f"{indent}value = {value}.get({step!r})")
                lines.append(f"{indent}if value is not None:")
                value = "value"
            indent += "    "
        lines.append(f"{indent}if not check{number}({value}): return False")
    names: dict[str, Any] = {f"check{number}": check for number, check in enumerate(places.values())}
    lines += ["    return True", "  except ValueError: return False"]
    exec(compile("\n".join(lines), "<check of users>", "exec"), names)  # noqa: S102
    holds: Check = names["holds"]
    return holds


class _Prover:
    def __init__(self, fields: Sequence[Field], schema: Schema, holds: Holds) -> None:
        self.open: Places = {}
        self._fields, self._schema, self._holds = fields, schema, holds

    def user(self, user: Object) -> None:
        known = {
            key: value for key, value in self._schema.items() if key not in ("$schema", "dependentSchemas")
        }
        properties = known.get("properties", {})
        if not self._names_schemas(user, properties.get("schemas", {})):
            self._give_up()
        members = tuple(member for member in user.members if member[0] != "schemas")
        required = [name for name in known.get("required", ()) if name != "schemas"]
        self._object(Object(members), {**known, "required": required}, EVERYTHING)

    def _names_schemas(self, user: Object, schema: Schema) -> bool:
        """Whether ``schemas`` is right in every user: the builder adds each schema that is there."""
        always = [entry.value for entry in _entries(user, "schemas") if isinstance(entry, Constant)]
        added = [
            name
            for name, shape in user.members
            if name.startswith("urn:") and name != ENTERPRISE_URN and not is_certain(shape)
        ]
        # If it holds for the shortest list and for the longest, then for all between: rules of entries and of
        # repetition hold for a part of what they hold for, those of what must be there for more than it.
        rules = schema.get("allOf", ())
        known = schema.keys() <= {"type", "items", "uniqueItems", "allOf"} and "array" in _types(schema)
        if not known or any(rule.keys() != {"contains"} for rule in rules):
            return False
        named = {*always, *added}
        for name, _ in user.members:
            rule = self._schema.get("dependentSchemas", {}).get(name)
            asked = {"properties": {"schemas": {"contains": {"const": name}}}}
            if rule is not None and (rule != asked or name not in named):
                return False
        return self._holds(schema, always) and self._holds(schema, [*always, *added])

    def _shape(self, shape: Shape, schema: Schema, path: tuple[Step, ...]) -> None:
        nullable = isinstance(shape, Slot | Object) and shape.nullable
        if (nullable and "null" not in _types(schema)) or EVERYTHING in self.open:
            self._give_up()
        elif isinstance(shape, Constant):
            if not self._holds(schema, shape.value):
                self._give_up()
        elif isinstance(shape, Slot):
            if not self._is_right(self._fields[shape.index], schema):
                self.open[path] = schema
        elif isinstance(shape, Array):
            self._array(shape, schema, path)
        else:
            self._object(shape, schema, path)

    def _is_right(self, field: Field, schema: Schema) -> bool:
        """Whether the values of an expression are valid whatever a row says."""
        if field.place.many:
            if schema.keys() != {"type", "items"} or "array" not in _types(schema):
                return False
            schema = schema["items"]
        if schema.keys() - {"type", "minLength"} or schema.get("minLength", 1) > 1:
            return False
        return _GIVES.get(field.place.attribute.type) in _types(schema)

    def _object(self, shape: Object, schema: Schema, path: tuple[Step, ...]) -> None:
        properties = schema.get("properties", {})
        names = {name for name, _ in shape.members}
        always = {name for name, member in shape.members if self._is_always_there(member)}
        if (
            schema.keys() - {"type", "properties", "required", "additionalProperties"}
            or "object" not in _types(schema)
            or not names <= properties.keys()
            or not always.issuperset(schema.get("required", ()))
        ):
            self.open[path] = schema
            return
        for name, member in shape.members:
            self._shape(member, properties[name], (*path, name))

    def _is_always_there(self, shape: Shape) -> bool:
        return is_certain(shape) or (isinstance(shape, Slot) and self._fields[shape.index].is_required)

    def _array(self, shape: Array, schema: Schema, path: tuple[Step, ...]) -> None:
        rules = {key: value for key, value in schema.items() if key not in ("type", "items")}
        primary = [entry for entry in shape.entries if _may_be_primary(entry)]
        if "array" not in _types(schema) or (rules and (rules != _PRIMARY or len(primary) > 1)):
            self.open[path] = schema
            return
        for entry in shape.entries:
            self._shape(entry, schema.get("items", {}), (*path, EACH))

    def _give_up(self) -> None:
        self.open[EVERYTHING] = self._schema


def _types(schema: Schema) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _entries(user: Object, name: str) -> tuple[Shape, ...]:
    shape = dict(user.members).get(name)
    return shape.entries if isinstance(shape, Array) else ()


def _may_be_primary(entry: Shape) -> bool:
    if not isinstance(entry, Object):
        return False
    primary = dict(entry.members).get("primary")
    return primary is not None and not (isinstance(primary, Constant) and primary.value is not True)
