"""The HTTP surface: Graph's part for inbound provisioning, the token endpoint, the sandbox's own controls."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from time import time
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from scimport.sandbox import apps, calls, graph, summaries, tokens
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.faults import Kind
from scimport.sandbox.graph import CODES, GraphError, Reason, invalid
from scimport.sandbox.tenant import READ_JOB, READ_LOG, WRITE_JOB, Tenant

Handler = Callable[[Request], Awaitable[Response]]

# Requests of a bucket that are processed before a read, so that a small bucket is never seen half done.
_BEFORE_READING = 20


def create_asgi(tenant: Tenant) -> ASGIApp:
    """The sandbox as an ASGI application over a tenant, which the caller closes."""
    job = "/servicePrincipals/{principal}/synchronization/jobs/{job}"
    surface: list[BaseRoute] = [
        Route(f"{job}/bulkUpload", _answered(bulk_upload), methods=["POST"]),
        Route(f"{job}/start", _answered(start), methods=["POST"]),
        Route(f"{job}/pause", _answered(pause), methods=["POST"]),
        Route(job, _answered(get_job), methods=["GET"]),
        # The Location of an upload has the slash.
        Route("/auditLogs/provisioning", _answered(list_log), methods=["GET"]),
        Route("/auditLogs/provisioning/", _answered(list_log), methods=["GET"]),
    ]
    starlette = Starlette(
        routes=[
            Mount("/v1.0", routes=surface),
            Mount("/beta", routes=surface),
            Mount("/sandbox", routes=_controls()),
            Route("/{tenant}/oauth2/v2.0/token", issue_token, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _not_routed},
        lifespan=_lifespan,
    )
    starlette.router.redirect_slashes = False
    starlette.state.tenant = tenant
    return _with_transport(starlette)


def _controls() -> list[BaseRoute]:
    return [
        Route("/health", _answered(health), methods=["GET"]),
        Route("/apps", _answered(create_app), methods=["POST"]),
        Route("/apps", _answered(list_apps), methods=["GET"]),
        Route("/apps/{job}/users", _answered(list_users), methods=["GET"]),
        Route("/apps/{job}/calls", _answered(list_calls), methods=["GET"]),
        Route("/calls", _answered(list_calls), methods=["GET"]),
        Route("/settings", _answered(get_settings), methods=["GET"]),
        Route("/settings", _answered(put_settings), methods=["PUT"]),
        Route("/faults", _answered(get_faults), methods=["GET"]),
        Route("/faults", _answered(order_faults), methods=["POST"]),
        Route("/faults", _answered(clear_faults), methods=["DELETE"]),
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
    tenant, job = _tenant(request), request.path_params["job"]
    ids = request.state.request_id, request.state.client_request_id
    call = tenant.arrive(request.path_params["principal"], job, _authorization(request), *ids)
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
    location = f"{_base(request)}/auditLogs/provisioning/?$filter=jobid%20eq%20'{job}'"
    return Response(status_code=202, headers={"location": location})


async def get_job(request: Request) -> Response:
    """``GET .../jobs/{id}``: the synchronizationJob."""
    tenant = _tenant(request)
    tenant.authorize(_authorization(request), READ_JOB)
    tenant.work(_BEFORE_READING)
    connection = tenant.store.connection
    return _json(apps.synchronization_job(connection, _app(request), tenant.settings))


async def start(request: Request) -> Response:
    """``POST .../jobs/{id}/start``: 204; what waits in the bucket goes on."""
    return _set_state(request, "Active")


async def pause(request: Request) -> Response:
    """``POST .../jobs/{id}/pause``: 204; uploads are taken and wait."""
    return _set_state(request, "Paused")


def _set_state(request: Request, state: str) -> Response:
    tenant = _tenant(request)
    tenant.authorize(_authorization(request), WRITE_JOB)
    app = _app(request)
    # Pausing a job that was never started changes nothing.
    if not (state == "Paused" and app.state == "Disabled"):
        with tenant.store.transaction() as connection:
            apps.set_state(connection, app, state)
    return Response(status_code=204)


async def list_log(request: Request) -> Response:
    """``GET /auditLogs/provisioning``: a page of provisioningObjectSummary."""
    tenant = _tenant(request)
    tenant.authorize(_authorization(request), READ_LOG)
    tenant.work(_BEFORE_READING)
    parameters = dict(request.query_params)
    rows, token = tenant.read_log(parameters)
    beta = request.scope["root_path"].endswith("beta")
    page = {
        "@odata.context": f"{_base(request)}/$metadata#auditLogs/provisioning",
        "value": [summaries.render(row, tenant.id, beta=beta) for row in rows],
    }
    if token:
        query = urlencode({**parameters, "$skiptoken": token}, safe="$", quote_via=quote)
        page["@odata.nextLink"] = f"{_base(request)}/auditLogs/provisioning?{query}"
    return _json(page)


async def issue_token(request: Request) -> Response:
    """``POST /{tenant}/oauth2/v2.0/token``: a token for client credentials."""
    tenant = _tenant(request)
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    try:
        with tenant.store.transaction() as connection:
            return _json(tokens.issue(connection, form, tenant.settings, tenant.now()))
    except tokens.SignInRefused as error:
        return _json(error.body(tenant.now(), str(uuid4())), error.status)


# The sandbox's own controls


async def health(request: Request) -> Response:
    """``GET /sandbox/health``: that it is there, and in which process."""
    return _json({"status": "ok", "pid": os.getpid(), "tenantId": _tenant(request).id})


async def create_app(request: Request) -> Response:
    """``POST /sandbox/apps`` with ``name`` and ``target``: that app, created and started if new."""
    wishes = await _object(request)
    if wishes.keys() != {"name", "target"} or not all(isinstance(value, str) for value in wishes.values()):
        raise invalid("The body must be an object with the strings name and target.")
    return _json(_app_json(request, _tenant(request).create_app(**wishes)))


async def list_apps(request: Request) -> Response:
    """``GET /sandbox/apps``: all apps."""
    tenant = _tenant(request)
    tenant.work(_BEFORE_READING)
    return _json({"value": [_app_json(request, app) for app in apps.listing(tenant.store.connection)]})


async def list_users(request: Request) -> Response:
    """``GET /sandbox/apps/{job}/users``: its people in the directory; ``top``, ``after``, ``externalId``."""
    tenant = _tenant(request)
    tenant.work(_BEFORE_READING)
    query = request.query_params
    top, after = _number(query, "top", 100), query.get("after", "")
    people = apps.people(tenant.store.connection, _app(request), after, top, query.getlist("externalId"))
    return _page(request, people, people[-1]["externalId"] if len(people) == top else None)


async def list_calls(request: Request) -> Response:
    """``GET /sandbox[/apps/{job}]/calls``: bulk calls as they arrived; ``top``, ``after``."""
    top, after = _number(request.query_params, "top", 1000), _number(request.query_params, "after", 0)
    app = _app(request).id if "job" in request.path_params else None
    found = calls.listing(_tenant(request).store.connection, app, after, top)
    return _page(request, found, found[-1]["id"] if len(found) == top else None)


async def get_settings(request: Request) -> Response:
    """``GET /sandbox/settings``."""
    return _json(_tenant(request).settings.model_dump())


async def put_settings(request: Request) -> Response:
    """``PUT /sandbox/settings``: changes those that are named, and answers with all."""
    return _json(_tenant(request).change_settings(await _object(request)).model_dump())


async def get_faults(request: Request) -> Response:
    """``GET /sandbox/faults``: what is still to come."""
    return _json(_tenant(request).faults.faults.model_dump())


async def order_faults(request: Request) -> Response:
    """``POST /sandbox/faults``: replaces those that are named, and answers with all."""
    return _json(_tenant(request).order_faults(await _object(request)).model_dump())


async def clear_faults(request: Request) -> Response:
    """``DELETE /sandbox/faults``: everything works again."""
    _tenant(request).faults.clear()
    return Response(status_code=204)


# Requests and answers


class NoAnswer(Response):
    """Closes the connection without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the face of ASGI
        """Cut the connection, and wait until the server has noticed, which would answer 500 otherwise."""
        scope["sandbox.transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def _with_transport(app: ASGIApp) -> ASGIApp:
    """Gives requests the transport of their connection, which ASGI itself has no way to cut."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn passes bound methods of the object that holds the connection.
        owner = getattr(send, "__self__", None)
        scope["sandbox.transport"] = getattr(owner, "transport", None)
        await app(scope, receive, send)

    return wrapped


def _answered(handler: Handler) -> Handler:
    """A handler whose errors are answered as Graph does, and whose answers carry the request's ids."""

    async def answer(request: Request) -> Response:
        _identify(request)
        try:
            response = await handler(request)
        except GraphError as error:
            response = _refusal(request, error)
        return _sign(request, response)

    return answer


def _identify(request: Request) -> None:
    request.state.request_id = str(uuid4())
    request.state.client_request_id = request.headers.get("client-request-id") or request.state.request_id


def _sign(request: Request, response: Response) -> Response:
    response.headers["request-id"] = request.state.request_id
    response.headers["client-request-id"] = request.state.client_request_id
    return response


async def _not_routed(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = Reason.METHOD if status == 405 else Reason.UNKNOWN_PATH
    message = "The method is not supported here." if status == 405 else "Resource not found for the segment."
    _identify(request)
    response = _sign(request, _refusal(request, GraphError(status, reason, message)))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _refusal(request: Request, error: GraphError) -> Response:
    tenant = _tenant(request)
    settings = tenant.settings
    headers = _retry_after(error.retry_after, settings.retry_after)
    if tenant.faults.faults.html and not request.scope["root_path"].endswith("sandbox"):
        return Response(graph.page(error.status, error.message), error.status, headers, "text/html")
    ids = {"request_id": request.state.request_id, "client_request_id": request.state.client_request_id}
    code = settings.error_codes.get(error.reason, CODES[error.reason])
    content = graph.envelope(code, error.message, at=tenant.now(), **ids)
    return Response(content, error.status, headers, "application/json")


def _retry_after(seconds: float | None, form: str) -> dict[str, str]:
    """The header Retry-After (RFC 9110 section 10.2.3), rounded up to whole seconds."""
    if seconds is None or form == "off":
        return {}
    if form == "date":
        return {"retry-after": formatdate(math.ceil(time() + seconds), usegmt=True)}
    return {"retry-after": str(math.ceil(seconds))}


def _tenant(request: Request) -> Tenant:
    tenant: Tenant = request.app.state.tenant
    return tenant


def _app(request: Request) -> App:
    """The app that the path names.

    Raises:
        GraphError: 404.
    """
    parameters = request.path_params
    return apps.find(_tenant(request).store.connection, parameters["job"], parameters.get("principal"))


def _app_json(request: Request, app: App) -> dict[str, Any]:
    origin = _origin(request)
    path = f"/v1.0/servicePrincipals/{app.principal}/synchronization/jobs/{app.job}"
    return {
        "name": app.name,
        "target": app.target,
        "templateId": TARGETS[app.target].template,
        "servicePrincipalId": app.principal,
        "applicationId": app.application,
        "jobId": app.job,
        "tenantId": _tenant(request).id,
        "state": app.state,
        "queued": app.queued,
        "endpoint": f"{origin}{path}/bulkUpload",
        "tokenEndpoint": f"{origin}/{_tenant(request).id}/oauth2/v2.0/token",
    }


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _base(request: Request) -> str:
    """The URL up to and with the version."""
    return f"{_origin(request)}{request.scope['root_path']}"


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _page(request: Request, items: list[dict[str, Any]], after: object) -> Response:
    """A page, with the link to the next when there may be one."""
    page: dict[str, Any] = {"value": items}
    if after is not None:
        page["nextLink"] = str(request.url.include_query_params(after=after))
    return _json(page)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or len(text) > 9:
        raise invalid(f"{name} must be a whole number.")
    return int(text)


async def _object(request: Request) -> dict[str, Any]:
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise invalid("The body is not JSON.") from error
    if not isinstance(content, dict):
        raise invalid("The body must be an object.")
    return content
