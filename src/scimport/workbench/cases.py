"""Runs the tests of a mapping: made-up rows through the real engine, without source, state or network."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.attributes import path_text
from scimport.mappings.mapping import Mapping as CompiledMapping
from scimport.mappings.mapping import compile_mapping
from scimport.mappings.scim import ALIASES
from scimport.mappings.validation import UserValidator
from scimport.model import Problem
from scimport.plan.records import Input, Mapper, Record, Row
from scimport.project.cases import CaseConfig, LoadedCases
from scimport.project.document import KeyPath
from scimport.project.project import LoadedMapping, Project
from scimport.project.source_config import AnySourceConfig
from scimport.project.values import did_you_mean
from scimport.sources.base import Columns
from scimport.sources.cells import given_cell
from scimport.sources.contract import compile_contract

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what comes of a row is not as a test expects.

    Attributes:
        file: The file of the test.
        line: Line of the expectation.
        attribute: What it is about: the path of an attribute, or ``invalid`` or ``out of scope``.
        expected: What is expected, as people read it.
        got: What came instead.
        origin: What makes the value: its expression, and its file and line; empty when there is none.
    """

    file: str
    line: int | None
    attribute: str
    expected: str
    got: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test came to.

    Attributes:
        file: Its file.
        line: Its line there.
        cases: Name of the file, without suffix.
        name: What the test says.
        differences: All of them; none when it passes.
    """

    file: str
    line: int | None
    cases: str
    name: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences


class Bench:
    """A mapping on the bench: compiled, with the contract of its source, ready for rows by column.

    Args:
        project: The project folder.
        chain: The mapping with those that it extends, base first.
        source: What the file of the source says; None without one, and rows are checked by no contract.
        now: What ``now`` is.

    Raises:
        ConfigError: The mapping is wrong.
    """

    def __init__(
        self,
        project: Project,
        chain: Sequence[LoadedMapping],
        source: AnySourceConfig | None,
        now: dt.datetime,
    ) -> None:
        self._source = source
        schemas = project.schemas(chain)
        self.mapping: CompiledMapping = compile_mapping(
            chain, None, schemas=schemas, now=now, root=project.root
        )
        contract = compile_contract(source.columns if source else {})
        key = source.key if source else None
        listed = source.columns if source else ()
        names = (*self.mapping.columns, *contract.columns, *listed, *((key,) if key else ()))
        self.columns = tuple(dict.fromkeys(names)) or ("",)
        """Every column that something reads."""
        self._input = Input(
            source=Columns(self.columns),
            key=key or self.columns[0],
            mapping=self.mapping,
            validator=UserValidator(self.mapping.schema, nullable=self.mapping.clear),
            contract=contract,
            trim=source.trim if source else True,
        )
        self._mapper = Mapper(self._input)

    def record(self, given: Mapping[str, Any]) -> Record | None:
        """What comes of a row, by column: its record, or None when it is out of scope."""
        values = [self._cell(name, given.get(name)) for name in self.columns]
        picked = self._mapper.pick(values)
        key = str(picked[self._mapper.key] or "").strip() if self._source else "1"
        found = self._mapper.records([Row(key, 1, b"", None, picked)])
        return found[0] if found else None

    def _cell(self, name: str, value: Any) -> object:
        return given_cell(self._source, name, value) if self._source else value


def source_of(project: Project, cases: LoadedCases) -> AnySourceConfig | None:
    """The source whose contract the rows of tests keep to: the one they name, or that of a pipeline.

    Raises:
        ConfigError: A pipeline or the source is wrong.
    """
    name = cases.config.source
    if name is None:
        pipelines = [project.pipeline(one).config for one in project.pipeline_names]
        name = next((one.source for one in pipelines if one.mapping == cases.mapping), None)
    return project.source(name).config if name else None


@dataclass(frozen=True)
class Run:
    """The tests of one file, and the mapping that they are run with.

    Attributes:
        project: The project folder.
        cases: The tests.
        chain: The mapping with those that it extends, base first.
    """

    project: Project
    cases: LoadedCases
    chain: Sequence[LoadedMapping] = field(repr=False)

    @cached_property
    def bench(self) -> Bench:
        """The mapping, compiled.

        Raises:
            ConfigError: It, or what the tests say of it, is wrong.
        """
        bench = Bench(self.project, self.chain, source_of(self.project, self.cases), self.cases.now)
        if problems := [*_wrong_columns(self.cases, bench), *_wrong_attributes(self.cases, bench)]:
            raise ConfigError(problems)
        return bench

    def verdict(self, index: int) -> Verdict:
        """Run one test.

        Raises:
            ConfigError: The mapping or the file of the tests is wrong.
        """
        case, document = self.cases.config.tests[index], self.cases.document
        record = self.bench.record({**self.cases.config.given, **case.given})
        differences = tuple(_Comparison(self, index, case).differences(record))
        line = document.line(("tests", index, "name"))
        return Verdict(document.file, line, self.cases.name, case.name, differences)

    def verdicts(self) -> Iterator[Verdict]:
        """Run all tests of the file, in order."""
        return (self.verdict(index) for index in range(len(self.cases.config.tests)))


def run_of(project: Project, cases: LoadedCases) -> Run:
    """The tests of a file with the mapping as it is in the project.

    Raises:
        ConfigError: A file of the mapping is wrong.
    """
    return Run(project, cases, project.mapping_chain(cases.mapping))


def _wrong_columns(cases: LoadedCases, bench: Bench) -> Iterator[Problem]:
    """Cells that nothing reads: more often a slip of the keyboard than meant."""
    givens = [(("given",), cases.config.given)]
    givens += [(("tests", n, "given"), case.given) for n, case in enumerate(cases.config.tests)]  # type: ignore[misc]
    for path, given in givens:
        for name in given:
            if name not in bench.columns:
                message = f"neither the mapping nor the contract has a column {name}"
                hint = did_you_mean(name, bench.columns) or "Remove it: nothing depends on it."
                yield cases.document.problem(Code.UNKNOWN_COLUMN, (*path, name), message, hint)


def _wrong_attributes(cases: LoadedCases, bench: Bench) -> Iterator[Problem]:
    schema = bench.mapping.schema
    for index, case in enumerate(cases.config.tests):
        for path, _ in leaves(case.expect or {}, ()):
            if schema.attribute([key for key in path if isinstance(key, str)]) is None:
                near = schema.suggest([key for key in path if isinstance(key, str)])
                hint = f"Did you mean {near}?" if near else ""
                where = ("tests", index, "expect", *path)
                message = f"SCIM has no attribute {path_text(path)}"
                yield cases.document.problem(Code.UNKNOWN_ATTRIBUTE, where, message, hint)


def leaves(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Every value that is no object and no list, with its path as written."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


class _Comparison:
    """Compares what came of a row with what a test expects."""

    def __init__(self, run: Run, index: int, case: CaseConfig) -> None:
        self._document, self._index, self._case = run.cases.document, index, case
        self._origins = {
            leaf.path: f"{' '.join(leaf.expression.split())}  ({leaf.file}:{leaf.line})"
            for leaf in run.bench.mapping.leaves
        }

    def differences(self, record: Record | None) -> Iterator[Difference]:
        case = self._case
        if case.out_of_scope:
            if record is not None:
                yield self._difference(("out_of_scope",), "out of scope", "out of scope", _came(record))
        elif case.invalid is not None:
            yield from self._refused(case, record)
        elif record is None or record.problems:
            yield self._difference(("expect",), "user", "a user", _came(record))
        else:
            yield from self._same(case.expect, record.user, (), ())

    def _refused(self, case: CaseConfig, record: Record | None) -> Iterator[Difference]:
        problems = record.problems if record else ()
        about = [one for one in problems if case.field in (None, one.field)]
        if not any(one.code == case.invalid for one in about):
            expected = f"{case.invalid} of {case.field}" if case.field else f"{case.invalid}"
            yield self._difference(("invalid",), "invalid", expected, _came(record))

    def _same(self, expected: Any, got: Any, written: KeyPath, path: KeyPath) -> Iterator[Difference]:
        """What differs at a path: as it is written in the test, and as the user has it."""
        if isinstance(expected, dict) and isinstance(got, dict):
            yield from self._same_object(expected, got, written, path)
        elif isinstance(expected, list) and isinstance(got, list) and _are_objects(expected):
            yield from self._same_list(expected, got, written, path)
        elif not _is_same(expected, got):
            yield self._difference(("expect", *written), path_text(path), _shown(expected), _shown(got), path)

    def _same_object(
        self, expected: dict[str, Any], got: dict[str, Any], written: KeyPath, path: KeyPath
    ) -> Iterator[Difference]:
        names = {key if path else ALIASES.get(key, key): key for key in expected}
        for name, key in names.items():
            yield from self._same(expected[key], got.get(name, _ABSENT), (*written, key), (*path, name))
        if self._case.exact:
            for name, value in got.items():
                if name not in names and (path or name != "schemas"):
                    yield self._extra((*path, name), value, written)

    def _same_list(
        self, expected: list[dict[str, Any]], got: list[Any], written: KeyPath, path: KeyPath
    ) -> Iterator[Difference]:
        places = list(_places(expected, got))
        for index, (entry, place) in enumerate(zip(expected, places, strict=True)):
            found = got[place] if place is not None else _ABSENT
            where = (*path, place if place is not None else index)
            yield from self._same(entry, found, (*written, index), where)
        if self._case.exact:
            for place, value in enumerate(got):
                if place not in places:
                    yield self._extra((*path, place), value, written)

    def _extra(self, path: KeyPath, value: Any, written: KeyPath) -> Difference:
        return self._difference(("expect", *written), path_text(path), "nothing", _shown(value), path)

    def _difference(
        self, written: KeyPath, name: str, expected: str, got: str, path: KeyPath = ()
    ) -> Difference:
        line = self._document.line(("tests", self._index, *written))
        origin = self._origins.get(path_text(path), "") if path else ""
        return Difference(self._document.file, line, name, expected, got, origin)


def _is_same(expected: Any, got: Any) -> bool:
    if got is _ABSENT or got is None:
        empty = isinstance(expected, dict) and all(_is_same(item, _ABSENT) for item in expected.values())
        return expected is None or empty
    return bool(expected == got) and isinstance(expected, bool) == isinstance(got, bool)


def _are_objects(entries: list[Any]) -> bool:
    return bool(entries) and all(isinstance(entry, dict) for entry in entries)


def _places(expected: list[dict[str, Any]], got: list[Any]) -> Iterator[int | None]:
    """Which entry of the user each expected one is: that of its type, or the one at its place."""
    kinds = [entry.get("type") for entry in expected]
    by_type = None not in kinds and len(set(map(str, kinds))) == len(kinds)
    for index, kind in enumerate(kinds):
        if by_type:
            yield next(
                (n for n, one in enumerate(got) if isinstance(one, dict) and one.get("type") == kind), None
            )
        else:
            yield index if index < len(got) else None


def _came(record: Record | None) -> str:
    if record is None:
        return "out of scope"
    if not record.problems:
        return "a user"
    return "; ".join(f"{one.code} of {one.field}: {one.message}" for one in record.problems)


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT or value is None else json.dumps(value, ensure_ascii=False)
