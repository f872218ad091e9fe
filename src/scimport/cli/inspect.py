"""``scimport inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.output import Output

if TYPE_CHECKING:
    from scimport.inspection.inspection import Inspection
    from scimport.inspection.profile import Column

_FIRST = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect")(inspect)


def inspect(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A CSV file, a workbook or JSON lines: a path or a URL.")
    ],
    mapping: Annotated[bool, typer.Option("--mapping", help="Propose a mapping, too.")] = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Say how a file is to be read and what is in its columns, and propose a source file."""
    from scimport.inspection.inspection import inspected  # noqa: PLC0415 - not needed for --help
    from scimport.inspection.proposal import mapping_file, source_file  # noqa: PLC0415
    from scimport.sources.files import find_files  # noqa: PLC0415

    found = inspected(find_files(file, Path.cwd(), {})[-1])
    key = found.keys[0] if found.keys else found.columns[0].name
    source = source_file(found, file, key)
    proposed = mapping_file(found, key) if mapping else ""
    output = Output(as_json=as_json)
    if not as_json:
        _print(output, found, show_values=show_values)
        output.say(f"A source file:\n\n{source}")
        if proposed:
            output.say(f"A mapping:\n\n{proposed}")
    output.json(_document(found, show_values=show_values) | {"source": source, "mapping": proposed or None})


def _print(output: Output, found: Inspection, *, show_values: bool) -> None:
    from scimport.inspection.inspection import about_key  # noqa: PLC0415 - not needed for --help

    output.say(f"{found.file}: {found.table.kind}, {found.count:,} records, {len(found.columns)} columns")
    for line in found.table.evidence:
        output.say(f"  {line}")
    heads = ["column", "looks like", "blank", "different", "means", "to know"]
    rows = [
        [
            column.name,
            _looks(column),
            column.cells - column.full,
            column.distinct,
            found.meanings.get(column.name, ""),
            _remarks(column),
            *([_values(column)] if show_values else []),
        ]
        for column in found.columns
    ]
    output.table("", [*heads, *(["values"] if show_values else [])], rows)
    if not found.keys:
        output.say("Key: no column has a value of its own for every record.")
    for name in found.keys:
        output.say(f"Key: {name}: {about_key(found.column(name))}")


def _looks(column: Column) -> str:
    from scimport.inspection.words import decided  # noqa: PLC0415 - not needed for --help

    if column.kind == "date":
        return f"date {column.dates.format or column.dates.shape}"
    if column.distinct == 2 and decided(column.values):
        return "yes or no"
    if column.pattern and column.kind in ("text", "integer"):
        return f"{column.kind} {column.pattern}"
    return f"{column.kind}, few values" if column.is_small_set else column.kind


def _remarks(column: Column) -> str:
    remarks = [column.dates.evidence()] if column.kind == "date" else []
    remarks += [f"{count:,} times {word}" for word, count in column.nulls.items()]
    remarks += [f"{column.zeros:,} begin with a zero"] if column.zeros and column.kind == "text" else []
    return "; ".join(filter(None, remarks))


def _values(column: Column) -> str:
    most = column.values.most_common(20 if column.is_small_set else _FIRST)
    return ", ".join(f"{value} ({count})" if column.is_small_set else value for value, count in most)


def _document(found: Inspection, *, show_values: bool) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "looks_like": _looks(column),
            "cells": column.cells,
            "blank": column.cells - column.full,
            "different": column.distinct,
            "repeated": column.repeated,
            "means": found.meanings.get(column.name),
            "to_know": _remarks(column),
            **({"values": dict(column.values.most_common(20))} if show_values else {}),
        }
        for column in found.columns
    ]
    return {
        "file": found.file,
        "kind": found.table.kind,
        "records": found.count,
        "settings": found.table.settings,
        "evidence": found.table.evidence,
        "columns": columns,
        "keys": found.keys,
    }
