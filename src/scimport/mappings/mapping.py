"""A mapping, compiled: rows go in, SCIM users come out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from jinja2 import nodes
from jinja2.exceptions import SecurityError, UndefinedError

from scimport.codes import Code
from scimport.mappings.builder import Field, RequiredBlankError, field_value
from scimport.mappings.compiler import TIMES, MappedLeaf, Parts, compile_parts
from scimport.mappings.expression import Expression
from scimport.mappings.marks import MarkError, spots, unmarked
from scimport.mappings.scim import path_text
from scimport.mappings.shape import Object
from scimport.mappings.template import Loop, Probe
from scimport.mappings.tree import Leaf, Origin
from scimport.mappings.values import ValueRefusedError
from scimport.model import Problem
from scimport.project.project import LoadedMapping, LoadedSchema


class OutOfScope(Enum):
    """The type of :data:`OUT_OF_SCOPE`."""

    OUT_OF_SCOPE = "out of scope"


OUT_OF_SCOPE: Final = OutOfScope.OUT_OF_SCOPE
"""What comes of a row for which ``where`` is false."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What comes of a row of which no user can be made.

    Attributes:
        problems: Why: for each expression that failed its file, line and attribute. Which record it is, is
            left to the caller, who knows.
    """

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class LeafValue:
    """What a leaf gives for one row: its JSON value, None for a blank, or a problem in place of it."""

    leaf: MappedLeaf
    value: Any = field(repr=False)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a mapping does with one row, leaf by leaf.

    Attributes:
        in_scope: Whether ``where`` holds; None when it fails.
        leaves: Each leaf with its value, in the order of the schema; also for a row out of scope.
        problems: All problems, that of ``where`` first.
    """

    in_scope: bool | None
    leaves: tuple[LeafValue, ...]
    problems: tuple[Problem, ...]


Result = dict[str, Any] | Fault | OutOfScope


class Mapping:
    """A compiled mapping; :func:`compile_mapping` makes it.

    Attributes:
        columns: Columns that it reads, sorted: the values of a row, in this order, are what :meth:`users`
            takes.
        uses_time: Whether users depend on ``today`` or ``now``.
        fingerprint: 16 bytes that are others whenever the users of the same rows could be others. Comments,
            line numbers, the order of keys and descriptions are not in it.
        schema: What a user may have.
        clear: Attributes that are sent as ``null`` when blank: paths for
            :func:`scimport.mappings.scim.json_schema`.
        leaves: Where each attribute comes from, in the order of the schema.
        marks: Whether an expression uses the filter ``unique``, so that users may have marks.
    """

    def __init__(self, parts: Parts) -> None:
        self.columns = parts.scope.columns
        self.uses_time = any(path in parts.scope.used for path in TIMES)
        self.fingerprint = parts.fingerprint
        self.schema = parts.schema
        self.clear = tuple(path_text(path) for path in parts.clear)
        self.leaves = tuple(parts.leaves)
        self.marks = any(_marks(part) for field in parts.fields for part in field.expression.parts)
        self._parts = parts

    @cached_property
    def _loop(self) -> Loop:
        # Compiled when rows come: who looks at the files, or at one row leaf by leaf, needs none.
        return self._parts.loop(_skip)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The leaves that are no constants, in the order of the schema, with their parsed expressions."""
        return tuple(self._parts.fields)

    @property
    def shape(self) -> Object:
        """What users are made of, with the places of the expressions of :attr:`fields`."""
        return self._parts.shape

    @property
    def where(self) -> Leaf | None:
        """``where`` as it is written."""
        return self._parts.tree.where

    @property
    def condition(self) -> Expression | None:
        """The parsed expression of ``where``."""
        return self._parts.condition

    def users(self, rows: Sequence[Sequence[object]], *, keep_marks: bool = False) -> list[Result]:
        """Makes users of rows; best some 50 at a time, which stay in the processor's cache.

        Args:
            rows: The values of :attr:`columns`, in that order, of each row.
            keep_marks: Leave the marks of ``unique`` in users (:mod:`scimport.mappings.marks`); else each
                value is taken for free.

        Returns:
            For each row, in order, its user (keys in the order of the schema, so that ``orjson.dumps`` is
            canonical), a :class:`Fault`, or :data:`OUT_OF_SCOPE`. An error of one row touches no other.

        Raises:
            ValueError: A row does not have as many values as there are columns.
        """
        users: list[Result] = []
        remaining, loop = iter(rows), self._loop
        while len(users) < len(rows):
            try:
                loop.run(remaining, users.append)
            except Exception as error:  # noqa: BLE001 - an expression can raise anything
                users.append(self._fault(rows[len(users)], error))
        return users if keep_marks or not self.marks else [_without_marks(user) for user in users]

    def explain(self, row: Sequence[object]) -> Explanation:
        """Evaluates a row leaf by leaf, for people to see.

        Args:
            row: The values of :attr:`columns`, in that order.

        Raises:
            ValueError: The row does not have as many values as there are columns.
        """
        values = dict(zip(self.columns, row, strict=True))
        in_scope, problem = self._in_scope(values)
        leaves = tuple(self._leaf_values(values))
        found = (problem, *(leaf.problem for leaf in leaves))
        return Explanation(in_scope, leaves, tuple(problem for problem in found if problem is not None))

    def explain_leaf(self, path: str, row: Sequence[object]) -> LeafValue:
        """Evaluates one leaf for a row.

        Args:
            path: The path of a leaf that is no constant.
            row: As for :meth:`explain`.
        """
        return _leaf_value(*self._evaluated[path], dict(zip(self.columns, row, strict=True)))

    @cached_property
    def _evaluated(self) -> dict[str, tuple[MappedLeaf, Field, Probe]]:
        leaves = (leaf for leaf in self.leaves if not leaf.is_constant)
        found = zip(leaves, self._parts.fields, self._parts.probes, strict=False)
        return {leaf.path: (leaf, field, probe) for leaf, field, probe in found}

    def _in_scope(self, values: dict[str, object]) -> tuple[bool | None, Problem | None]:
        where = self._parts.tree.where
        if where is None:
            return True, None
        try:
            return bool(self._parts.probes[-1](values)[0]), None
        except Exception as error:  # noqa: BLE001 - an expression can raise anything
            return None, _failure(error, "where", where.value, where.origin)

    def _leaf_values(self, values: dict[str, object]) -> Iterator[LeafValue]:
        for leaf in self.leaves:
            if leaf.is_constant:
                yield LeafValue(leaf, leaf.value)
            else:
                yield _leaf_value(*self._evaluated[leaf.path], values)

    def _fault(self, row: Sequence[object], error: Exception) -> Fault:
        found = self.explain(row)
        # A row that fails in `where` is not known to be in scope, so its leaves say nothing.
        problems = found.problems[:1] if found.in_scope is None else found.problems
        return Fault(problems or (_failure(error, "user", "", self._parts.tree.user.origin),))


def compile_mapping(
    chain: Sequence[LoadedMapping],
    columns: Sequence[str] | None,
    *,
    schemas: Iterable[LoadedSchema] = (),
    now: dt.datetime,
    root: Path | None = None,
) -> Mapping:
    """Compiles a mapping, after checking all that can be checked without data.

    Args:
        chain: The mapping and those that it extends, base first.
        columns: Columns of the source; None when they are not known, and any name is taken for a column.
        schemas: The custom SCIM schemas that the chain names.
        now: Time of the run, with its zone: what ``now`` is in an expression; ``today`` is its date.
        root: The project folder, in which the tables of ``lookup`` and the project's own functions are.

    Raises:
        ConfigError: With every problem of the chain, each with file, line, attribute and, where there is one,
            a hint.
    """
    return Mapping(compile_parts(chain, columns, schemas, now, root))


def broken(error: MarkError) -> Fault:
    """What comes of a user with a mark of ``unique`` that cannot be read."""
    hint = "Put it last: {{ ... | lower | unique }}, with text around the braces if need be."
    return Fault((Problem(Code.EXPRESSION_FAILED, str(error), hint=hint),))


def _marks(part: nodes.Node) -> bool:
    filters = [part, *part.find_all(nodes.Filter)]
    return any(isinstance(node, nodes.Filter) and node.name == "unique" for node in filters)


def _without_marks(user: Result) -> Result:
    if isinstance(user, dict):
        try:
            for spot in spots(user):
                spot.put(spot.marked.base)
        except MarkError as error:
            return broken(error)
    return user


def _skip(out: Callable[[Result], None]) -> None:
    out(OUT_OF_SCOPE)


def _leaf_value(
    leaf: MappedLeaf,
    item: Field,
    probe: Probe,
    values: dict[str, object],
) -> LeafValue:
    try:
        return LeafValue(leaf, unmarked(field_value(item, probe(values))))
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        return LeafValue(leaf, None, _failure(error, leaf.path, leaf.expression, item.leaf.origin))


def _failure(error: Exception, name: str, expression: str, origin: Origin) -> Problem:
    if isinstance(error, RequiredBlankError):
        message = f"{name} is blank: {_short(expression)}"
        hint = "Correct the record, or give the expression a default: {{ ... | default(...) }}."
        return origin.problem(Code.REQUIRED_ATTRIBUTE, message, hint=hint, name=name)
    reason, hint = _reason(error)
    message = f"{name} cannot be made by {_short(expression)}: {reason}"
    problem = origin.problem(Code.EXPRESSION_FAILED, message, hint=hint, name=name)
    return replace(problem, value=str(error)[:200])


def _reason(error: Exception) -> tuple[str, str]:
    """What went wrong, without any value of the row; messages of others may hold one."""
    if isinstance(error, ValueRefusedError):
        return str(error), "Convert it with a filter, or correct the record."
    if type(error) is ValueError and _is_ours(error):
        return str(error), "Correct the record, or catch the case in the expression."
    for kind, reason, hint in _REASONS:
        if isinstance(error, kind):
            return reason, hint
    return f"it raises {type(error).__name__}", ""


def _is_ours(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("scimport.")


def _short(expression: str) -> str:
    text = " ".join(expression.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


_BLANK_HINT: Final = "A blank of SQL is None: join texts with ~ instead of +, or use default."
_REASONS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...]] = (
    (SecurityError, "it does what is not allowed here", "Use a filter."),
    (UndefinedError, "a key or a method that it uses is not there", "Use default for what may be missing."),
    (ZeroDivisionError, "it divides by zero", ""),
    (LookupError, "an item that it uses is not there", ""),
    (TypeError, "a value has the wrong type for it", _BLANK_HINT),
    (ValueError, "a value does not suit it", ""),
)
