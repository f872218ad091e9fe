"""The files in mappings/tests/: rows, and what a mapping must make of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem
from scimport.project.document import Document, load_document
from scimport.project.environment import Resolved
from scimport.project.keys import Config
from scimport.project.references import SUFFIXES, missing_file, names_in, there_are
from scimport.project.validation import validate
from scimport.project.values import Boolean, Text, did_you_mean, refuse

if TYPE_CHECKING:
    from scimport.project.project import Project

FOLDER = "mappings/tests"


def _code(value: str) -> str:
    if value not in list(Code):
        raise refuse("is not the code of a problem", did_you_mean(value, Code) or "See docs/problems.md.")
    return value


def _moment(value: str) -> str:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise refuse("is not a time with a zone", "Write it as 2026-02-01T08:00:00Z.")
    return value


def _row(value: dict[str, Any]) -> dict[str, Any]:
    for column, cell in value.items():
        if isinstance(cell, dict | list):
            raise refuse(
                "must be one value", "A cell holds a text, a number, a boolean or nothing.", key=column
            )
    return value


ProblemCode = Annotated[str, AfterValidator(_code)]
Moment = Annotated[str, AfterValidator(_moment)]
Given = Annotated[
    dict[str, Any],
    AfterValidator(_row),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }
    ),
]


class CaseConfig(Config):
    """A test: a row, and what must come of it."""

    name: Text = Field(description="What the test says about the mapping, in a few words.")
    given: Given = Field(
        default_factory=dict,
        description="Cells by column, over those of the file; a column that is in neither is blank.",
    )
    expect: dict[str, Any] | None = Field(
        default=None,
        description="What the user must have, in the shape of a mapping's user; null: must not have.",
    )
    exact: Boolean = Field(default=False, description="Whether the user may have nothing else.")
    invalid: ProblemCode | None = Field(
        default=None, description="Code of the problem that makes the record invalid."
    )
    field: Text | None = Field(
        default=None, description="Column or attribute that the problem of invalid is about."
    )
    out_of_scope: Boolean = Field(default=False, description="Whether where leaves the record out.")

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        wanted = [self.expect is not None, self.invalid is not None, self.out_of_scope]
        if sum(wanted) != 1:
            raise refuse("needs one of expect, invalid and out_of_scope", "Say what must come of the row.")
        if self.field is not None and self.invalid is None:
            raise refuse("goes with invalid", "Remove it.", key="field")
        if self.exact and self.expect is None:
            raise refuse("goes with expect", "Remove it.", key="exact")
        return self


class CasesConfig(Config):
    """Tests of a mapping."""

    description: str = Field(default="", description="What these tests are about.")
    mapping: Text | None = Field(
        default=None, description="Mapping that is tested; default: the one with the name of this file."
    )
    source: Text | None = Field(
        default=None,
        description="Source whose contract the rows keep to; default: that of a pipeline with the mapping.",
    )
    now: Moment = Field(
        default="2026-01-01T00:00:00Z", description="What now and today are; the same in every run."
    )
    given: Given = Field(default_factory=dict, description="Cells by column that every test begins with.")
    tests: tuple[CaseConfig, ...] = Field(description="The tests.")


@dataclass(frozen=True, slots=True)
class LoadedCases:
    """A checked file of mappings/tests/."""

    name: str
    config: CasesConfig
    document: Document

    @property
    def mapping(self) -> str:
        """Name of the mapping that is tested."""
        return self.config.mapping or self.name

    @property
    def now(self) -> datetime:
        """What ``now`` is."""
        return datetime.fromisoformat(self.config.now).astimezone(UTC)


def case_files(project: Project) -> tuple[str, ...]:
    """Names of the YAML files in mappings/tests/, sorted."""
    return names_in(project.root / FOLDER)


def load_cases(project: Project, name: str) -> LoadedCases:
    """Load a file of tests, and make sure that its mapping and source are there.

    Raises:
        ConfigError: With all problems of the file.
        UsageError: There is no such file.
    """
    found = [project.root / FOLDER / f"{name}{suffix}" for suffix in SUFFIXES]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        hint = there_are(FOLDER, name, case_files(project))
        raise UsageError(Problem(Code.MISSING_REFERENCE, f"there is no {FOLDER}/{name}.yml", hint=hint))
    document = load_document(path, project.root)
    named = document.data.get("mapping", name)
    missing = [
        *missing_file(document, ("mapping",), named, project.root, "mappings"),
        *missing_file(document, ("source",), document.data.get("source"), project.root, "sources"),
    ]
    return LoadedCases(
        name, validate(CasesConfig, Resolved(document.data, (), ()), document, missing), document
    )
