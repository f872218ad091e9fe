"""What the files in sources/ may say: one model a kind of source, see :mod:`scimport.project.config`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from scimport.project.keys import Config
from scimport.project.values import (
    Boolean,
    Cell,
    Character,
    Count,
    DatabaseUrl,
    DateFormat,
    Encoding,
    Parameter,
    Pattern,
    Position,
    Text,
    refuse,
)

Mode = Literal["accept", "warn", "stop"]


class ColumnContract(Config):
    """What every cell of a column keeps to."""

    required: Boolean = Field(default=False, description="Whether a blank cell makes the record invalid.")
    type: Literal["text", "integer", "number", "boolean", "date", "datetime"] = Field(
        default="text", description="What the cell must read as. The mapping still gets the cell as it is."
    )
    format: DateFormat | None = Field(
        default=None,
        description="How a date or datetime is written, in Python's directives: %d.%m.%Y. Default: ISO 8601.",
    )
    values: tuple[Cell, ...] | None = Field(default=None, description="The only texts allowed in a cell.")
    pattern: Pattern | None = Field(
        default=None, description="Regular expression that the whole cell must match."
    )

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.format is not None and self.type not in ("date", "datetime"):
            raise refuse("is for dates only", "Add type: date or type: datetime.", key="format")
        return self


class DriftConfig(Config):
    """What happens when a source no longer has the columns of its contract."""

    new: Mode = Field(default="accept", description="A column that the contract does not name.")
    missing: Mode = Field(
        default="stop", description="A column of the contract that the source has not; accepted, it is blank."
    )
    renamed: Mode = Field(
        default="stop",
        description="A missing column that a new one resembles; accepted, it is read under its old name.",
    )
    retyped: Mode = Field(
        default="stop",
        description="A column of which nearly no value among the first records is of its type any more.",
    )


class SourceConfig(Config):
    """What every kind of source has."""

    key: Text = Field(description="Column whose value names a person for good, such as the employee number.")
    columns: Mapping[str, ColumnContract | None] = Field(
        default_factory=dict,
        description="The contract: columns that must exist, and what their cells must keep to.",
    )
    drift: DriftConfig = Field(
        default_factory=DriftConfig, description="What happens when columns change against the contract."
    )
    trim: Boolean = Field(default=True, description="Whether blanks around a text are removed.")
    duplicates: Literal["reject", "last"] = Field(
        default="reject",
        description="Different rows with the same key: all are invalid (reject), or the last counts.",
    )
    extent: Literal["full", "changes"] = Field(
        default="full",
        description="Whether the source holds everybody (who is missing has left) or changed people only.",
    )
    as_of: Text | None = Field(
        default=None,
        description="Column with the time of the export, for the guard source_age; else the file's own.",
    )
    min_rows: Count = Field(
        default=0, description="Fewer rows than this mean that the source is broken; nothing is sent."
    )


class FileSourceConfig(SourceConfig):
    """What every source has that reads files."""

    path: Text = Field(
        repr=False,
        description="File, relative to the project folder: a glob, .gz, .zip or a URL for fsspec will do.",
    )
    files: Literal["all", "newest"] = Field(
        default="all", description="Which files of a glob are read: all, or the one written last."
    )
    null_values: tuple[Cell, ...] = Field(
        default=(), description="Texts that stand for a blank cell, such as NULL or N/A."
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="Options for fsspec when path is a URL, such as credentials.",
    )


class TrailerConfig(Config):
    """The line at the end of a file that says how many rows it has."""

    pattern: Pattern = Field(
        description="Regular expression that the whole line must match; its group is the number of rows."
    )

    @model_validator(mode="after")
    def _check_group(self) -> Self:
        if re.compile(self.pattern).groups != 1:
            raise refuse("must have one group, for the number", "For example TRAILER;(\\d+).", key="pattern")
        return self


class SheetSourceConfig(FileSourceConfig):
    """What a source has whose files may hold more than the table."""

    skip_head: Count = Field(default=0, description="Lines, or rows of a sheet, above the header.")
    skip_foot: Count = Field(default=0, description="Lines, or rows of a sheet, below the last record.")


class TextSourceConfig(SheetSourceConfig):
    """What a source has whose files are lines of text."""

    encoding: Encoding = Field(
        default="utf-8", description="Encoding of the file; utf-8 is read with or without a BOM."
    )
    trailer: TrailerConfig | None = Field(
        default=None, description="The line below the last record that holds the number of rows."
    )

    @property
    def foot(self) -> int:
        """Lines below the last record; the trailer is one of them."""
        return max(self.skip_foot, int(self.trailer is not None))


class CsvSourceConfig(TextSourceConfig):
    """A source of ``kind: csv``."""

    kind: Literal["csv"] = Field(default="csv", description="csv: a delimited text file.")
    delimiter: Character = Field(default=",", description="Character between cells; tab for a tab.")
    quotechar: Character = Field(
        default='"', description="Character around cells that hold a delimiter or a line break."
    )
    names: tuple[Text, ...] = Field(
        default=(), description="Names of the columns of a file without a header."
    )

    @model_validator(mode="after")
    def _check_characters(self) -> Self:
        if self.delimiter == self.quotechar:
            raise refuse("must differ from the delimiter", key="quotechar")
        return self


class ExcelSourceConfig(SheetSourceConfig):
    """A source of ``kind: excel``."""

    kind: Literal["excel"] = Field(default="excel", description="excel: a sheet of a workbook.")
    sheet: Text | None = Field(default=None, description="Name of the sheet; default: the first visible one.")
    names: tuple[Text, ...] = Field(
        default=(), description="Names of the columns of a file without a header."
    )


class FixedColumn(ColumnContract):
    """Where a column of a fixed-width file is, and what its cells keep to."""

    start: Position = Field(description="First character of the column, counted from 1.")
    width: Position = Field(description="How many characters the column has.")


class FixedSourceConfig(TextSourceConfig):
    """A source of ``kind: fixed``."""

    kind: Literal["fixed"] = Field(
        default="fixed", description="fixed: columns at fixed places of each line."
    )
    columns: Mapping[str, FixedColumn] = Field(
        min_length=1, description="All columns: where they are, and the contract on their cells."
    )
    line_width: Position | None = Field(
        default=None, description="How many characters every line must have; default: as many as it likes."
    )


class JsonlSourceConfig(FileSourceConfig):
    """A source of ``kind: jsonl``."""

    kind: Literal["jsonl"] = Field(default="jsonl", description="jsonl: one JSON object a line.")
    encoding: Encoding = Field(
        default="utf-8", description="Encoding of the file; utf-8 is read with or without a BOM."
    )
    fields: dict[str, Text] = Field(
        default_factory=dict,
        description="Columns and the dotted paths they are found at; default: all paths that occur.",
    )


class SqlSourceConfig(SourceConfig):
    """A source of ``kind: sql``."""

    kind: Literal["sql"] = Field(default="sql", description="sql: the result of a query.")
    url: DatabaseUrl = Field(description="SQLAlchemy URL of the database; take the password from ${NAME}.")
    query: Text = Field(description="The SQL, or the name of a .sql file beside this file.")
    params: dict[str, Parameter] = Field(
        default_factory=dict,
        repr=False,
        description="Values bound to the :names in the query; never formatted into it.",
    )


AnySourceConfig = (
    CsvSourceConfig | ExcelSourceConfig | FixedSourceConfig | JsonlSourceConfig | SqlSourceConfig
)

SOURCE_KINDS: dict[str, type[AnySourceConfig]] = {
    "csv": CsvSourceConfig,
    "excel": ExcelSourceConfig,
    "fixed": FixedSourceConfig,
    "jsonl": JsonlSourceConfig,
    "sql": SqlSourceConfig,
}
"""The models by what ``kind`` says."""


def query_file(query: str) -> str | None:
    """Tell a source's ``query`` that names a file beside the source's own from one that is SQL itself."""
    name = query.strip()
    return name if name.endswith(".sql") and len(name.split()) == 1 else None
