"""Requests and answers of the HTTP surface: ids, errors as Graph writes them, JSON, cut connections."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from time import time
from typing import Any
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scimport.sandbox import apps, graph
from scimport.sandbox.apps import App
from scimport.sandbox.graph import CODES, GraphError, Reason, invalid
from scimport.sandbox.tenant import Tenant

Handler = Callable[[Request], Awaitable[Response]]

BEFORE_READING = 20
"""Requests of a bucket that are processed before a read, so that a small bucket is never seen half done."""


class NoAnswer(Response):
    """Closes the connection without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the face of ASGI
        """Cut the connection, and wait until the server has noticed, which would answer 500 otherwise."""
        scope["sandbox.transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def with_transport(app: ASGIApp) -> ASGIApp:
    """Gives requests the transport of their connection, which ASGI itself has no way to cut."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn passes bound methods of the object that holds the connection.
        owner = getattr(send, "__self__", None)
        scope["sandbox.transport"] = getattr(owner, "transport", None)
        await app(scope, receive, send)

    return wrapped


def answered(handler: Handler) -> Handler:
    """A handler whose errors are answered as Graph does, and whose answers carry the request's ids."""

    async def answer(request: Request) -> Response:
        _identify(request)
        try:
            tenant_of(request).strike(_graph_path(request))
            response = await handler(request)
        except GraphError as error:
            response = _refusal(request, error)
        tenant_of(request).note(request.method, _graph_path(request), response.status_code)
        return _sign(request, response)

    return answer


def _graph_path(request: Request) -> str:
    """Path of a call of Graph that sets up or reads; empty for uploads and the sandbox's own controls."""
    graph = request.scope["root_path"].endswith(("v1.0", "beta"))
    return request.url.path if graph and not request.url.path.endswith("/bulkUpload") else ""


def _identify(request: Request) -> None:
    request.state.request_id = str(uuid4())
    request.state.client_request_id = request.headers.get("client-request-id") or request.state.request_id


def _sign(request: Request, response: Response) -> Response:
    response.headers["request-id"] = request.state.request_id
    response.headers["client-request-id"] = request.state.client_request_id
    return response


async def not_routed(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = Reason.METHOD if status == 405 else Reason.UNKNOWN_PATH
    message = "The method is not supported here." if status == 405 else "Resource not found for the segment."
    _identify(request)
    response = _sign(request, _refusal(request, GraphError(status, reason, message)))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _refusal(request: Request, error: GraphError) -> Response:
    tenant = tenant_of(request)
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


def tenant_of(request: Request) -> Tenant:
    """The tenant that is served."""
    tenant: Tenant = request.app.state.tenant
    return tenant


def app_of(request: Request) -> App:
    """The app that the path names.

    Raises:
        GraphError: 404.
    """
    parameters = request.path_params
    return apps.find(tenant_of(request).store.connection, parameters["job"], parameters.get("principal"))


def authorization(request: Request) -> str:
    """The header of a request that may hold a token; empty when it is missing."""
    return request.headers.get("authorization", "")


def base(request: Request) -> str:
    """The URL up to and with the version."""
    return f"{origin(request)}{request.scope['root_path']}"


def origin(request: Request) -> str:
    """The URL up to the path, without a slash."""
    return str(request.base_url).rstrip("/")


def json_answer(content: Any, status: int = 200) -> Response:
    """An answer that is a JSON document."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def page_answer(request: Request, items: list[dict[str, Any]], after: object) -> Response:
    """A page, with the link to the next when there may be one."""
    page: dict[str, Any] = {"value": items}
    if after is not None:
        page["nextLink"] = str(request.url.include_query_params(after=after))
    return json_answer(page)


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A parameter that is a whole number.

    Raises:
        GraphError: 400, when it is none.
    """
    text = query.get(name, str(default))
    if not text.isdecimal() or len(text) > 9:
        raise invalid(f"{name} must be a whole number.")
    return int(text)


async def json_body(request: Request) -> dict[str, Any]:
    """The object that a request has in its body.

    Raises:
        GraphError: 400, when it has none.
    """
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise invalid("The body is not JSON.") from error
    if not isinstance(content, dict):
        raise invalid("The body must be an object.")
    return content
