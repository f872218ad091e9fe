"""Graph's calls beside synchronization: the gallery, applications, service principals, grants, agents.

``https://learn.microsoft.com/graph/application-provisioning-configuration-api``
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scimport.sandbox import apps, clock, filters, principals
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.principals import Principal
from scimport.sandbox.subject import Subject, about, collection, done
from scimport.sandbox.tenant import Tenant
from scimport.sandbox.web import answered, authorization, json_answer, json_body, tenant_of

MAKE_APP = ("Application.ReadWrite.OwnedBy", "Application.ReadWrite.All")
READ_APP = ("Application.Read.All", *MAKE_APP, "Directory.Read.All")
READ_GRANTS = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
GRANT = ("AppRoleAssignment.ReadWrite.All",)
READ_AGENTS = ("OnPremisesPublishingProfiles.ReadWrite.All",)


def routes() -> list[BaseRoute]:
    """The routes, below a version."""
    principal = "/servicePrincipals/{principal}"
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
        ("GET", "/onPremisesPublishingProfiles/provisioning/agents", list_agents),
        ("GET", "/onPremisesPublishingProfiles/provisioning/publishedResources", list_domains),
    ]
    return [Route(path, answered(handler), methods=[method]) for method, path, handler in table]


# The gallery


async def list_templates(request: Request) -> Response:
    """``GET /applicationTemplates``: the gallery; ``$filter`` on displayName or id."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), ())
    return collection(filters.chosen(_gallery(tenant), request.query_params, ("displayName", "id")))


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
    return collection(filters.chosen(found, request.query_params, properties))


async def rename_application(request: Request) -> Response:
    """``PATCH /applications/{id}`` with ``displayName``."""
    body = await json_body(request)
    with _application(request) as work:
        if body.keys() != {"displayName"} or not isinstance(body["displayName"], str):
            raise invalid("The sandbox changes displayName alone.")
        principals.rename(work.connection, work.principal, body["displayName"])
    return done()


async def delete_application(request: Request) -> Response:
    """``DELETE /applications/{id}``: the application with its service principal and its jobs."""
    with _application(request) as work:
        for app in apps.of_principal(work.connection, work.principal.id):
            apps.delete(work.connection, app)
        principals.remove(work.connection, work.principal)
    return done()


@contextmanager
def _application(request: Request) -> Iterator[Subject]:
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
        yield Subject(tenant, connection, tenant.settings, found, tenant.now())


async def get_principal(request: Request) -> Response:
    """``GET /servicePrincipals/{id}``."""
    with about(request, READ_APP) as work:
        return json_answer(principals.document(work.principal))


async def list_owners(request: Request) -> Response:
    """``GET /servicePrincipals/{id}/owners``: the service principal of the client that has made it."""
    with about(request, READ_APP) as work:
        owner = principals.of_client(work.connection, work.principal.owner)
        return collection([principals.document(owner)] if owner else [])


async def list_assignments(request: Request) -> Response:
    """``GET /servicePrincipals/{id}/appRoleAssignments``."""
    with about(request, READ_GRANTS) as work:
        return collection(principals.assignments(work.connection, work.principal))


async def assign_role(request: Request) -> Response:
    """``POST /servicePrincipals/{id}/appRoleAssignments``: 201."""
    body = await json_body(request)
    with about(request, GRANT) as work:
        principals.microsoft_graph(work.connection, work.at)
        if body.get("principalId") != work.principal.id:
            raise invalid("principalId must be the id of the service principal in the path.")
        resource, role = str(body.get("resourceId")), str(body.get("appRoleId"))
        ident = principals.assign(work.connection, work.principal, resource, role, work.at)
        made = principals.assignments(work.connection, work.principal)
    return json_answer(next(each for each in made if each["id"] == ident), 201)


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
    return collection([] if settings.agent == "none" else [agent])


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
    return collection([] if settings.agent == "none" else [domain])
