"""Makes the app in the tenant what the files want, step by step; what is so already is left alone.

A step that fails ends it, and the next time goes on from there: every step looks first at what is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scimport.apps.graph import Graph, literal
from scimport.apps.hosts import Endpoint
from scimport.apps.job import job_of
from scimport.codes import Code
from scimport.errors import AppError, GraphRefusal, UsageError
from scimport.model import Problem
from scimport.project import Pipeline, Project
from scimport.project.provisioning import REMOVED
from scimport.project.values import did_you_mean
from scimport.provisioning import jobs, secrets
from scimport.provisioning.difference import (
    Difference,
    row_differences,
    schema_differences,
    settings_differences,
)
from scimport.provisioning.schema import (
    Parts,
    Schema,
    attributes_in,
    changed,
    is_function,
    wanted_row,
    wanted_rows,
)
from scimport.provisioning.tenant import Tenant, find_template, job_templates, locate, object_id
from scimport.provisioning.wanted import Settings, Wanted

WAIT = 120.0
"""Seconds that a new service principal may take until it can be found; Microsoft's samples wait 20."""
_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        name: The step.
        done: What was done; empty when all was as wanted.
    """

    name: str
    done: str = ""


Tell = Callable[[Step], object]


@dataclass(frozen=True, slots=True)
class Job:
    """What an apply works on.

    Attributes:
        project: The project folder.
        pipeline: The pipeline.
        endpoint: Its endpoint; None for the sandbox.
        wanted: The wanted app.
        graph: How the tenant is called.
    """

    project: Project
    pipeline: Pipeline
    endpoint: Endpoint | None
    wanted: Wanted
    graph: Graph


def differences(job: Job) -> list[Difference]:
    """What an apply would change; nothing is changed.

    Raises:
        UsageError: The app is ambiguous, or a mapping names what is not there.
        GraphRefusal: Graph does not say.
        SignInError: No token, or a fresh one is refused.
    """
    tenant, wanted = locate(job.graph, job.pipeline, job.endpoint), job.wanted
    found: list[Difference] = []
    if tenant is None:
        template = find_template(job.graph, wanted.target)
        found.append(Difference("add", "app", wanted.name, after=str(template["displayName"])))
    elif tenant.name != wanted.name:
        found.append(Difference("change", "name", "display name", tenant.name, wanted.name))
    if tenant is None or not tenant.job:
        found.append(Difference("add", "job", "provisioning job", after="automatic mode"))
        settings = settings_differences(Settings(accidental_deletion_threshold=None), wanted.settings)
        found += [replace(each, action="add", before="") for each in settings]
        found += [
            Difference("add", "attribute", name, after=kind) for name, kind in wanted.attributes.items()
        ]
        rows = {
            name: wanted_row(name, each)
            for name, each in wanted.mappings.items()
            if each.expression != "none"
        }
        return [*found, *row_differences({}, rows)]
    found += settings_differences(secrets.read_settings(tenant.secrets()), wanted.settings)
    parts = Parts(tenant.schema())
    rows = _rows(job, tenant, parts)
    return [*found, *schema_differences(parts, rows, wanted)]


def _all_new(wanted: Wanted) -> Iterator[Difference]:
    """What of the schema is known to differ before there is one."""
    for name, kind in wanted.attributes.items():
        yield Difference("add", "attribute", name, after=kind)
    mappings = {name: each for name, each in wanted.mappings.items() if each.expression != REMOVED}
    yield from row_differences({}, {name: wanted_row(name, each) for name, each in mappings.items()})


def apply(job: Job, tell: Tell, *, start: bool = False, template: str = "") -> Tenant:
    """Make it so.

    Args:
        job: What to work on.
        tell: Called after each step.
        start: Start the job in the end, if it does not run.
        template: Name or id of the app in the gallery, when it is not to be found by the target.

    Raises:
        UsageError: The app is ambiguous, or a mapping names what is not there.
        AppError: A step failed; those before it are done.
        SignInError: No token, or a fresh one is refused.
    """
    tenant = _app(job, template, tell)
    tenant = _provisioning_job(tenant, tell)
    _settings(job, tenant, tell)
    _schema(job, tenant, tell)
    runs = job_of(tenant.job).runs
    if not runs:
        test_connection(tenant)
        tell(Step("connection", "tested"))
    if start:
        started = jobs.start(tenant, job.pipeline.name)
        tell(Step("start", "started: it listens for uploads" if started else ""))
    return tenant


# The steps


def _app(job: Job, template: str, tell: Tell) -> Tenant:
    tenant = locate(job.graph, job.pipeline, job.endpoint)
    if tenant is None:
        gallery = find_template(job.graph, job.wanted.target, template)
        tenant = _instantiate(job, gallery)
        made = f"made of '{gallery['displayName']}': service principal {tenant.principal}"
        tell(Step("app", made))
    elif tenant.name != job.wanted.name:
        _rename(tenant, job.wanted.name)
        tell(Step("app", f"renamed from '{tenant.name}'"))
    else:
        tell(Step("app"))
    return tenant


def _instantiate(job: Job, gallery: Mapping[str, Any]) -> Tenant:
    path = f"/applicationTemplates/{gallery['id']}/instantiate"
    made = job.graph.post(path, {"displayName": job.wanted.name})
    principal = object_id(made["servicePrincipal"])
    _await_principal(job.graph, principal)
    application = str(made["servicePrincipal"].get("appId", ""))
    return Tenant(job.graph, principal, job.wanted.name, application, {})


def _await_principal(graph: Graph, principal: str) -> None:
    """Wait until the service principal of a new app is there; Graph spreads it in a while."""
    waited = 0.0
    while True:
        try:
            job_templates(graph, principal)
        except GraphRefusal as error:
            if error.status != 404 or waited >= WAIT:
                raise
        else:
            return
        graph.sleep(_PAUSE)
        waited += _PAUSE


def _rename(tenant: Tenant, name: str) -> None:
    query = f"appId eq {literal(tenant.application)}"
    [application] = tenant.graph.listing("/applications", filter=query)[:1]
    tenant.graph.patch(f"/applications/{object_id(application)}", {"displayName": name})


def _provisioning_job(tenant: Tenant, tell: Tell) -> Tenant:
    if tenant.job:
        tell(Step("job"))
        return tenant
    _await_principal(tenant.graph, tenant.principal)
    template = job_templates(tenant.graph, tenant.principal)[0]
    made = tenant.graph.post(f"{tenant.sync}/jobs", {"templateId": template})
    tell(Step("job", f"made of {template}: {made['id']}"))
    return replace(tenant, job=made)


def _settings(job: Job, tenant: Tenant, tell: Tell) -> None:
    there = tenant.secrets()
    found = list(settings_differences(secrets.read_settings(there), job.wanted.settings))
    if found:
        body = {"value": secrets.merged(there, job.wanted.settings)}
        tenant.graph.put(f"{tenant.sync}/secrets", body)
    tell(Step("settings", ", ".join(each.name for each in found)))


def _schema(job: Job, tenant: Tenant, tell: Tell) -> None:
    schema = tenant.schema()
    parts = Parts(schema)
    rows = _rows(job, tenant, parts)
    found = list(schema_differences(parts, rows, job.wanted))
    if not found:
        tell(Step("mappings"))
        return
    backup = keep_backup(job.project, job.pipeline.name, schema)
    known = {each["source"]["expression"].strip() for each in parts.objects["attributeMappings"]}
    new = {row.expression for row in rows.values() if row.expression not in known}
    sources = {text: parsed(tenant, text) for text in sorted(new) if is_function(text)}
    replace_schema(tenant, changed(schema, rows, job.wanted, sources))
    tell(Step("mappings", f"{_counted(found)}; what was there before is in {_shown(job.project, backup)}"))
    left = list(schema_differences(Parts(tenant.schema()), rows, job.wanted))
    if left:
        names = ", ".join(f"{each.what} {each.name}" for each in left)
        message = f"the service has taken the schema, but not all of it: {names}"
        hint = "Set these in the portal (Edit provisioning, Mappings), and see scimport app plan."
        raise AppError(Problem(Code.APP_DRIFT, message, hint=hint, field="app"))


def _rows(job: Job, tenant: Tenant, parts: Parts) -> dict[str, Any]:
    """The wanted mappings, whose attributes are all known.

    Raises:
        UsageError: One is not.
    """
    rows = wanted_rows(Parts(tenant.default_schema()).rows, job.wanted)
    known = {*parts.source_names, *job.wanted.attributes}
    problems = [
        *(
            _unknown(job.pipeline, name, name, "directory", parts.target_names)
            for name in job.wanted.mappings
            if name not in parts.target_names
        ),
        *(
            _unknown(job.pipeline, name, source, "user", known)
            for name, mapping in job.wanted.mappings.items()
            for source in attributes_in(mapping.expression)
            if source not in known
        ),
    ]
    if problems:
        raise UsageError(problems)
    return rows


def _unknown(
    pipeline: Pipeline, key: str, name: str, whose: str, known: tuple[str, ...] | set[str]
) -> Problem:
    where = "the app's directory has" if whose == "directory" else "the app knows of the user"
    message = f"'{name}' is no attribute that {where}"
    more = (
        "Add it in the portal (Show advanced options)."
        if whose == "directory"
        else ("A custom attribute belongs into a schema of the mapping, or into custom_attributes.")
    )
    hint = did_you_mean(name, sorted(known)) or more
    return pipeline.document.problem(
        Code.UNKNOWN_ATTRIBUTE, ("app", "attribute_mappings", key), message, hint
    )


def parsed(tenant: Tenant, expression: str) -> dict[str, Any]:
    """Have Graph take an expression apart into its attributeMappingSource.

    Raises:
        UsageError: It is not one.
    """
    path = f"{tenant.job_path}/schema/parseExpression"
    answer = tenant.graph.post(path, {"expression": expression})
    source: dict[str, Any] | None = answer.get("parsedExpression")
    if not answer.get("parsingSucceeded") or source is None:
        words = (answer.get("error") or {}).get("message") or "no explanation"
        message = f"the app does not understand the expression {expression}: {words}"
        raise UsageError(Problem(Code.BAD_VALUE, message, field="app.attribute_mappings"))
    return {**source, "expression": expression}


def test_connection(tenant: Tenant) -> None:
    """Do what the portal's button "Test connection" does.

    Raises:
        AppError: The job cannot reach its directory.
    """
    try:
        body = {"useSavedCredentials": True, "credentials": []}
        tenant.graph.post(f"{tenant.job_path}/validateCredentials", body)
    except GraphRefusal as error:
        if error.status != 400:
            raise
        message = f"the app cannot reach its directory: {error.words}"
        hint = (
            "For Active Directory: a Windows server needs an active provisioning agent that has registered"
            " the domain; see scimport app agents NAME. Then apply again."
        )
        raise AppError(Problem(Code.APP_NOT_READY, message, hint=hint, field="app")) from None


# Schemas, kept and replaced


def replace_schema(tenant: Tenant, schema: Mapping[str, Any]) -> None:
    """Replace the job's schema as a whole."""
    content = {name: value for name, value in schema.items() if not name.startswith("@odata")}
    tenant.graph.put(f"{tenant.job_path}/schema", content)


def backups(project: Project, pipeline: str) -> list[Path]:
    """The schemas that were kept before they were replaced, oldest first."""
    return sorted((project.data_dir / "apps" / pipeline).glob("schema-*.json"))


def keep_backup(project: Project, pipeline: str, schema: Schema) -> Path:
    """Keep a schema in a file that only its owner may read."""
    folder = project.data_dir / "apps" / pipeline
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"schema-{stamp}.json"
    path.write_text(json.dumps(schema, indent=1, ensure_ascii=False), "utf-8")
    return path


def rollback(project: Project, pipeline: Pipeline, tenant: Tenant, file: Path | None) -> tuple[Path, Path]:
    """Put a kept schema back; what is there now is kept in its turn.

    Args:
        project: The project folder.
        pipeline: The pipeline.
        tenant: Its app.
        file: Which one; the last one kept when it is None.

    Returns:
        The file that was put back, and the one that was written.

    Raises:
        UsageError: There is none.
    """
    kept = backups(project, pipeline.name)
    path = file or (kept[-1] if kept else None)
    if path is None or not path.is_file():
        hint = "scimport app apply keeps the schema before it changes it."
        raise UsageError(Problem(Code.FILE_NOT_FOUND, "there is no schema to go back to", hint=hint))
    schema = json.loads(path.read_text("utf-8"))
    written = keep_backup(project, pipeline.name, tenant.schema())
    replace_schema(tenant, schema)
    return path, written


def _counted(found: list[Difference]) -> str:
    counts = {action: sum(each.action == action for each in found) for action in ("add", "change", "remove")}
    words = {"add": "added", "change": "changed", "remove": "removed"}
    return ", ".join(f"{count} {words[action]}" for action, count in counts.items() if count)


def _shown(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix()
