"""The file sources/overrides.yml: reviewed corrections of single cells, until the source itself is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.document import Document, load_document
from scimport.project.environment import Resolved
from scimport.project.keys import Config
from scimport.project.references import there_are
from scimport.project.validation import validate
from scimport.project.values import Cell, Parameter, Text, refuse

if TYPE_CHECKING:
    from scimport.project.project import Project

NAME = "overrides"
FILE = f"sources/{NAME}.yml"


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise refuse("is not a day", "Write it as 2026-12-31.") from None


Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class OverrideConfig(Config):
    """A correction of one cell."""

    key: Cell = Field(description="Key of the record.")
    column: Text = Field(description="Column whose value is replaced.")
    value: Parameter = Field(
        default=None, repr=False, description="What stands there instead; null: nothing."
    )
    reason: Text = Field(description="Why, and who knows about it: a ticket, a name.")
    expires: Day = Field(description="Last day on which it counts, such as 2026-12-31.")


@dataclass(frozen=True, slots=True)
class Override:
    """A correction, and where it is written."""

    config: OverrideConfig
    document: Document
    path: tuple[str | int, ...]

    def problem(self, code: Code, message: str, hint: str = "") -> Problem:
        """Describes what is to be said of it, without key and value."""
        return self.document.problem(code, self.path, message, hint)


def load_overrides(project: Project, source: str) -> tuple[Override, ...]:
    """The corrections of a source; () when there is no such file.

    Raises:
        ConfigError: With all problems of the file, those of other sources too.
    """
    path = project.root / FILE
    if not path.is_file():
        return ()
    document = load_document(path, project.root)
    for name, entries in document.data.items():
        if not isinstance(entries, list):
            hint = "Write a line '- key: ...' for each correction below the name of the source."
            raise ConfigError(document.problem(Code.WRONG_TYPE, (name,), f"'{name}' must be a list", hint))
    problems = [*_unknown(project, document), *_twice(document)]
    found: dict[str, tuple[OverrideConfig, ...]] = {}
    for name, entries in document.data.items():
        for index, entry in enumerate(entries):
            below = Document(document.path, document.file, entry, _lines(document, (name, index)))
            try:
                config = validate(OverrideConfig, Resolved(entry, (), ()), below)
            except ConfigError as error:
                problems += error.problems
                continue
            found[name] = (*found.get(name, ()), config)
    if problems:
        raise ConfigError(sorted(problems, key=lambda one: one.line or 0))
    return tuple(Override(one, document, (source, index)) for index, one in enumerate(found.get(source, ())))


def _lines(document: Document, path: tuple[str | int, ...]) -> dict[tuple[str | int, ...], int]:
    """The lines of what is below a path, by the rest of their paths."""
    size = len(path)
    return {key[size:]: line for key, line in document.lines.items() if key[:size] == path}


def _unknown(project: Project, document: Document) -> Iterator[Problem]:
    for name in document.data:
        if name not in project.source_names:
            message = f"there is no sources/{name}.yml"
            hint = there_are("sources", name, project.source_names)
            yield document.problem(Code.MISSING_REFERENCE, (name,), message, hint)


def _twice(document: Document) -> Iterator[Problem]:
    for name, entries in document.data.items():
        seen: set[tuple[str, str]] = set()
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict):
                continue
            cell = (str(entry.get("key")), str(entry.get("column")))
            if cell in seen:
                message = f"the same cell of {name} is corrected above"
                yield document.problem(Code.BAD_VALUE, (name, index), message, "Keep one of the two.")
            seen.add(cell)
