"""``scimport preview``."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.output import Output, problem_document
from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.model import Problem, Severity

if TYPE_CHECKING:
    from scimport.project import Pipeline, Project
    from scimport.workbench.difference import Difference
    from scimport.workbench.preview import Attribute, Glass, Preview, Record

WRONG = 4


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview")(preview)


def preview(
    context: typer.Context,
    name: options.Name,
    row: Annotated[
        int | None,
        typer.Option("--row", min=1, metavar="N", help="Record number, from 1; the first when left out."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The record with this key.")] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="EXPR", help="Only records for which this expression is true."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="N records from all over the source.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again whenever a file is saved.")] = False,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="REV", help="Who changes, against the mappings at a git revision."),
    ] = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Show what the mapping makes of one record: the row beside the SCIM user, and its problems."""
    chosen = {"--row": row, "--key": key, "--sample": sample, "--diff": diff}
    given = [option for option, value in chosen.items() if value is not None]
    if len(given) > 1 or (watch and (as_json or diff is not None)) or (diff is not None and where):
        what = " and ".join(given[:2]) if len(given) > 1 else "these options"
        raise UsageError(Problem(Code.BAD_VALUE, f"{what} do not go together", hint="Give one of them."))
    project = options.find(context)
    output = Output(as_json=as_json)
    if diff is not None:
        from scimport.workbench.difference import compare_with  # noqa: PLC0415 - only for --diff

        _show_difference(output, diff, compare_with(project, project.pipeline(name), diff))
        return
    choice = _Choice(key if key is not None else row or 1, where, sample)
    if watch:
        _watch(output, project, name, choice, show_values=show_values)
        return
    found = _found(project, project.pipeline(name), choice).previews()
    _show(output, found, choice, show_values=show_values)
    documents = [_document(name, one, show_values=show_values) for one in found]
    output.json(documents if sample is not None else documents[0])
    wrong = any(one.severity is Severity.ERROR for preview_ in found for one in preview_.problems)
    raise typer.Exit(WRONG if wrong else 0)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """Which records are wanted."""

    wanted: str | int
    where: str | None
    sample: int | None


@dataclasses.dataclass(frozen=True)
class _Found:
    """The records that are wanted, the columns of their source, and what they are looked at through."""

    records: list[Record]
    columns: tuple[str, ...]
    through: Glass

    def previews(self) -> list[Preview]:
        return [self.through.preview(record) for record in self.records]


def _found(project: Project, pipeline: Pipeline, choice: _Choice) -> _Found:
    from scimport.inputs import opened  # noqa: PLC0415 - not needed for --help
    from scimport.workbench.preview import find_record, glass, sample_records  # noqa: PLC0415

    with opened(project, pipeline, datetime.now(UTC)) as source:
        if choice.sample is None:
            records = [find_record(source, choice.wanted, choice.where)]
        else:
            records = sample_records(source, choice.sample, choice.where)
        return _Found(records, source.source.columns, glass(source, pipeline.config.app.target))


def _again(project: Project, pipeline: Pipeline, before: _Found) -> _Found:
    """The same records, through the mapping as it is now."""
    from scimport.inputs import compiled  # noqa: PLC0415 - not needed for --help

    mapping, validator = compiled(project, pipeline, before.columns, datetime.now(UTC))
    through = dataclasses.replace(before.through, mapping=mapping, validator=validator)
    return dataclasses.replace(before, through=through)


def _watch(output: Output, project: Project, name: str, choice: _Choice, *, show_values: bool) -> None:
    """Show it, and again after every save, until somebody stops it; a mistake in a file is shown, too."""
    from scimport.workbench.watch import saves  # noqa: PLC0415 - only for --watch

    changes = saves(project.root, threading.Event())
    mappings, found = project.root / "mappings", None
    while True:
        output.console.clear()
        try:
            pipeline = project.pipeline(name)
            # The source is read again only when something else than a mapping has changed.
            found = _again(project, pipeline, found) if found else _found(project, pipeline, choice)
            _show(output, found.previews(), choice, show_values=show_values)
        except ScimportError as error:
            output.problems(error.problems)
        output.say("Waiting for a file to be saved; Ctrl-C ends it.")
        if any(mappings not in path.parents for path in next(changes)):
            found = None


def _show(output: Output, found: list[Preview], choice: _Choice, *, show_values: bool) -> None:
    if output.as_json:
        return
    if choice.sample is not None:
        _show_many(output, found)
    else:
        _show_one(output, found[0])
    output.problems([problem for one in found for problem in one.problems], show_values=show_values)


def _show_one(output: Output, found: Preview) -> None:
    output.table(found.place, ("column", "value"), [(name, _text(cell)) for name, cell in found.row.items()])
    rows = [
        (one.attribute, one.shown, ", ".join(one.becomes), f"{one.expression}\n{_origin(one)}")
        for one in found.attributes
    ]
    output.table("SCIM user", ("attribute", "value", "in the app", "made by"), rows)
    if found.app:
        output.table(
            "In the app, by its default attribute mapping", ("attribute", "value"), found.app.items()
        )
    if found.in_scope is False:
        output.say("Out of scope: `where` is false for this record. It would not be sent.")


def _origin(found: Attribute) -> str:
    return f"{', '.join(found.columns)}  {found.origin}" if found.columns else found.origin


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _show_many(output: Output, found: list[Preview]) -> None:
    rows = []
    for one in found:
        user = one.user or {}
        what = "out of scope" if one.in_scope is False else f"{len(one.problems) or ''}"
        shown = [str(user.get(attribute, "")) for attribute in ("userName", "displayName", "active", "title")]
        rows.append((one.place, *shown, what))
    output.table("", ("record", "userName", "displayName", "active", "title", "problems"), rows)


def _show_difference(output: Output, revision: str, found: Difference) -> None:
    output.say(f"{found.changed:,} of {found.read:,} records come out different from {revision}.")
    if found.changed:
        output.table("", ("attribute", "records"), list(found.by_attribute.items()))
        rows = [
            (f"{change.place} [{change.key}]", name, str(before), str(now))
            for change in found.first
            for name, (before, now) in change.attributes.items()
        ]
        output.table("The first of them", ("record", "attribute", revision, "now"), rows)
    output.json(
        {
            "read": found.read,
            "changed": found.changed,
            "by_attribute": found.by_attribute,
            "first": [
                {"key": one.key, "place": one.place, "attributes": one.attributes} for one in found.first
            ],
        }
    )


def _document(name: str, found: Preview, *, show_values: bool) -> dict[str, Any]:
    return {
        "pipeline": name,
        "place": found.place,
        "in_scope": found.in_scope,
        "row": found.row,
        "user": found.user,
        "attributes": [
            {
                "attribute": one.attribute,
                "value": one.value,
                "expression": one.expression,
                "columns": one.columns,
                "from": one.origin,
                "in_app": one.becomes,
            }
            for one in found.attributes
        ],
        "app": found.app,
        "problems": [problem_document(one, show_values=show_values) for one in found.problems],
    }
