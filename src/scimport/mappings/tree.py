"""A chain of mapping files as one tree that knows where each part of it comes from.

A mapping that ``extends`` another changes it attribute by attribute. What a derived file says wins, leaf by
leaf:

- keys are merged, at every depth;
- ``null`` removes what the base says, and takes it from an inherited ``clear`` too;
- a list replaces the list of the base, unless every entry of both has its own constant ``type``, as
  ``emails`` and ``phoneNumbers`` have: then entries of the same type are merged, other types are added
  behind, and an entry of which only ``type`` and ``primary`` are left is gone;
- ``vars`` and ``let`` are merged key by key, ``schemas`` added up, ``where`` and ``clear`` replaced
  (``where: null`` lifts it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scimport.codes import Code
from scimport.mappings.scim import ALIASES, UserSchema
from scimport.model import Problem
from scimport.project.document import Document, KeyPath
from scimport.project.project import LoadedMapping

_OPENING: Final = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of a tree was written.

    Attributes:
        document: The file.
        path: Keys and list positions in that file, from its top.
    """

    document: Document = field(repr=False)
    path: KeyPath

    @property
    def file(self) -> str:
        """The file, relative to the project folder."""
        return self.document.file

    @property
    def line(self) -> int | None:
        """The line in it, counted from 1."""
        return self.document.line(self.path)

    def problem(
        self, code: Code, message: str, *, hint: str = "", name: str = "", further: int = 0
    ) -> Problem:
        """Describes what is wrong here.

        Args:
            code: Kind of problem.
            message: What is wrong.
            hint: What to do.
            name: What it is about: an attribute path or a key.
            further: How many lines below the key it is.
        """
        line = self.line + further if self.line is not None else None
        return Problem(code, message, hint=hint, file=self.file, line=line, field=name)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value: a template, or a constant as YAML has it."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Branch:
    """Keys with what is below each; an alias of an extension is replaced by its URN."""

    children: Mapping[str, Node]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Items:
    """The entries of a list."""

    entries: tuple[Node, ...]
    origin: Origin


Node = Leaf | Branch | Items


@dataclass(frozen=True, slots=True)
class Tree:
    """What a chain of mapping files comes to.

    Attributes:
        user: The SCIM user, every leaf with its origin.
        vars: Constants for the expressions.
        let: Expressions by name, each for those behind it.
        where: Expression that rows in scope satisfy, None for all rows.
        clear: Paths of attributes that are sent as ``null`` when blank, as they are written.
    """

    user: Branch
    vars: Mapping[str, Any]
    where: Leaf | None
    clear: tuple[Leaf, ...]
    let: Mapping[str, Leaf] = field(default_factory=dict)


def merge(chain: Sequence[LoadedMapping], schema: UserSchema) -> Tree:
    """Merges a mapping with those that it extends.

    Args:
        chain: The mappings, base first; at least one.
        schema: What a user may have; tells which paths are the same.
    """
    tree = Tree(Branch({}, Origin(chain[0].document, ("user",))), {}, None, ())
    for mapping in chain:
        tree = _extend(tree, mapping, schema)
    return tree


def is_template(value: object) -> bool:
    """Whether a leaf has anything for Jinja in it; a text without is a constant as it stands."""
    return isinstance(value, str) and any(opening in value for opening in _OPENING)


def _extend(base: Tree, mapping: LoadedMapping, schema: UserSchema) -> Tree:
    document, config = mapping.document, mapping.config
    merger = _Merger(document)
    user = merger.branch(base.user, config.user, ("user",), ALIASES)
    clear = tuple(leaf for leaf in base.clear if not merger.removed_above(schema.path(leaf.value)))
    if "clear" in document.data:
        clear = tuple(_leaf(document, text, "clear", index) for index, text in enumerate(config.clear))
    where = base.where
    if "where" in document.data:
        where = _leaf(document, config.where, "where") if config.where is not None else None
    let = {**base.let, **{name: _leaf(document, value, "let", name) for name, value in config.let.items()}}
    let = {name: leaf for name, leaf in let.items() if leaf.value is not None}
    return Tree(user, _merged(base.vars, config.vars), where, clear, let)


def _leaf(document: Document, value: Any, *path: str | int) -> Leaf:
    return Leaf(value, Origin(document, path))


def _merged(base: Mapping[str, Any], derived: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in derived.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged


class _Merger:
    """Puts one file's tree over another, noting what it removes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._removed: list[tuple[str, ...]] = []

    def removed_above(self, path: tuple[str, ...]) -> bool:
        """Whether the file removed the attribute at a path, or one that it belongs to."""
        return any(path[: len(removed)] == removed for removed in self._removed)

    def branch(
        self,
        base: Node | None,
        data: Mapping[str, Any],
        path: KeyPath,
        names: Mapping[str, str] | None = None,
    ) -> Branch:
        children = dict(base.children) if isinstance(base, Branch) else {}
        for key, value in data.items():
            name = (names or {}).get(key, key)
            node = self._node(
                children.pop(name, None) if value is None else children.get(name), value, (*path, key)
            )
            if node is not None:
                children[name] = node
        return Branch(children, Origin(self._document, path))

    def _node(self, base: Node | None, value: object, path: KeyPath) -> Node | None:
        if isinstance(value, dict):
            return self.branch(base, value, path)
        if isinstance(value, list):
            return self._items(base, value, path)
        if value is None:
            self._remove(path)
            return None
        return Leaf(value, Origin(self._document, path))

    def _remove(self, path: KeyPath) -> None:
        # Below a list there is nothing that `clear` could name.
        if all(isinstance(key, str) for key in path):
            _, first, *rest = (str(key) for key in path)
            self._removed.append((ALIASES.get(first, first), *rest))

    def _items(self, base: Node | None, values: list[Any], path: KeyPath) -> Items:
        origin = Origin(self._document, path)
        entries = self._entries(values, path)
        below = _by_type(base.entries) if isinstance(base, Items) else None
        above = _by_type(entries)
        if not below or not above:
            return Items(entries, origin)
        merged: dict[str, Node] = dict(below)
        for index, value in enumerate(values):
            if value is not None:
                node = self.branch(below.get(value["type"]), value, (*path, index))
                merged[value["type"]] = node
                if None in value.values() and node.children.keys() <= {"type", "primary"}:
                    del merged[value["type"]]
        return Items(tuple(merged.values()), origin)

    def _entries(self, values: list[Any], path: KeyPath) -> tuple[Node, ...]:
        nodes = (self._node(None, value, (*path, index)) for index, value in enumerate(values))
        return tuple(node for node in nodes if node is not None)


def _by_type(entries: Sequence[Node]) -> dict[str, Branch] | None:
    """The entries by their constant ``type``, None unless each has one of its own."""
    found: dict[str, Branch] = {}
    for entry in entries:
        kind = entry.children.get("type") if isinstance(entry, Branch) else None
        if not isinstance(entry, Branch) or not isinstance(kind, Leaf) or not isinstance(kind.value, str):
            return None
        if is_template(kind.value) or kind.value in found:
            return None
        found[kind.value] = entry
    return found
