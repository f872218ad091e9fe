"""The HTTP surface: Graph's part for inbound provisioning, the token endpoint, the sandbox's own controls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from scimport.sandbox import apps, calls, management, pages, principals, summaries, synchronization, tokens
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.faults import Kind
from scimport.sandbox.graph import GraphError, invalid
from scimport.sandbox.tenant import READ_LOG, Tenant
from scimport.sandbox.web import (
    BEFORE_READING,
    NoAnswer,
    answered,
    app_of,
    authorization,
    base,
    json_answer,
    json_body,
    not_routed,
    number,
    origin,
    page_answer,
    tenant_of,
    with_transport,
)


def create_asgi(tenant: Tenant) -> ASGIApp:
    """The sandbox as an ASGI application over a tenant, which the caller closes."""
    job = "/servicePrincipals/{principal}/synchronization/jobs/{job}"
    surface: list[BaseRoute] = [
        Route(f"{job}/bulkUpload", answered(bulk_upload), methods=["POST"]),
        # The Location of an upload has the slash.
        Route("/auditLogs/provisioning", answered(list_log), methods=["GET"]),
        Route("/auditLogs/provisioning/", answered(list_log), methods=["GET"]),
        *management.routes(),
        *synchronization.routes(),
    ]
    starlette = Starlette(
        routes=[
            Mount("/v1.0", routes=surface),
            Mount("/beta", routes=surface),
            Mount("/sandbox", routes=_controls()),
            Route("/{tenant}/oauth2/v2.0/token", issue_token, methods=["POST"]),
            *pages.routes(),
        ],
        exception_handlers={HTTPException: not_routed},
        lifespan=_lifespan,
    )
    starlette.router.redirect_slashes = False
    starlette.state.tenant = tenant
    return with_transport(starlette)


def _controls() -> list[BaseRoute]:
    return [
        Route("/health", answered(health), methods=["GET"]),
        Route("/apps", answered(create_app), methods=["POST"]),
        Route("/apps", answered(list_apps), methods=["GET"]),
        Route("/clients", answered(create_client), methods=["POST"]),
        Route("/requests", answered(list_requests), methods=["GET"]),
        Route("/apps/{job}/users", answered(list_users), methods=["GET"]),
        Route("/apps/{job}/calls", answered(list_calls), methods=["GET"]),
        Route("/calls", answered(list_calls), methods=["GET"]),
        Route("/settings", answered(get_settings), methods=["GET"]),
        Route("/settings", answered(put_settings), methods=["PUT"]),
        Route("/faults", answered(get_faults), methods=["GET"]),
        Route("/faults", answered(order_faults), methods=["POST"]),
        Route("/faults", answered(clear_faults), methods=["DELETE"]),
    ]


@asynccontextmanager
async def _lifespan(starlette: Starlette) -> AsyncIterator[None]:
    worker = asyncio.create_task(_work(starlette.state.tenant))
    yield
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


async def _work(tenant: Tenant) -> None:
    """Process what waits in the buckets, one request at a time between those of the clients."""
    while True:  # noqa: ASYNC110 - what is due is decided by a clock that can be set, and by other processes
        await asyncio.sleep(0 if tenant.work(1) else 0.1)


# Microsoft Graph


async def bulk_upload(request: Request) -> Response:
    """``POST .../jobs/{id}/bulkUpload``: 202 with no body, and where the log is."""
    tenant, job = tenant_of(request), request.path_params["job"]
    ids = request.state.request_id, request.state.client_request_id
    call = tenant.arrive(request.path_params["principal"], job, authorization(request), *ids)
    try:
        if call.fault is Kind.CUT_BEFORE:
            tenant.refuse(call, None)
            return NoAnswer()
        body = await request.body()
        if call.latency:
            await asyncio.sleep(call.latency)
        tenant.take(call, body, request.headers.get("content-type", ""))
    except GraphError as error:
        tenant.refuse(call, error.status)
        raise
    except ClientDisconnect:
        return NoAnswer()
    if call.fault is Kind.CUT_AFTER:
        return NoAnswer()
    location = f"{base(request)}/auditLogs/provisioning/?$filter=jobid%20eq%20'{job}'"
    return Response(status_code=202, headers={"location": location})


async def list_log(request: Request) -> Response:
    """``GET /auditLogs/provisioning``: a page of provisioningObjectSummary."""
    tenant = tenant_of(request)
    tenant.authorize(authorization(request), READ_LOG)
    tenant.work(BEFORE_READING)
    parameters = dict(request.query_params)
    rows, token = tenant.read_log(parameters)
    beta = request.scope["root_path"].endswith("beta")
    page = {
        "@odata.context": f"{base(request)}/$metadata#auditLogs/provisioning",
        "value": [summaries.render(row, tenant.id, beta=beta) for row in rows],
    }
    if token:
        query = urlencode({**parameters, "$skiptoken": token}, safe="$", quote_via=quote)
        page["@odata.nextLink"] = f"{base(request)}/auditLogs/provisioning?{query}"
    return json_answer(page)


async def issue_token(request: Request) -> Response:
    """``POST /{tenant}/oauth2/v2.0/token``: a token for client credentials."""
    tenant = tenant_of(request)
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    try:
        with tenant.store.transaction() as connection:
            return json_answer(tokens.issue(connection, form, tenant.settings, tenant.now()))
    except tokens.SignInRefused as error:
        return json_answer(error.body(tenant.now(), str(uuid4())), error.status)


# The sandbox's own controls


async def health(request: Request) -> Response:
    """``GET /sandbox/health``: that it is there, and in which process."""
    return json_answer({"status": "ok", "pid": os.getpid(), "tenantId": tenant_of(request).id})


async def create_app(request: Request) -> Response:
    """``POST /sandbox/apps`` with ``name`` and ``target``: that app, created and started if new."""
    wishes = await json_body(request)
    if wishes.keys() != {"name", "target"} or not all(isinstance(value, str) for value in wishes.values()):
        raise invalid("The body must be an object with the strings name and target.")
    return json_answer(_app_json(request, tenant_of(request).create_app(**wishes)))


async def create_client(request: Request) -> Response:
    """``POST /sandbox/clients`` with ``clientId`` and ``permissions``: an API client's service principal."""
    wishes, tenant = await json_body(request), tenant_of(request)
    client, permissions = wishes.get("clientId"), wishes.get("permissions", [])
    if not isinstance(client, str) or not client or not isinstance(permissions, list):
        raise invalid("The body must be an object with the string clientId and the list permissions.")
    if unknown := [name for name in permissions if name not in principals.ROLES]:
        raise invalid(f"Unknown permissions: {', '.join(map(str, unknown))}.")
    with tenant.store.transaction() as connection:
        at = tenant.now()
        found = principals.of_client(connection, client)
        principal = found or principals.add(connection, principals.new(client, at, application=client))
        graph = principals.microsoft_graph(connection, at)
        for name in set(permissions) - principals.permissions(connection, client):
            principals.assign(connection, principal, graph.id, principals.ROLES[name], at)
    return json_answer(principals.document(principal))


async def list_requests(request: Request) -> Response:
    """``GET /sandbox/requests``: the last thousand calls of Graph that were no upload."""
    return json_answer({"value": list(tenant_of(request).requests)})


async def list_apps(request: Request) -> Response:
    """``GET /sandbox/apps``: all apps."""
    tenant = tenant_of(request)
    tenant.work(BEFORE_READING)
    return json_answer({"value": [_app_json(request, app) for app in apps.listing(tenant.store.connection)]})


async def list_users(request: Request) -> Response:
    """``GET /sandbox/apps/{job}/users``: its people in the directory; ``top``, ``after``, ``externalId``."""
    tenant = tenant_of(request)
    tenant.work(BEFORE_READING)
    query = request.query_params
    top, after = number(query, "top", 100), query.get("after", "")
    people = apps.people(tenant.store.connection, app_of(request), after, top, query.getlist("externalId"))
    return page_answer(request, people, people[-1]["externalId"] if len(people) == top else None)


async def list_calls(request: Request) -> Response:
    """``GET /sandbox[/apps/{job}]/calls``: bulk calls as they arrived; ``top``, ``after``."""
    top, after = number(request.query_params, "top", 1000), number(request.query_params, "after", 0)
    app = app_of(request).id if "job" in request.path_params else None
    found = calls.listing(tenant_of(request).store.connection, app, after, top)
    return page_answer(request, found, found[-1]["id"] if len(found) == top else None)


async def get_settings(request: Request) -> Response:
    """``GET /sandbox/settings``."""
    return json_answer(tenant_of(request).settings.model_dump())


async def put_settings(request: Request) -> Response:
    """``PUT /sandbox/settings``: changes those that are named, and answers with all."""
    return json_answer(tenant_of(request).change_settings(await json_body(request)).model_dump())


async def get_faults(request: Request) -> Response:
    """``GET /sandbox/faults``: what is still to come."""
    return json_answer(tenant_of(request).faults.faults.model_dump())


async def order_faults(request: Request) -> Response:
    """``POST /sandbox/faults``: replaces those that are named, and answers with all."""
    return json_answer(tenant_of(request).order_faults(await json_body(request)).model_dump())


async def clear_faults(request: Request) -> Response:
    """``DELETE /sandbox/faults``: everything works again."""
    tenant_of(request).faults.clear()
    return Response(status_code=204)


def _app_json(request: Request, app: App) -> dict[str, Any]:
    root = origin(request)
    path = f"/v1.0/servicePrincipals/{app.principal}/synchronization/jobs/{app.job}"
    return {
        "name": app.name,
        "target": app.target,
        "templateId": TARGETS[app.target].template,
        "servicePrincipalId": app.principal,
        "applicationId": app.application,
        "jobId": app.job,
        "tenantId": tenant_of(request).id,
        "state": app.state,
        "queued": app.queued,
        "endpoint": f"{root}{path}/bulkUpload",
        "tokenEndpoint": f"{root}/{tenant_of(request).id}/oauth2/v2.0/token",
    }
