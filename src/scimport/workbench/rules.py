"""What is not wrong in a mapping, but will be: the rules of ``scimport check`` beyond its errors.

A rule is a function from a :class:`Subject` to findings. Rules look at the files alone. They never read a
record; where a rule asks what comes of a blank, it evaluates an expression for a row that it makes up as the
contract has it. A finding is switched off by ``allow`` in the mapping, with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from jinja2 import nodes

from scimport.codes import Code
from scimport.mappings.builder import Field
from scimport.mappings.lookups import FOLDER as LOOKUPS
from scimport.mappings.mapping import LeafValue
from scimport.mappings.mapping import Mapping as CompiledMapping
from scimport.mappings.tree import Origin
from scimport.model import Problem, Severity
from scimport.project.config import MappingConfig
from scimport.project.project import LoadedMapping, LoadedSource, Pipeline, Project
from scimport.project.source_config import AnySourceConfig, ColumnContract
from scimport.project.values import did_you_mean

_DOMAIN: Final = re.compile(r"@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_VARS: Final = re.compile(r"\bvars\b(?:\.(\w+)|\[\s*[\"'](\w+)[\"']\s*\])?")
# The rows of the default attribute mappings; other types go nowhere.
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "emails": ("work",),
    "phoneNumbers": ("work", "mobile", "fax"),
    "addresses": ("work",),
}


@dataclass(frozen=True)
class Subject:
    """What the rules look at: a pipeline with its source's file and its compiled mapping.

    Attributes:
        project: The project folder.
        pipeline: The pipeline.
        source: Its source's file.
        chain: Its mapping with those that it extends, base first.
        mapping: The same, compiled.
    """

    project: Project
    pipeline: Pipeline
    source: LoadedSource
    chain: Sequence[LoadedMapping]
    mapping: CompiledMapping

    @property
    def config(self) -> AnySourceConfig:
        """What the source's file says."""
        return self.source.config

    def is_certain(self, column: str) -> bool:
        """Whether no record with a blank in a column is ever sent."""
        rule = self.config.columns.get(column)
        return column == self.config.key or (rule is not None and rule.required)

    @cached_property
    def row(self) -> dict[str, object]:
        """A value for every column that the mapping reads, such as the contract allows."""
        return {name: _plausible(self.config.columns.get(name)) for name in self.mapping.columns}

    @cached_property
    def blank(self) -> object:
        """What a blank is in this source."""
        return None if self.config.kind == "sql" else ""

    def value(self, path: str, row: Mapping[str, object]) -> LeafValue:
        """What a leaf gives for a row."""
        return self.mapping.explain_leaf(path, [row[name] for name in self.mapping.columns])


Rule = Callable[[Subject], Iterator[Problem]]


def findings(subject: Subject, *, notes: bool = True) -> tuple[Problem, ...]:
    """All that the rules find and ``allow`` does not switch off, in the order of files and lines.

    Args:
        subject: What they look at.
        notes: Whether the rules that only make notes are asked, too.
    """
    asked = {code for code, severity in RULES.items() if notes or severity is not Severity.NOTE}
    found = [
        replace(one, severity=RULES[code])
        for code, rule in _ALL.items()
        for one in (rule(subject) if code in asked else ())
    ]
    allowed, used = _allowances(subject.chain), set()
    kept = []
    for problem in dict.fromkeys(found):
        matching = [index for index, (_, allow) in enumerate(allowed) if _covers(allow, problem)]
        used.update(matching)
        if not matching:
            kept.append(problem)
    unasked = {index for index, (_, allow) in enumerate(allowed) if allow.rule in RULES.keys() - asked}
    kept += _idle(allowed, used | unasked)
    return tuple(sorted(kept, key=lambda one: (one.file, one.line or 0, one.field)))


def _allowances(chain: Iterable[LoadedMapping]) -> list[tuple[Origin, Any]]:
    return [
        (Origin(mapping.document, ("allow", index)), allow)
        for mapping in chain
        for index, allow in enumerate(mapping.config.allow)
    ]


def _covers(allow: Any, problem: Problem) -> bool:
    return allow.rule == problem.code and allow.at in (None, problem.field)


def _idle(allowed: Sequence[tuple[Origin, Any]], used: set[int]) -> Iterator[Problem]:
    for index, (origin, allow) in enumerate(allowed):
        if allow.rule not in RULES:
            message = f"allow names {allow.rule}, which is no rule that can be switched off"
            yield replace(origin.problem(Code.BAD_VALUE, message, hint=did_you_mean(allow.rule, RULES)))
        elif index not in used:
            message = f"nothing is found that allow of {allow.rule} would switch off"
            problem = origin.problem(Code.UNUSED_ALLOW, message, hint="Remove it.", name=allow.at or "")
            yield replace(problem, severity=RULES[Code.UNUSED_ALLOW])


# the rules


def active_on_blank(subject: Subject) -> Iterator[Problem]:
    """A blank cell must not deactivate anybody."""
    field = _field(subject, "active")
    if field is None:
        return
    for column in sorted(field.expression.columns):
        if subject.is_certain(column):
            continue
        value = subject.value("active", {**subject.row, column: subject.blank}).value
        if value is False:
            message = f"active becomes false when {column} is blank"
            hint = (
                f"Say {column}: {{required: true}} in {subject.source.document.file}, or compare otherwise."
            )
            yield field.leaf.origin.problem(Code.ACTIVE_ON_BLANK, message, hint=hint, name="active")


def fails_on_blank(subject: Subject) -> Iterator[Problem]:
    """An expression that works, and fails when a column is blank that may be blank."""
    for field in subject.mapping.fields:
        name = field.place.name
        if name == "active" or subject.value(name, subject.row).problem is not None:
            continue
        for column in sorted(field.expression.columns):
            if subject.is_certain(column):
                continue
            problem = subject.value(name, {**subject.row, column: subject.blank}).problem
            if problem is not None:
                why = problem.message.rpartition(": ")[2]
                if problem.code is Code.REQUIRED_ATTRIBUTE:
                    why = "every user needs it"
                message = f"{name} fails when {column} is blank: {why}"
                hint = f"Use default, or require {column} in {subject.source.document.file}."
                yield field.leaf.origin.problem(Code.FAILS_ON_BLANK, message, hint=hint, name=name)


def hard_coded_domain(subject: Subject) -> Iterator[Problem]:
    """A domain that stands in an expression, where ``vars`` would name it once."""
    for field in subject.mapping.fields:
        texts = [*(field.expression.literals or ()), *_texts(field)]
        if any(_DOMAIN.search(text) for text in texts) and _DOMAIN.search(str(field.leaf.value)):
            name = field.place.name
            message = f"{name} has a domain written into it"
            hint = "Name it once: vars: {domain: ...}, and write @{{ vars.domain }}."
            yield field.leaf.origin.problem(Code.HARD_CODED_DOMAIN, message, hint=hint, name=name)


def date_without_time(subject: Subject) -> Iterator[Problem]:
    """A date alone, in an attribute that is a text: Entra reads date-times with a time and a zone."""
    for field in subject.mapping.fields:
        parts, name = field.expression.parts, field.place.name
        is_text = field.place.attribute.type == "string" and field.expression.literals is None
        if is_text and isinstance(parts[0], nodes.Filter) and parts[0].name in ("date", "add_days"):
            message = f"{name} gets a date without a time"
            hint = "Use datetime in place of date; Entra takes 2026-02-01T00:00:00Z."
            yield field.leaf.origin.problem(Code.DATE_WITHOUT_TIME, message, hint=hint, name=name)


def ignored_type(subject: Subject) -> Iterator[Problem]:
    """An entry of a list whose type the apps' attribute mappings do not know."""
    for leaf in subject.mapping.leaves:
        found = re.fullmatch(r"(emails|phoneNumbers|addresses)\[(\d+)\]\.type", leaf.path)
        if found and leaf.is_constant and leaf.value not in _TYPES[found[1]]:
            message = f"Entra does not read {found[1]} of type {leaf.value}"
            hint = f"It reads {', '.join(_TYPES[found[1]])}."
            yield Problem(
                Code.IGNORED_TYPE, message, hint=hint, file=leaf.file, line=leaf.line, field=leaf.path
            )


def lookup_missing_keys(subject: Subject) -> Iterator[Problem]:
    """A value that the contract allows, and that a table of ``lookup`` does not have."""
    for field in subject.mapping.fields:
        parts, name = field.expression.parts, field.place.name
        if not any(_looks_up(node) for part in parts for node in (part, *part.find_all(nodes.Filter))):
            continue
        for column in sorted(field.expression.columns):
            rule = subject.config.columns.get(column)
            for value in (rule.values or ()) if rule else ():
                problem = subject.value(name, {**subject.row, column: value}).problem
                if problem is not None and f"{LOOKUPS}/" in problem.message:
                    message = (
                        f"a table of {name} does not have {value}, which the contract of {column} allows"
                    )
                    hint = "Add it to the table, or give lookup a default."
                    yield field.leaf.origin.problem(Code.LOOKUP_MISSING_KEYS, message, hint=hint, name=name)


def _looks_up(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "lookup"


def unmapped_attribute(subject: Subject) -> Iterator[Problem]:
    """An attribute that the app's default attribute mapping has no row for."""
    from scimport.workbench.targets import target_attributes  # noqa: PLC0415 - a part of the sandbox

    target = subject.pipeline.config.app.target
    for leaf in subject.mapping.leaves:
        if re.search(r"\.(type|primary|display)$", leaf.path) or target_attributes(
            target, subject.mapping, leaf
        ):
            continue
        message = f"the default attribute mapping of the app ({target}) does not take {leaf.path}"
        hint = "Add it to the app's attribute mapping, or leave it out."
        yield Problem(
            Code.UNMAPPED_ATTRIBUTE, message, hint=hint, file=leaf.file, line=leaf.line, field=leaf.path
        )


def column_not_in_contract(subject: Subject) -> Iterator[Problem]:
    """A column that the mapping reads, and that the contract does not ask for."""
    document = subject.source.document
    for name in subject.mapping.columns:
        if name not in subject.config.columns and name != subject.config.key:
            near = get_close_matches(name, subject.config.columns, n=1, cutoff=0.85)
            message = f"{subject.chain[-1].document.file} reads {name}, which the contract does not name"
            hint = (
                f"Did you mean '{near[0]}'?"
                if near
                else f"Write {name}: below columns:, so that a renamed column stops the run."
            )
            yield document.problem(Code.COLUMN_NOT_IN_CONTRACT, ("columns", name), message, hint)


def unused_column(subject: Subject) -> Iterator[Problem]:
    """A column of the contract without a rule, which the mapping does not read either."""
    document = subject.source.document
    for name, rule in subject.config.columns.items():
        free = rule is None or rule == ColumnContract()
        if free and name not in subject.mapping.columns and name != subject.config.key:
            message = f"{name} is in the contract without a rule, and no expression reads it"
            yield document.problem(Code.UNUSED_COLUMN, ("columns", name), message, "Remove it, or use it.")


def unused_var(subject: Subject) -> Iterator[Problem]:
    """A constant of ``vars`` that no mapping of the project uses."""
    used, everything = set(), False
    for name in subject.project.mapping_names:
        for found in _VARS.finditer(_text_of(subject.project.mapping(name))):
            used |= {found[1] or found[2]}
            everything = everything or not (found[1] or found[2])
    for mapping in subject.chain:
        for name in () if everything else mapping.config.vars:
            if name not in used:
                origin = Origin(mapping.document, ("vars", name))
                message = f"no expression uses vars.{name}"
                yield origin.problem(Code.UNUSED_VAR, message, hint="Remove it.", name=f"vars.{name}")


def overridden_var(subject: Subject) -> Iterator[Problem]:
    """A constant of ``vars`` that a mapping changes for those that it extends, too."""
    for number, mapping in enumerate(subject.chain):
        for name in mapping.config.vars:
            below = next((one for one in subject.chain[:number] if name in one.config.vars), None)
            if below is not None:
                origin = Origin(mapping.document, ("vars", name))
                message = f"vars.{name} replaces that of {below.document.file}"
                hint = "That is right if the expressions there should use it, too."
                yield origin.problem(Code.OVERRIDDEN_VAR, message, hint=hint, name=f"vars.{name}")


_ALL: Final[Mapping[str, Rule]] = {
    Code.ACTIVE_ON_BLANK: active_on_blank,
    Code.FAILS_ON_BLANK: fails_on_blank,
    Code.HARD_CODED_DOMAIN: hard_coded_domain,
    Code.DATE_WITHOUT_TIME: date_without_time,
    Code.IGNORED_TYPE: ignored_type,
    Code.LOOKUP_MISSING_KEYS: lookup_missing_keys,
    Code.UNMAPPED_ATTRIBUTE: unmapped_attribute,
    Code.COLUMN_NOT_IN_CONTRACT: column_not_in_contract,
    Code.UNUSED_COLUMN: unused_column,
    Code.UNUSED_VAR: unused_var,
    Code.OVERRIDDEN_VAR: overridden_var,
}

RULES: Final[Mapping[str, Severity]] = {
    Code.ACTIVE_ON_BLANK: Severity.WARNING,
    Code.FAILS_ON_BLANK: Severity.WARNING,
    Code.DATE_WITHOUT_TIME: Severity.WARNING,
    Code.IGNORED_TYPE: Severity.WARNING,
    Code.LOOKUP_MISSING_KEYS: Severity.WARNING,
    Code.UNUSED_VAR: Severity.WARNING,
    Code.UNUSED_ALLOW: Severity.WARNING,
    Code.HARD_CODED_DOMAIN: Severity.NOTE,
    Code.UNMAPPED_ATTRIBUTE: Severity.NOTE,
    Code.COLUMN_NOT_IN_CONTRACT: Severity.NOTE,
    Code.UNUSED_COLUMN: Severity.NOTE,
    Code.OVERRIDDEN_VAR: Severity.NOTE,
}
"""Every rule that can be switched off, and how much it matters."""


def _field(subject: Subject, name: str) -> Field | None:
    return next((field for field in subject.mapping.fields if field.place.name == name), None)


def _texts(field: Field) -> Iterator[str]:
    for part in field.expression.parts:
        for node in (part, *part.find_all(nodes.Const)):
            if isinstance(node, nodes.Const) and isinstance(node.value, str):
                yield node.value


def _text_of(mapping: LoadedMapping) -> str:
    config: MappingConfig = mapping.config
    return "\n".join([config.where or "", *map(str, _values([config.user, config.let]))])


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
    else:
        yield value


def _plausible(contract: ColumnContract | None) -> object:
    """A value that satisfies a rule, as far as it says."""
    if contract is None:
        return "x"
    if contract.values:
        return next((value for value in contract.values if value), "")
    if contract.type in ("date", "datetime"):
        day = date(2026, 2, 1)
        whole = day.isoformat() if contract.type == "date" else f"{day.isoformat()}T00:00:00"
        return day.strftime(contract.format) if contract.format else whole
    return {"integer": "1", "number": "1", "boolean": "true"}.get(contract.type, "x")
