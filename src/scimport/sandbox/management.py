"""Graph's calls that set provisioning up: the gallery, service principals, jobs, secrets, schemas, agents.

``https://learn.microsoft.com/graph/application-provisioning-configuration-api``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scimport.sandbox import (
    apps,
    clock,
    filters,
    job_settings,
    lifecycle,
    parsing,
    principals,
    processing,
    schemas,
)
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.mappings import MappingError
from scimport.sandbox.principals import Principal
from scimport.sandbox.settings import Settings
from scimport.sandbox.tenant import READ_JOB, WRITE_JOB, Tenant
from scimport.sandbox.web import BEFORE_READING, answered, authorization, json_answer, json_body, tenant_of

MAKE_APP = ("Application.ReadWrite.OwnedBy", "Application.ReadWrite.All")
READ_APP = ("Application.Read.All", *MAKE_APP, "Directory.Read.All")
PATCH_JOB = ("Synchronization.ReadWrite.All",)
READ_GRANTS = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
GRANT = ("AppRoleAssignment.ReadWrite.All",)
READ_AGENTS = ("OnPremisesPublishingProfiles.ReadWrite.All",)


def routes() -> list[BaseRoute]:
    """The routes, below a version."""
    principal = "/servicePrincipals/{principal}"
    sync = f"{principal}/synchronization"
    job, template = f"{sync}/jobs/{{job}}", f"{sync}/templates/{{template}}"
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/applicationTemplates", list_templates),
        ("GET", "/applicationTemplates/{template}", get_template),
        ("POST", "/applicationTemplates/{template}/instantiate", instantiate),
        ("GET", "/applications", list_applications),
        ("PATCH", "/applications/{application}", rename_application),
        ("DELETE", "/applications/{application}", delete_application),
        ("GET", "/servicePrincipals", list_principals),
        ("GET", principal, get_principal),
        ("GET", f"{principal}/owners", list_owners),
        ("GET", f"{principal}/appRoleAssignments", list_assignments),
        ("POST", f"{principal}/appRoleAssignments", assign_role),
        ("GET", f"{sync}/secrets", get_secrets),
        ("PUT", f"{sync}/secrets", put_secrets),
        ("GET", f"{sync}/templates", list_job_templates),
        ("GET", template, get_job_template),
        ("GET", f"{template}/schema", get_template_schema),
        ("GET", f"{sync}/jobs", list_jobs),
        ("POST", f"{sync}/jobs", create_job),
        ("GET", job, get_job),
        ("PATCH", job, patch_job),
        ("DELETE", job, delete_job),
        ("POST", f"{job}/start", start),
        ("POST", f"{job}/pause", pause),
        ("POST", f"{job}/restart", restart),
        ("POST", f"{job}/validateCredentials", validate_credentials),
        ("POST", f"{job}/provisionOnDemand", provision_on_demand),
        ("GET", f"{job}/schema", get_schema),
        ("PUT", f"{job}/schema", put_schema),
        ("DELETE", f"{job}/schema", reset_schema),
        ("GET", f"{job}/schema/filterOperators", list_filter_operators),
        ("GET", f"{job}/schema/functions", list_functions),
        ("POST", f"{job}/schema/parseExpression", parse_expression),
        ("GET", "/onPremisesPublishingProfiles/provisioning/agents", list_agents),
        ("GET", "/onPremisesPublishingProfiles/provisioning/publishedResources", list_domains),
    ]
    return [Route(path, answered(handler), methods=[method]) for method, path, handler in table]


# What a call is about


@dataclass(frozen=True, slots=True)
class _Work:
    """A transaction about one service principal.

    Attributes:
        tenant: The tenant.
        connection: Its database, in a transaction.
        settings: Its settings.
        principal: The service principal that the path names.
        at: The present.
    """

    tenant: Tenant
    connection: sqlite3.Connection
    settings: Settings
    principal: Principal
    at: int


@contextmanager
def _about(request: Request, permissions: tuple[str, ...]) -> Iterator[_Work]:
    """Look the service principal of a path up, for somebody who may.

    Raises:
        GraphError: 401, 403, 404.
    """
    tenant, ident = tenant_of(request), request.path_params["principal"]
    tenant.authorize(authorization(request), permissions, ident)
    with tenant.store.transaction() as connection:
        at = tenant.now()
        principal = principals.find(connection, ident, at)
        yield _Work(tenant, connection, tenant.settings, principal, at)


def _job(work: _Work, request: Request) -> App:
    return apps.find(work.connection, request.path_params["job"], work.principal.id)


def _collection(items: list[dict[str, Any]]) -> Response:
    return json_answer({"value": items})


def _done() -> Response:
    return Response(status_code=204)


# The gallery


async def list_templates(request: Request) -> Response:
    """``GET /applicationTemplates``: the gallery; ``$filter`` on displayName or id."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), ())
    return _collection(filters.chosen(_gallery(tenant), request.query_params, ("displayName", "id")))


async def get_template(request: Request) -> Response:
    """``GET /applicationTemplates/{id}``."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), ())
    return json_answer(_template(tenant, request))


def _template(tenant: Tenant, request: Request) -> dict[str, Any]:
    ident = request.path_params["template"]
    for template in _gallery(tenant):
        if template["id"] == ident:
            return template
    raise GraphError(404, Reason.UNKNOWN_PATH, f"The application template '{ident}' does not exist.")


def _gallery(tenant: Tenant) -> list[dict[str, Any]]:
    names = dict(zip(("entra-id", "on-premises-ad"), tenant.settings.gallery, strict=True))
    other = {"id": str(uuid5(NAMESPACE_URL, "custom")), "displayName": "Custom", "publisher": "Microsoft"}
    return [
        {"id": principals.template_id(tenant.id, target), "displayName": name, "publisher": "Microsoft"}
        for target, name in names.items()
    ] + [other]


async def instantiate(request: Request) -> Response:
    """``POST /applicationTemplates/{id}/instantiate``: 201 with application and service principal."""
    tenant = tenant_of(request)
    client = tenant.authorize(authorization(request), MAKE_APP)
    template, body = _template(tenant, request), await json_body(request)
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise invalid("displayName must be a string that is not empty.")
    targets = {principals.template_id(tenant.id, target): target for target in TARGETS}
    at = tenant.now()
    made = principals.new(
        name,
        at,
        template=template["id"],
        target=targets.get(template["id"], ""),
        owner=client,
        visible=at + round(tenant.settings.principal_delay * clock.SECOND),
    )
    with tenant.store.transaction() as connection:
        principal = principals.add(connection, made)
    answer = {
        "application": principals.application(principal),
        "servicePrincipal": principals.document(principal),
    }
    return json_answer(answer, 201)


# Applications and service principals


async def list_applications(request: Request) -> Response:
    """``GET /applications``; ``$filter`` on appId or displayName."""
    return _list(request, principals.application, ("appId", "displayName"))


async def list_principals(request: Request) -> Response:
    """``GET /servicePrincipals``; ``$filter`` on appId, displayName or applicationTemplateId."""
    return _list(request, principals.document, ("appId", "displayName", "applicationTemplateId"))


def _list(
    request: Request, shown: Callable[[Principal], dict[str, Any]], properties: tuple[str, ...]
) -> Response:
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), READ_APP)
    with tenant.store.transaction() as connection:
        principals.microsoft_graph(connection, tenant.now())
        found = [shown(each) for each in principals.listing(connection, tenant.now())]
    return _collection(filters.chosen(found, request.query_params, properties))


async def rename_application(request: Request) -> Response:
    """``PATCH /applications/{id}`` with ``displayName``."""
    body = await json_body(request)
    with _application(request) as work:
        if body.keys() != {"displayName"} or not isinstance(body["displayName"], str):
            raise invalid("The sandbox changes displayName alone.")
        principals.rename(work.connection, work.principal, body["displayName"])
    return _done()


async def delete_application(request: Request) -> Response:
    """``DELETE /applications/{id}``: the application with its service principal and its jobs."""
    with _application(request) as work:
        for app in apps.of_principal(work.connection, work.principal.id):
            apps.delete(work.connection, app)
        principals.remove(work.connection, work.principal)
    return _done()


@contextmanager
def _application(request: Request) -> Iterator[_Work]:
    """Look an application up by its object id, for somebody who may change it.

    Raises:
        GraphError: 401, 403, 404.
    """
    tenant, ident = tenant_of(request), request.path_params["application"]
    found = principals.of_object(tenant.store.connection, ident)
    tenant.authorize(authorization(request), MAKE_APP, found.id if found else "")
    if found is None:
        raise GraphError(404, Reason.UNKNOWN_PRINCIPAL, f"Resource '{ident}' does not exist.")
    with tenant.store.transaction() as connection:
        yield _Work(tenant, connection, tenant.settings, found, tenant.now())


async def get_principal(request: Request) -> Response:
    """``GET /servicePrincipals/{id}``."""
    with _about(request, READ_APP) as work:
        return json_answer(principals.document(work.principal))


async def list_owners(request: Request) -> Response:
    """``GET /servicePrincipals/{id}/owners``: the service principal of the client that has made it."""
    with _about(request, READ_APP) as work:
        owner = principals.of_client(work.connection, work.principal.owner)
        return _collection([principals.document(owner)] if owner else [])


async def list_assignments(request: Request) -> Response:
    """``GET /servicePrincipals/{id}/appRoleAssignments``."""
    with _about(request, READ_GRANTS) as work:
        return _collection(principals.assignments(work.connection, work.principal))


async def assign_role(request: Request) -> Response:
    """``POST /servicePrincipals/{id}/appRoleAssignments``: 201."""
    body = await json_body(request)
    with _about(request, GRANT) as work:
        principals.microsoft_graph(work.connection, work.at)
        if body.get("principalId") != work.principal.id:
            raise invalid("principalId must be the id of the service principal in the path.")
        resource, role = str(body.get("resourceId")), str(body.get("appRoleId"))
        ident = principals.assign(work.connection, work.principal, resource, role, work.at)
        made = principals.assignments(work.connection, work.principal)
    return json_answer(next(each for each in made if each["id"] == ident), 201)


# Secrets and job templates


async def get_secrets(request: Request) -> Response:
    """``GET .../synchronization/secrets``: no password among them can be used again."""
    with _about(request, READ_JOB) as work:
        return _collection(job_settings.shown(work.principal.secrets))


async def put_secrets(request: Request) -> Response:
    """``PUT .../synchronization/secrets``: 204; it replaces all."""
    body = await json_body(request)
    with _about(request, WRITE_JOB) as work:
        principals.replace_secrets(work.connection, work.principal, job_settings.read_body(body))
    return _done()


async def list_job_templates(request: Request) -> Response:
    """``GET .../synchronization/templates``: what jobs can be made of."""
    with _about(request, READ_JOB) as work:
        return _collection([_job_template(work)] if work.principal.target else [])


async def get_job_template(request: Request) -> Response:
    """``GET .../synchronization/templates/{id}``."""
    with _about(request, READ_JOB) as work:
        return json_answer(_known_template(work, request))


async def get_template_schema(request: Request) -> Response:
    """``GET .../synchronization/templates/{id}/schema``: the default of the jobs made of it."""
    with _about(request, READ_JOB) as work:
        return json_answer(_known_template(work, request)["schema"])


def _job_template(work: _Work) -> dict[str, Any]:
    tag = TARGETS[work.principal.target].template
    schema = schemas.default(work.principal.target, tag, work.settings.ad_domain)
    return {"id": tag, "factoryTag": tag, "default": True, "discoverable": False, "schema": schema}


def _known_template(work: _Work, request: Request) -> dict[str, Any]:
    ident = request.path_params["template"]
    template = _job_template(work) if work.principal.target else None
    if template is None or template["id"] != ident:
        raise GraphError(404, Reason.UNKNOWN_PATH, f"The synchronization template '{ident}' does not exist.")
    return template


# Jobs


async def list_jobs(request: Request) -> Response:
    """``GET .../synchronization/jobs``."""
    tenant_of(request).work(BEFORE_READING)
    with _about(request, READ_JOB) as work:
        found = apps.of_principal(work.connection, work.principal.id)
        return _collection([apps.synchronization_job(work.connection, app, work.settings) for app in found])


async def create_job(request: Request) -> Response:
    """``POST .../synchronization/jobs`` with ``templateId``: 201; the job waits to be started."""
    body = await json_body(request)
    with _about(request, WRITE_JOB) as work:
        target = work.principal.target
        if not target or body.get("templateId") != TARGETS[target].template:
            raise invalid("templateId must be the id of a synchronization template of the application.")
        made = sum(app.target == target for app in apps.listing(work.connection))
        if work.settings.jobs_per_target and made >= work.settings.jobs_per_target:
            message = f"The tenant's licence allows {work.settings.jobs_per_target} jobs of this kind."
            raise GraphError(403, Reason.FORBIDDEN, message)
        app = apps.add_job(work.connection, work.tenant.id, work.principal, work.at)
        return json_answer(apps.synchronization_job(work.connection, app, work.settings), 201)


async def get_job(request: Request) -> Response:
    """``GET .../jobs/{id}``: the synchronizationJob."""
    tenant_of(request).work(BEFORE_READING)
    with _about(request, READ_JOB) as work:
        return json_answer(apps.synchronization_job(work.connection, _job(work, request), work.settings))


async def patch_job(request: Request) -> Response:
    """``PATCH .../jobs/{id}`` with ``synchronizationJobSettings``: 204."""
    body = await json_body(request)
    pairs = body.get("synchronizationJobSettings")
    if body.keys() != {"synchronizationJobSettings"} or not isinstance(pairs, list):
        raise invalid("The sandbox changes synchronizationJobSettings alone, a list of name and value.")
    with _about(request, PATCH_JOB) as work:
        apps.replace_settings(work.connection, _job(work, request), pairs)
    return _done()


async def delete_job(request: Request) -> Response:
    """``DELETE .../jobs/{id}``: 204; what it knew is lost."""
    with _about(request, WRITE_JOB) as work:
        apps.delete(work.connection, _job(work, request))
    return _done()


async def start(request: Request) -> Response:
    """``POST .../jobs/{id}/start``: 204; what waits in the bucket goes on."""
    with _about(request, WRITE_JOB) as work:
        app = _job(work, request)
        job = apps.job_settings_of(work.connection, app)
        lifecycle.start(work.connection, app, job, work.settings, work.at)
    return _done()


async def pause(request: Request) -> Response:
    """``POST .../jobs/{id}/pause``: 204; uploads are taken and wait."""
    with _about(request, WRITE_JOB) as work:
        lifecycle.pause(work.connection, _job(work, request))
    return _done()


async def restart(request: Request) -> Response:
    """``POST .../jobs/{id}/restart`` with ``criteria.resetScope``: 204."""
    scope = lifecycle.read_scope(await json_body(request) if await request.body() else {})
    with _about(request, WRITE_JOB) as work:
        app = _job(work, request)
        job = apps.job_settings_of(work.connection, app)
        lifecycle.restart(work.connection, app, scope, job, work.settings, work.at)
    return _done()


async def validate_credentials(request: Request) -> Response:
    """``POST .../jobs/{id}/validateCredentials``: 204 when the job can reach its directory."""
    body = await json_body(request) if await request.body() else {}
    given = job_settings.read_pairs(body.get("credentials") or [])
    with _about(request, WRITE_JOB) as work:
        app = _job(work, request)
        saved = dict(work.principal.secrets) if body.get("useSavedCredentials", True) else {}
        job = job_settings.read_settings({**saved, **given})
        if trouble := lifecycle.obstacle(app, job, work.settings):
            agent = trouble is lifecycle.NO_AGENT
            raise GraphError(400, Reason.AGENT if agent else Reason.DOMAIN, trouble.message)
    return _done()


async def provision_on_demand(request: Request) -> Response:
    """``POST .../jobs/{id}/provisionOnDemand``: refused, as for every API-driven job."""
    with _about(request, WRITE_JOB) as work:
        _job(work, request)
    message = "Provision on demand is not supported for API-driven provisioning."
    raise GraphError(400, Reason.NOT_SUPPORTED, message)


# Schemas


async def get_schema(request: Request) -> Response:
    """``GET .../jobs/{id}/schema``."""
    with _about(request, READ_JOB) as work:
        return json_answer(apps.schema(work.connection, _job(work, request), work.settings))


async def put_schema(request: Request) -> Response:
    """``PUT .../jobs/{id}/schema``: 204; it replaces all, and people are looked at again."""
    schema = await json_body(request)
    schemas.check(schema)
    with _about(request, WRITE_JOB) as work:
        job = _job(work, request)
        try:
            processing.check_schema(schema, job.target, work.settings)
        except MappingError as error:
            raise invalid(str(error)) from error
        apps.replace_schema(work.connection, job, schema)
    return _done()


async def reset_schema(request: Request) -> Response:
    """``DELETE .../jobs/{id}/schema``: 204; the default is back."""
    with _about(request, WRITE_JOB) as work:
        apps.replace_schema(work.connection, _job(work, request), None)
    return _done()


async def list_filter_operators(request: Request) -> Response:
    """``GET .../schema/filterOperators``: the operators of scoping filters."""
    with _about(request, READ_JOB) as work:
        _job(work, request)
    return _collection(schemas.filter_operators())


async def list_functions(request: Request) -> Response:
    """``GET .../schema/functions``: the functions of expressions."""
    with _about(request, READ_JOB) as work:
        _job(work, request)
    return _collection(parsing.functions())


async def parse_expression(request: Request) -> Response:
    """``POST .../schema/parseExpression``: an expression taken apart, and tried on a test."""
    body = await json_body(request)
    with _about(request, READ_JOB) as work:
        _job(work, request)
        domain = work.settings.default_domain
    return json_answer(parsing.answer(body, domain))


# Agents of Active Directory


async def list_agents(request: Request) -> Response:
    """``GET /onPremisesPublishingProfiles/provisioning/agents`` (beta)."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), READ_AGENTS)
    settings = tenant.settings
    agent = {
        "id": str(uuid5(NAMESPACE_URL, f"{tenant.id}/agent")),
        "machineName": settings.agent_machine,
        "externalIp": "203.0.113.10",
        "status": settings.agent,
        "supportedPublishingTypes": ["provisioning"],
    }
    return _collection([] if settings.agent == "none" else [agent])


async def list_domains(request: Request) -> Response:
    """``GET /onPremisesPublishingProfiles/provisioning/publishedResources`` (beta)."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), READ_AGENTS)
    settings = tenant.settings
    domain = {
        "id": str(uuid5(NAMESPACE_URL, f"{tenant.id}/domain")),
        "displayName": settings.ad_domain,
        "resourceName": settings.ad_domain,
        "publishingType": "provisioning",
    }
    return _collection([] if settings.agent == "none" else [domain])
