"""Checks a mapping without data, all problems at once, and compiles it.

The steps: merge the chain of files (:mod:`scimport.mappings.tree`), put the tree in the shape of the schema
(:mod:`scimport.mappings.shape`), parse its expressions (:mod:`scimport.mappings.expression`), generate what
makes a user of their values (:mod:`scimport.mappings.builder`), and the loop that computes them
(:mod:`scimport.mappings.template`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from jinja2 import nodes

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.builder import Field, build
from scimport.mappings.expression import Expression, parse, parse_condition
from scimport.mappings.functions import Functions, load_functions
from scimport.mappings.lookups import Lookups
from scimport.mappings.resolver import Issue, is_unicode
from scimport.mappings.scim import REQUIRED, UserSchema, json_schema, load_user_schema, path_text
from scimport.mappings.scope import Scope
from scimport.mappings.shape import Constant, Object, Place, Slot, WrongError, shape_user, with_schemas
from scimport.mappings.template import Loop, MappingEnvironment, Probe, compile_loop, compile_probes
from scimport.mappings.tree import Branch, Leaf, Node, Origin, Tree, is_template, merge
from scimport.mappings.values import CONVERTERS, ValueRefusedError
from scimport.model import Problem
from scimport.project.project import LoadedMapping, LoadedSchema

REVISION: Final = 2
"""Counted up whenever the same mapping would make other users of the same rows than before."""

TIMES: Final = (("today",), ("now",))

_LARGEST: Final = 2000
_BARE: Final = ("boolean", "integer", "decimal")
_NEEDS: Final = {
    "boolean": "true or false",
    "integer": "an integer",
    "decimal": "a number",
    "dateTime": "a date and time, such as 2026-01-31T00:00:00Z",
    "binary": "base64",
}


@dataclass(frozen=True, slots=True)
class MappedLeaf:
    """Where the value of an attribute comes from.

    Attributes:
        path: Path of the attribute: ``name.givenName``, ``emails[0].value``, ``enterprise.department``.
        expression: The leaf as it is written.
        columns: Columns that it reads, sorted; () for a constant.
        file: File that it is written in, relative to the project folder; a base's when it is inherited.
        line: Line in that file.
        is_constant: Whether it is the same for every row, because nothing in it depends on one.
        value: The JSON value of a constant.
    """

    path: str
    expression: str
    columns: tuple[str, ...]
    file: str
    line: int | None
    is_constant: bool = False
    value: Any = None


@dataclass
class Parts:
    """What a mapping is made of.

    Attributes:
        tree: The chain of files, merged.
        schema: What a user may have.
        scope: What the expressions speak of.
        environment: What they were parsed in.
        clear: Canonical paths of the attributes that are sent as ``null`` when blank.
        condition: The expression of ``where``.
        fields: The other expressions, in the order of the schema.
        leaves: The same for people, with the constants between them.
        functions: The project's own filters that it names.
        shape: What a user is made of.
    """

    tree: Tree
    schema: UserSchema
    scope: Scope
    environment: MappingEnvironment
    clear: tuple[tuple[str, ...], ...] = ()
    condition: Expression | None = None
    fields: list[Field] = field(default_factory=list)
    leaves: list[MappedLeaf] = field(default_factory=list)
    functions: Functions = field(default_factory=Functions)
    shape: Object = field(init=False)

    def loop(self, skip: Callable[[Callable[[Any], None]], None]) -> Loop:
        """Compiles all of it; ``skip`` is called, with the output, for a row out of scope."""
        expressions = [part for field in self.fields for part in field.expression.parts]
        condition = self.condition.parts[0] if self.condition else None
        emit = build(self.shape, self.fields)
        return compile_loop(self.environment, self.scope, expressions, condition, emit, skip)

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """What evaluates the expression of each field, and of the condition as the last."""
        condition = [self.condition.parts] if self.condition else []
        expressions = [*(field.expression.parts for field in self.fields), *condition]
        return compile_probes(self.environment, self.scope, expressions)

    @cached_property
    def fingerprint(self) -> bytes:
        """16 bytes of all that the users of the same rows depend on."""
        leaves = [[leaf.path, leaf.value if leaf.is_constant else [leaf.expression]] for leaf in self.leaves]
        used = sorted(
            ([repr(path), value] for path, value in self.scope.used.items()), key=lambda item: item[0]
        )
        where = self.condition.source.strip() if self.condition else None
        clear = sorted(path_text(path) for path in self.clear)
        whole = [REVISION, self.scope.columns, where, leaves, used, clear, json_schema(self.schema)]
        tools = [
            [[name, str(self.tree.let[name].value)] for name in sorted(self.scope.let_used)],
            [[name, table.digest.hex()] for name, table in sorted(self.scope.lookups.used.items())],
            self.functions.digest.hex(),
        ]
        whole += [tools] if any(tools) else []
        return hashlib.blake2b(json.dumps(whole, default=str).encode(), digest_size=16).digest()


def compile_parts(
    chain: Sequence[LoadedMapping],
    columns: Sequence[str] | None,
    schemas: Iterable[LoadedSchema],
    now: dt.datetime,
    root: Path | None = None,
) -> Parts:
    """Checks and parses; see :func:`scimport.mappings.mapping.compile_mapping`.

    Args:
        chain: The mapping and those that it extends, base first.
        columns: Columns of the source, None when they are not known.
        schemas: The custom SCIM schemas that the chain names.
        now: Time of the run, with its zone.
        root: The project folder, with the tables and functions of expressions; None for none.

    Raises:
        ConfigError: With all problems.
    """
    schema = load_user_schema((file.file, file.data) for file in schemas)
    tree = merge(chain, schema)
    lookups, functions = Lookups(root), load_functions(chain, root)
    environment = MappingEnvironment({"lookup": lookups.filter, **functions.by_name})
    scope = Scope(columns, tree.vars, now, lookups=lookups)
    parts = Parts(tree, schema, scope, environment, functions=functions)
    checker = _Checker(parts)
    checker.let()
    parts.clear = tuple(dict.fromkeys(checker.clear()))
    shape, problems = shape_user(tree.user, schema, parts.clear, checker.bind)
    checker.condition()
    checker.vars(chain)
    if problems := [*checker.problems, *problems]:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.file, problem.line or 0)))
    parts.shape = with_schemas(shape, schema)
    return parts


class _Checker:
    """Parses the expressions of a mapping, collecting what is wrong."""

    def __init__(self, parts: Parts) -> None:
        self.problems: list[Problem] = []
        self._parts = parts

    def bind(self, place: Place, leaf: Leaf) -> Constant | Slot:
        """Makes the value of a leaf.

        Raises:
            WrongError: It is wrong.
        """
        if not is_template(leaf.value):
            return self._constant(place, leaf, leaf.value)
        parts = self._parts
        expression, issues = parse(parts.environment, parts.scope, leaf.value)
        if issues:
            raise WrongError(*_problems(issues, leaf, place.name))
        if not expression.parts:
            return self._constant(place, leaf, expression.constant)
        if expression.literals is not None:
            _check_text(place, leaf)
        columns = tuple(sorted(expression.columns))
        parts.fields.append(Field(place, leaf, expression))
        parts.leaves.append(MappedLeaf(place.name, leaf.value, columns, leaf.origin.file, leaf.origin.line))
        return Slot(len(parts.fields) - 1)

    def let(self) -> None:
        """Parses what ``let`` names, each with those before it."""
        parts = self._parts
        for name, leaf in parts.tree.let.items():
            if name in (parts.scope.known or ()):
                message = f"let.{name} has the name of a column, which it would hide"
                self._report(Code.BAD_VALUE, leaf.origin, message, "Give it another name.", f"let.{name}")
            expression, issues = parse_condition(parts.environment, parts.scope, str(leaf.value))
            if not isinstance(leaf.value, str):
                expression, issues = Expression("", None, (nodes.Const(leaf.value),)), []
            self.problems += _problems(issues, leaf, f"let.{name}")
            node = expression.parts[0] if expression.parts and not issues else nodes.Const(None)
            if sum(1 for _ in node.find_all(nodes.Expr)) > _LARGEST:
                message = f"let.{name} comes to more than {_LARGEST} operations"
                self._report(Code.TEMPLATE_SYNTAX, leaf.origin, message, "Take it apart.", f"let.{name}")
                node = nodes.Const(None)
            parts.scope.lets[name] = (node, expression.columns)

    def condition(self) -> None:
        """Parses ``where``."""
        leaf, parts = self._parts.tree.where, self._parts
        if leaf is not None:
            expression, issues = parse_condition(parts.environment, parts.scope, leaf.value)
            parts.condition = expression
            self.problems += _problems(issues, leaf, "where")

    def clear(self) -> Iterable[tuple[str, ...]]:
        """The canonical paths of ``clear``."""
        for leaf in self._parts.tree.clear:
            path = self._parts.schema.path(leaf.value)
            if not (wrong := self._wrong_to_clear(path)):
                yield path
                continue
            code, message, hint = wrong
            self._report(code, leaf.origin, message, hint, leaf.value)

    def vars(self, chain: Sequence[LoadedMapping]) -> None:
        """Reports expressions in ``vars``, where they are not evaluated."""
        for mapping in chain:
            for name, value in mapping.config.vars.items():
                if is_template(value):
                    hint = "Write the constant here, and the expression where it is used."
                    origin = Origin(mapping.document, ("vars", name))
                    self._report(
                        Code.BAD_VALUE, origin, f"vars.{name} holds an expression", hint, f"vars.{name}"
                    )

    def _wrong_to_clear(self, path: tuple[str, ...]) -> tuple[Code, str, str] | None:
        schema, name = self._parts.schema, path_text(path)
        attributes = [schema.attribute(path[: end + 1]) for end in range(len(path))]
        last = attributes[-1] if attributes else None
        if last is None:
            near = schema.suggest(path)
            return (
                Code.UNKNOWN_ATTRIBUTE,
                f"SCIM has no attribute {name}",
                f"Did you mean {near}?" if near else "",
            )
        if any(attribute is not None and attribute.multi_valued for attribute in attributes):
            return (
                Code.SINGLE_EXPECTED,
                f"{name} belongs to a list, which cannot be cleared",
                "Remove it from 'clear'.",
            )
        if name in REQUIRED or last.is_extension or last.read_only:
            return Code.BAD_VALUE, f"{name} cannot be cleared", "Remove it from 'clear'."
        if not _is_set(self._parts.tree.user, path):
            message = f"'clear' names {name}, which 'user' does not set: it would be cleared for everybody"
            return Code.BAD_VALUE, message, "Add it to 'user', or remove it from 'clear'."
        return None

    def _constant(self, place: Place, leaf: Leaf, value: object) -> Constant:
        kind, origin = place.attribute.type, leaf.origin
        try:
            found = CONVERTERS[kind](value)
            fits = _is_json(kind, found)
        except ValueRefusedError:
            fits = False
        if not fits:
            message = f"{place.name} takes {_NEEDS.get(kind, 'a text')}"
            hint = "Write it without quotes." if kind in _BARE else "Write a text, in quotes if need be."
            raise WrongError(origin.problem(Code.WRONG_TYPE, message, hint=hint, name=place.name))
        if found is not None:
            mapped = MappedLeaf(place.name, str(leaf.value), (), origin.file, origin.line, True, found)
            self._parts.leaves.append(mapped)
        return Constant(found)

    def _report(self, code: Code, origin: Origin, message: str, hint: str, name: str) -> None:
        self.problems.append(origin.problem(code, message, hint=hint, name=name))


def _check_text(place: Place, leaf: Leaf) -> None:
    """Refuses text around an expression where the attribute takes no text."""
    if place.many:
        code, needed, hint = Code.LIST_EXPECTED, "a list", "Write a '-' before each value."
    elif place.attribute.type in _BARE:
        code, needed = Code.WRONG_TYPE, _NEEDS[place.attribute.type]
        hint = "Write one {{ expression }} and nothing else."
    else:
        return
    message = f"{place.name} takes {needed}, and text around an expression makes a text"
    raise WrongError(leaf.origin.problem(code, message, hint=hint, name=place.name))


def _problems(issues: Sequence[Issue], leaf: Leaf, name: str) -> list[Problem]:
    # A text of several lines is a block, which begins on the line below its key.
    above = 0 if "\n" in str(leaf.value) else 1
    return [
        leaf.origin.problem(issue.code, issue.message, hint=issue.hint, name=name, further=issue.line - above)
        for issue in issues
    ]


def _is_set(node: Node | None, path: Sequence[str]) -> bool:
    if not path:
        return node is not None
    return isinstance(node, Branch) and _is_set(node.children.get(path[0]), path[1:])


def _is_json(kind: str, value: object) -> bool:
    """Whether a constant can be sent as it is."""
    if kind == "dateTime" and isinstance(value, str):
        try:
            return "T" in value and dt.datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            return False
    return not isinstance(value, str) or is_unicode(value)
