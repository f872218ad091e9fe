"""``scimport app plan``, ``apply``, ``rollback``, ``pull``, ``endpoint`` and ``delete``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli import options
from scimport.cli.app_shared import DIFFERENT, Managed, Yes, managed
from scimport.cli.output import Output, plural, problem_document
from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Project
    from scimport.provisioning.apply import Step
    from scimport.provisioning.difference import Difference
    from scimport.provisioning.tenant import Tenant

_MARKS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (plan, apply, rollback, pull, endpoint, delete):
        app.command()(command)


def plan(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Show what differs between the file and the app in the tenant; exit code 2 when something does."""
    from scimport.provisioning.apply import differences  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        listed = differences(found.job())
    _show(output, listed)
    counts = {action: sum(each.action == action for each in listed) for action in _MARKS}
    if listed:
        words = ", ".join(f"{count} to {action}" for action, count in counts.items())
        output.say(f"{name}: {words}. Make it so: scimport app apply {name}")
    else:
        output.say(f"{name}: the app is as the file describes it.")
    output.json({"pipeline": name, "differences": [dataclasses.asdict(each) for each in listed]})
    raise typer.Exit(DIFFERENT if listed else 0)


def _show(output: Output, listed: list[Difference]) -> None:
    for each in listed:
        mark, colour = _MARKS[each.action]
        values = " -> ".join(filter(None, (each.before, each.after)))
        output.say(f"  {mark} {each.what} {each.name}  {values}".rstrip(), style=colour)


def apply(
    context: typer.Context,
    names: options.Names = None,
    everything: options.All = False,
    start: Annotated[bool, typer.Option("--start", help="Start the app in the end.")] = False,
    template: Annotated[
        str,
        typer.Option("--template", metavar="NAME", help="Name or id of the gallery app to make it of."),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Make the app in the tenant as the file describes it; what is so already is left alone."""
    project, output = options.find(context), Output(as_json=as_json)
    chosen = options.chosen(project, names, everything=everything)
    if everything:
        chosen = tuple(name for name in chosen if project.pipeline(name).config.app.managed)
    documents, codes = [], []
    for name in chosen:
        document: dict[str, Any] = {"pipeline": name, "steps": []}
        documents.append(document)
        try:
            _apply(context, output, document, start=start, template=template)
        except ScimportError as error:
            if len(chosen) == 1:
                raise
            Output(as_json=True).problems(error.problems)
            document["error"] = [problem_document(problem) for problem in error.problems]
            codes.append(error.exit_code)
    if not chosen:
        output.say("No pipeline describes its app: see docs/apps.md.")
    output.json(documents[0] if len(chosen) == 1 else {"apps": documents})
    raise typer.Exit(max(codes, default=0))


def _apply(
    context: typer.Context, output: Output, document: dict[str, Any], *, start: bool, template: str
) -> None:
    # Not needed for --help.
    from scimport.apps.job import job_of  # noqa: PLC0415
    from scimport.provisioning import apply as applying  # noqa: PLC0415

    name = document["pipeline"]
    output.say(name)

    def tell(step: Step) -> None:
        output.say(f"  {step.name:<12}{step.done or 'as wanted'}", style="" if step.done else "dim")
        document["steps"].append({"step": step.name, "done": step.done})

    with managed(context, name) as found:
        tenant = applying.apply(found.job(), tell, start=start, template=template)
        document |= {"endpoint": tenant.endpoint, "job": tenant.job_id}
        document["written"] = _write_endpoint(found, tenant)
    if document["written"]:
        output.say(f"  {'endpoint':<12}{document['written']}")
    if not start and not job_of(tenant.job).runs:
        output.say(f"Look at it: scimport app status {name}. Start it: scimport app start {name}")


def _write_endpoint(found: Managed, tenant: Tenant) -> str:
    """Write the endpoint where the pipeline reads it, if there is only a host yet; says what was done."""
    if found.endpoint is None or not found.endpoint.bare:
        return ""
    written = str(found.pipeline.document.data["app"]["endpoint"])
    if "${" in written:
        return f"set {written.strip('${}').partition(':-')[0]} in .env to {tenant.endpoint}"
    _rewrite(found, {"endpoint": tenant.endpoint})
    return f"written to {found.pipeline.document.file}"


def _rewrite(found: Managed, changes: dict[str, Any]) -> None:
    from scimport.project.rewriting import rewritten  # noqa: PLC0415 - not needed for --help

    document = found.pipeline.document
    text = rewritten(document, "app", changes)
    draft = document.path.with_name(f".{document.path.name}.new")
    draft.write_text(text, "utf-8")
    draft.replace(document.path)


def endpoint(
    context: typer.Context,
    name: options.Name,
    write: Annotated[
        bool, typer.Option("--write", help="Write it into the pipeline's file, whatever is there.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Print the Provisioning API Endpoint; write it where the pipeline reads it, if there is none yet."""
    output = Output(as_json=as_json)
    with managed(context, name) as found:
        tenant = found.tenant()
        if write:
            _rewrite(found, {"endpoint": tenant.endpoint})
            written = f"written to {found.pipeline.document.file}"
        else:
            written = _write_endpoint(found, tenant)
    output.say(tenant.endpoint)
    if written:
        output.say(f"{written[0].upper()}{written[1:]}.")
    output.json({"pipeline": name, "endpoint": tenant.endpoint, "written": written})


def rollback(
    context: typer.Context,
    name: options.Name,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The kept schema to put back; else the last one."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Put back the attribute mappings that the last apply has changed."""
    from scimport.provisioning.apply import rollback as put_back  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        path, kept = put_back(found.project, found.pipeline, found.tenant(), file)
        shown, kept_shown = (_relative(found.project, each) for each in (path, kept))
    output.say(f"{name}: the mappings of {shown} are back; those of before are in {kept_shown}.")
    output.json({"pipeline": name, "restored": shown, "kept": kept_shown})


def _relative(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)


def pull(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Write what is in the tenant into the pipeline's file, with its comments left as they are."""
    from scimport.provisioning.pull import pulled  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        there = pulled(found.project, found.pipeline, found.tenant())
        config = found.pipeline.config.app
        changes = {key: value for key, value in there.items() if value != _as_written(config, key)}
        if changes:
            _rewrite(found, changes)
    for key, value in changes.items():
        output.say(f"  {key}: {'taken away' if value is None else value}")
    file = found.pipeline.document.file
    output.say(
        f"{file}: {plural(len(changes), 'key')} changed." if changes else f"{file}: nothing to change."
    )
    output.json({"pipeline": name, "file": file, "changes": changes})


def _as_written(config: Any, key: str) -> Any:
    """A key of the file in the form of :func:`pulled`; None for one that has its default."""
    if key not in config.model_fields_set:
        return None
    value = getattr(config, key)
    if key == "attribute_mappings":
        return {name: _mapping_as_written(each) for name, each in value.items()}
    if key == "scoping_filter":
        return [[each.model_dump(exclude_none=True) for each in group] for group in value]
    return list(value) if isinstance(value, tuple) else value


def _mapping_as_written(mapping: Any) -> Any:
    keys = mapping.model_dump(exclude_defaults=True)
    return keys["expression"] if keys.keys() == {"expression"} else keys


def delete(
    context: typer.Context,
    name: options.Name,
    job_only: Annotated[
        bool, typer.Option("--job", help="Delete the provisioning job alone, and keep the app.")
    ] = False,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Delete the app with its job; nobody is deleted in the directory."""
    from scimport.provisioning.jobs import delete_app, delete_job  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        tenant = found.tenant()
        what = "job" if job_only else "app with its job"
        if not yes and not typer.confirm(
            f"Delete the {what} '{tenant.name}'? It forgets which person is which user.", err=True
        ):
            raise UsageError(Problem(Code.INTERRUPTED, "nothing was deleted", hint="Say --yes to mean it."))
        (delete_job if job_only else delete_app)(tenant)
    output.say(f"Deleted: the {what} '{tenant.name}'. People in the directory are as they were.")
    output.json({"pipeline": name, "deleted": what, "service_principal": tenant.principal})
