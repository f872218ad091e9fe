"""What an app needs before it can provision people, each found or missing, and how to get it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scimport.apps.auth import Authenticator
from scimport.apps.graph import Graph
from scimport.apps.hosts import Endpoint
from scimport.apps.job import job_of
from scimport.codes import Code
from scimport.errors import AppError, ScimportError
from scimport.findings import Finding, Result, job_finding, token_finding, upload_finding
from scimport.inputs import compiled
from scimport.mappings.compiler import MappedLeaf
from scimport.project import Pipeline, Project
from scimport.provisioning import secrets
from scimport.provisioning.agents import agents
from scimport.provisioning.apply import Job, differences, test_connection
from scimport.provisioning.schema import Parts, Row, attributes_in, is_function
from scimport.provisioning.tenant import Tenant, find_template, locate
from scimport.provisioning.wanted import Wanted

JOBS = {2000: 2, 6000: 20}
"""Jobs for each kind of target by the licence's daily calls: 2 with P1 or P2, 20 with Entra ID Governance."""

_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_LIST = re.compile(r"(?P<name>\w+)\[(?P<index>\d+)\]\.(?P<part>\w+)")
# Entra reads no mapping for these: they are the envelope, or the manager's other names.
_ENVELOPE = ("schemas", "id", "meta")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked.

    Attributes:
        project: The project folder.
        pipeline: The pipeline.
        endpoint: Its endpoint; None for the sandbox.
        wanted: The wanted app; None when the pipeline does not describe it.
        graph: How the tenant is called.
        sign_in: How who uploads signs in.
    """

    project: Project
    pipeline: Pipeline
    endpoint: Endpoint | None
    wanted: Wanted | None
    graph: Graph
    sign_in: Authenticator


def checks(subject: Subject) -> Iterator[Finding]:
    """Check everything; what cannot be found out is ``unknown``, with the reason, and the rest goes on."""
    try:
        tenant = locate(subject.graph, subject.pipeline, subject.endpoint)
    except ScimportError as error:
        yield _unknown("app", error)
        return
    yield _app(subject, tenant)
    if subject.pipeline.config.app.target == "on-premises-ad":
        yield from _guarded("provisioning agent", lambda: _agents(subject))
    yield from _guarded("jobs of the licence", lambda: [_jobs(subject)])
    yield from _guarded("token", lambda: _uploads(subject.sign_in))
    if tenant is None or not tenant.job:
        return
    yield from _guarded("notification e-mail", lambda: [_email(tenant)])
    yield from _guarded("connection", lambda: [_connection(tenant)])
    yield job_finding(job_of(tenant.job), subject.pipeline.name)
    yield from _guarded("attribute mappings", lambda: list(_drift(subject, tenant)))
    if (wanted := subject.wanted) is not None:
        yield from _guarded("app as described", lambda: [_as_described(subject, wanted)])


def _guarded(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except ScimportError as error:
        yield _unknown(what, error)


def _unknown(what: str, error: ScimportError) -> Finding:
    problem = error.problems[0]
    missing = problem.code in (Code.PERMISSION_MISSING, Code.NO_APP, Code.AMBIGUOUS_APP)
    return Finding(what, Result.MISSING if missing else Result.UNKNOWN, problem.message, problem.hint)


def _app(subject: Subject, tenant: Tenant | None) -> Finding:
    name = subject.pipeline.name
    if tenant is None or not tenant.job:
        detail = "there is none yet" if tenant is None else "the app has no provisioning job yet"
        hint = f"Make it: scimport app apply {name}; or in the portal, Enterprise apps, New application."
        return Finding("app", Result.MISSING, detail, hint)
    return Finding("app", Result.FOUND, f"'{tenant.name}', service principal {tenant.principal}")


def _uploads(sign_in: Authenticator) -> Iterator[Finding]:
    yield token_finding(sign_in)
    yield upload_finding(sign_in)


def _agents(subject: Subject) -> Iterator[Finding]:
    found = agents(subject.graph)
    domain = subject.pipeline.config.app.domain or ""
    active = [each for each in found.agents if each.active]
    if active:
        names = ", ".join(each.machine for each in active)
        yield Finding("provisioning agent", Result.FOUND, f"active on {names}")
    else:
        detail = "none is registered" if not found.agents else "none is active"
        yield Finding("provisioning agent", Result.MISSING, detail, found.hint)
    there = {each.casefold() for each in found.domains}
    if domain and domain.casefold() in there:
        yield Finding("domain", Result.FOUND, domain)
    else:
        detail = f"'{domain}' is not registered; there are: {', '.join(found.domains) or 'none'}"
        hint = "Correct domain in the pipeline, or add the domain in the agent's configuration wizard."
        yield Finding("domain", Result.MISSING, detail, hint)


def _jobs(subject: Subject) -> Finding:
    """The licence counts jobs by target; those of other makers of apps may not be seen."""
    app = subject.pipeline.config.app
    template = find_template(subject.graph, app.target)
    there = subject.graph.listing("/servicePrincipals")
    count = sum(each.get("applicationTemplateId") == template["id"] for each in there)
    limit = JOBS[app.daily_calls]
    detail = f"{count} of {limit} apps to {app.target}, by daily_calls {app.daily_calls}"
    if count <= limit:
        return Finding("jobs of the licence", Result.FOUND, detail)
    hint = "Entra ID P1 and P2 allow 2 of each kind, Entra ID Governance 20: delete one, or get a licence."
    return Finding("jobs of the licence", Result.MISSING, detail, hint)


def _email(tenant: Tenant) -> Finding:
    email = secrets.read_settings(tenant.secrets()).notification_email
    if email:
        return Finding("notification e-mail", Result.FOUND, email)
    hint = "Without it the app goes into quarantine when it is started: set notification_email, and apply."
    return Finding("notification e-mail", Result.MISSING, "", hint)


def _connection(tenant: Tenant) -> Finding:
    try:
        test_connection(tenant)
    except AppError as error:
        if error.problems[0].code is not Code.APP_NOT_READY:
            raise
        return Finding("connection", Result.MISSING, error.problems[0].message, error.problems[0].hint)
    return Finding("connection", Result.FOUND, "tested")


def _as_described(subject: Subject, wanted: Wanted) -> Finding:
    job = Job(subject.project, subject.pipeline, subject.endpoint, wanted, subject.graph)
    found = differences(job)
    if not found:
        return Finding("app as described", Result.FOUND)
    hint = f"See scimport app plan {subject.pipeline.name}; then app apply, or app pull."
    return Finding("app as described", Result.DIFFERENT, f"{len(found)} differences", hint)


# What we send, and what the mappings take


def _drift(subject: Subject, tenant: Tenant) -> Iterator[Finding]:
    parts = Parts(tenant.schema())
    mapping, _ = compiled(subject.project, subject.pipeline, None, datetime.now(UTC))
    sent = sent_attributes(mapping.leaves)
    not_taken, not_sent = drift(sent, parts.rows)
    name = subject.pipeline.name
    if not_taken:
        hint = (
            "They are sent in vain: map them in the pipeline (app.attribute_mappings) and"
            f" scimport app apply {name}, or take them out of the mapping."
        )
        detail = f"no mapping takes {', '.join(sorted(not_taken))}"
        yield Finding("attributes that we send", Result.DIFFERENT, detail, hint)
    else:
        yield Finding("attributes that we send", Result.FOUND, f"all {len(sent)} have a mapping")
    needed, optional = ([each for each in not_sent if _needs(each[0]) is must] for must in (True, False))
    if needed:
        hint = "Send the attribute, or change the mapping, or take it away with `none`."
        yield Finding(
            "attributes that mappings need", Result.DIFFERENT, f"we do not send {_rows(needed)}", hint
        )
    else:
        detail = f"these stay empty: {_rows(optional)}" if optional else f"{len(parts.rows)} mappings"
        yield Finding("attributes that mappings need", Result.FOUND, detail)


def _needs(row: Row) -> bool:
    """Whether a mapping goes wrong, or clears something, without its attribute; else it only stays empty."""
    return bool(row.match) or row.when == "create" or row.nulls or is_function(row.expression)


def _rows(pairs: Iterable[tuple[Row, str]]) -> str:
    return ", ".join(f"{row.target} ({name})" for row, name in pairs)


def drift(sent: Collection[str], rows: Mapping[str, Row]) -> tuple[list[str], list[tuple[Row, str]]]:
    """Compare what is sent with what mappings read.

    Args:
        sent: Attributes as Entra names them.
        rows: The attribute mappings in the tenant.

    Returns:
        Attributes that no mapping reads; and mappings with the attribute that they read and nobody sends.
    """
    there = {name.casefold() for name in sent}
    read = {name.casefold() for row in rows.values() for name in attributes_in(row.expression)}
    not_taken = [name for name in sent if name.casefold() not in read]
    not_sent = [
        (row, name)
        for row in rows.values()
        for name in attributes_in(row.expression)
        if name.casefold() not in there
    ]
    return not_taken, not_sent


def sent_attributes(leaves: Iterable[MappedLeaf]) -> tuple[str, ...]:
    """The attributes that a mapping sends, by Entra's names, such as ``emails[type eq "work"].value``."""
    leaves = tuple(leaves)
    types = {
        leaf.path.removesuffix(".type"): leaf.value
        for leaf in leaves
        if leaf.path.endswith("].type") and leaf.is_constant
    }
    names = (_entra_name(leaf.path, types) for leaf in leaves)
    return tuple(dict.fromkeys(name for name in names if name))


def _entra_name(path: str, types: Mapping[str, Any]) -> str:
    if path in _ENVELOPE:
        return ""
    if found := _LIST.fullmatch(path):
        if found["part"] in ("type", "primary"):
            return ""
        kind = types.get(f"{found['name']}[{found['index']}]", "work")
        return f'{found["name"]}[type eq "{kind}"].{found["part"]}'
    if path.startswith("enterprise."):
        name = path.removeprefix("enterprise.")
        return f"{_ENTERPRISE}:{name.removesuffix('.value')}"
    return path
