"""The tree of a mapping in the shape of the SCIM schema: every attribute known, every value in its place.

What comes out has its keys in the order of the schema, whatever their order in the files, so that equal users
have equal bytes. What is wrong is collected, all of it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from scimport.codes import Code
from scimport.mappings.scim import (
    CORE_URN,
    ENTERPRISE_URN,
    REQUIRED,
    Attribute,
    UserSchema,
    path_text,
)
from scimport.mappings.tree import Branch, Items, Leaf, Node
from scimport.model import Problem
from scimport.project.document import KeyPath

JsonScalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every row; None for a blank one."""

    value: JsonScalar


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of an expression's value.

    Attributes:
        index: Which expression.
        nullable: Whether a blank is sent as ``null``.
    """

    index: int
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """The place of an object; left out when all its members are.

    Attributes:
        members: Names and what is below them, in the order of the schema.
        nullable: Whether an empty one is sent as ``null``.
    """

    members: tuple[tuple[str, Shape], ...]
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Array:
    """The place of a list; an entry with expressions is left out when all of them are blank."""

    entries: tuple[Shape, ...]


Shape = Constant | Slot | Object | Array


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user a leaf stands.

    Attributes:
        path: Keys and list positions, with canonical names.
        attribute: What the schema says of it.
        many: Whether the one leaf gives the whole list of a multi-valued attribute.
    """

    path: KeyPath
    attribute: Attribute
    many: bool

    @property
    def name(self) -> str:
        """The path as people write it."""
        return path_text(self.path)


class WrongError(Exception):
    """Something in the tree is wrong; the rest of it is still looked at."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


Bind = Callable[[Place, Leaf], Constant | Slot]
"""Makes the value of a leaf, or raises :class:`WrongError`."""


def shape_user(
    user: Branch, schema: UserSchema, clear: Collection[tuple[str, ...]], bind: Bind
) -> tuple[Object, list[Problem]]:
    """Puts a mapping's tree in the shape of the schema.

    Args:
        user: The tree.
        schema: What a user may have.
        clear: Paths of the attributes that are sent as ``null`` when blank.
        bind: Called for each leaf that stands where a value may stand, in the order of the schema.

    Returns:
        The shape, without ``schemas``, and what is wrong with the tree.
    """
    shaper = _Shaper(schema, clear, bind)
    shape = shaper.object(user, (), schema.attributes)
    shaper.require(user)
    return shape, shaper.problems


class _Shaper:
    def __init__(self, schema: UserSchema, clear: Collection[tuple[str, ...]], bind: Bind) -> None:
        self.problems: list[Problem] = []
        self._schema = schema
        self._clear = clear
        self._bind = bind

    def object(self, branch: Branch, path: KeyPath, attributes: tuple[Attribute, ...]) -> Object:
        """The shape of an object, whatever is wrong noted and left out."""
        known = {attribute.name for attribute in attributes}
        for name, node in branch.children.items():
            if name not in known:
                self.problems.append(self._unknown(node, (*path, name)))
        members = []
        for attribute in attributes:
            child = branch.children.get(attribute.name)
            if child is None:
                continue
            shape = self._attempt(self._attribute, child, (*path, attribute.name), attribute)
            if shape is not None:
                members.append((attribute.name, shape))
        return Object(tuple(members), path in self._clear)

    def require(self, user: Branch) -> None:
        """Notes what every user needs, and every object that the tree has, when it is not there."""
        names = dict.fromkeys((*REQUIRED, *(a.name for a in self._schema.attributes if a.required)))
        self._require(user, (), [name for name in names if name != "schemas"])
        for path, branch in _branches(user, ()):
            self._require(branch, path, [a.name for a in self._schema.children(path) if a.required])

    def _require(self, branch: Branch, path: KeyPath, names: list[str]) -> None:
        for name in names:
            if name not in branch.children:
                full = (*path, name)
                hint = _REQUIRED_HINTS.get(path_text(full), f"Add {name}.")
                message = f"{path_text(full)} is missing"
                self.problems.append(_problem(Code.REQUIRED_ATTRIBUTE, branch, full, message, hint))

    def _attempt(
        self,
        make: Callable[[Node, KeyPath, Attribute], Shape | None],
        node: Node,
        path: KeyPath,
        attribute: Attribute,
    ) -> Shape | None:
        try:
            return make(node, path, attribute)
        except WrongError as error:
            self.problems += error.problems
            return None

    def _attribute(self, node: Node, path: KeyPath, attribute: Attribute) -> Shape | None:
        name = path_text(path)
        if name == "schemas":
            message = "schemas cannot be set: it is made of the attributes that a user has"
            raise _wrong(Code.READ_ONLY_ATTRIBUTE, node, path, message, "Remove it.")
        if attribute.read_only:
            message = f"{name} cannot be set: only the service provider does (RFC 7643)"
            raise _wrong(Code.READ_ONLY_ATTRIBUTE, node, path, message, "Remove it.")
        if attribute.multi_valued:
            return self._many(node, path, attribute)
        return self._one(node, path, attribute)

    def _many(self, node: Node, path: KeyPath, attribute: Attribute) -> Shape | None:
        if isinstance(node, Leaf) and not attribute.is_complex:
            return self._leaf(node, path, attribute, many=True)
        if not isinstance(node, Items):
            raise _list_expected(node, path, attribute)
        entries = (
            self._attempt(self._one, entry, (*path, index), attribute)
            for index, entry in enumerate(node.entries)
        )
        found = tuple(entry for entry in entries if entry is not None)
        return Array(found) if found else None

    def _one(self, node: Node, path: KeyPath, attribute: Attribute) -> Shape | None:
        name = path_text(path)
        if isinstance(node, Items):
            message = f"{name} takes one value, not a list"
            raise _wrong(Code.SINGLE_EXPECTED, node, path, message, "Remove the '-' before the value.")
        if isinstance(node, Branch) and attribute.is_complex:
            shape = self.object(node, path, attribute.sub_attributes)
            return shape if shape.members else None
        if isinstance(node, Branch):
            message = f"{name} takes a value, not keys below it"
            raise _wrong(
                Code.SIMPLE_ATTRIBUTE, node, path, message, f"Write {attribute.name}: and the value."
            )
        if attribute.is_complex:
            first = attribute.sub("value") or attribute.sub_attributes[0]
            message = f"{name} takes keys below it, not a value"
            hint = f"For example {path_text((*path, first.name))}: {node.value}."
            raise _wrong(Code.COMPLEX_ATTRIBUTE, node, path, message, hint)
        return self._leaf(node, path, attribute, many=False)

    def _leaf(self, leaf: Leaf, path: KeyPath, attribute: Attribute, *, many: bool) -> Shape | None:
        shape, name = self._bind(Place(path, attribute, many), leaf), path_text(path)
        if isinstance(shape, Slot):
            return replace(shape, nullable=path in self._clear)
        if shape.value is None and name in REQUIRED:
            raise _wrong(Code.REQUIRED_ATTRIBUTE, leaf, path, f"{name} is blank", _REQUIRED_HINTS[name])
        if shape.value is None:
            return shape if path in self._clear else None
        if many:
            raise _list_expected(leaf, path, attribute)
        return shape

    def _unknown(self, node: Node, path: KeyPath) -> Problem:
        name, last, near = path_text(path), str(path[-1]), self._schema.suggest(path)
        hint = f"Did you mean {near}?" if near and near != name else ""
        if last.lower() == CORE_URN.lower():
            hint = "Attributes of the core schema stand at the top, without its URN."
        elif last.lower().startswith("urn:") and not hint:
            hint = "Name the file of the extension under 'schemas'."
        elif "." in last and self._schema.attribute((*path[:-1], *last.split("."))):
            hint = "Write the keys below each other, each on its own line."
        return _problem(Code.UNKNOWN_ATTRIBUTE, node, path, f"SCIM has no attribute {name}", hint)


def _problem(code: Code, node: Node, path: KeyPath, message: str, hint: str) -> Problem:
    return node.origin.problem(code, message, hint=hint, name=path_text(path))


def _wrong(code: Code, node: Node, path: KeyPath, message: str, hint: str) -> WrongError:
    return WrongError(_problem(code, node, path, message, hint))


def _list_expected(node: Node, path: KeyPath, attribute: Attribute) -> WrongError:
    name = path_text(path)
    hint = "Write a '-' before each value, or one expression that gives a list: {{ X | split(';') }}."
    if attribute.is_complex:
        hint = f"Write a '-' before the first key of each of the {name}."
    return _wrong(Code.LIST_EXPECTED, node, path, f"{name} takes a list", hint)


_REQUIRED_HINTS = {
    "externalId": "Add the key of the record, such as externalId: '{{ EmployeeID }}'.",
    "userName": "Add userName: what the person signs in with.",
    "active": "Add active: '{{ Status == \"Active\" }}', or active: true; accounts without can be disabled.",
}


def _branches(node: Node, path: KeyPath) -> Iterator[tuple[KeyPath, Branch]]:
    """All objects below the top."""
    if isinstance(node, Branch):
        if path:
            yield path, node
        for name, child in node.children.items():
            yield from _branches(child, (*path, name))
    elif isinstance(node, Items):
        for index, entry in enumerate(node.entries):
            yield from _branches(entry, (*path, index))


def with_schemas(user: Object, schema: UserSchema) -> Object:
    """The shape with ``schemas`` for what every user has: core and enterprise (RFC 7643 section 3)."""
    present = {name for name, shape in user.members if is_certain(shape)}
    named = [CORE_URN, ENTERPRISE_URN]
    named += [urn for urn in schema.extensions if urn != ENTERPRISE_URN and urn in present]
    return Object((("schemas", Array(tuple(Constant(urn) for urn in named))), *user.members))


def is_certain(shape: Shape) -> bool:
    """Whether it is there in every user, whatever its expressions give."""
    if isinstance(shape, Constant):
        return True
    if isinstance(shape, Slot):
        return shape.nullable
    if isinstance(shape, Array):
        return any(not slots(entry) for entry in shape.entries)
    return shape.nullable or any(is_certain(member) for _, member in shape.members)


def slots(shape: Shape) -> tuple[Slot, ...]:
    """The expressions in it."""
    if isinstance(shape, Slot):
        return (shape,)
    if isinstance(shape, Object):
        return tuple(slot for _, member in shape.members for slot in slots(member))
    return tuple(slot for entry in shape.entries for slot in slots(entry)) if isinstance(shape, Array) else ()
