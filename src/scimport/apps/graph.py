"""Microsoft Graph, apart from uploads and the log: reads and sets up what provisioning needs.

``https://learn.microsoft.com/graph/application-provisioning-configuration-api``. What is refused becomes an
error that names the permission, or what else to do.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from scimport.apps import stops
from scimport.apps.answer import Answer, Cause, answer_of
from scimport.apps.app import App
from scimport.apps.client import reader, unanswered
from scimport.apps.hosts import Endpoint
from scimport.apps.outbox import DeliveryResult
from scimport.codes import Code
from scimport.errors import GraphRefusal
from scimport.model import Problem

Json = dict[str, Any]

_TRIES = 4
_FIRST_PAUSE = 1.0
_THROTTLED_PAUSE = 10.0
# A call that is repeated after its answer was lost must not make a second app.
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})

_OWNED = "Application.ReadWrite.OwnedBy (for apps that the caller has made)"
# https://learn.microsoft.com/graph/permissions-reference; the first that fits counts.
_NEEDED: tuple[tuple[str, str], ...] = (
    (r"POST /applicationTemplates", "Application.ReadWrite.OwnedBy, or Application.ReadWrite.All"),
    (r"POST /servicePrincipals/[^/]+/appRoleAssignments", "AppRoleAssignment.ReadWrite.All"),
    (r"GET /servicePrincipals/[^/]+/appRoleAssignments", "Application.Read.All"),
    (r"GET /servicePrincipals/[^/]+/synchronization", f"Synchronization.Read.All, or {_OWNED}"),
    (r"\w+ /servicePrincipals/[^/]+/synchronization", f"Synchronization.ReadWrite.All, or {_OWNED}"),
    (r"GET /(servicePrincipals|applications)", "Application.Read.All, or Application.ReadWrite.OwnedBy"),
    (r"\w+ /applications", "Application.ReadWrite.OwnedBy, or Application.ReadWrite.All"),
    (
        r"\w+ /onPremisesPublishingProfiles",
        "OnPremisesPublishingProfiles.ReadWrite.All, which Microsoft documents for signed-in people only",
    ),
)


class Graph:
    """Calls of Graph with one sign-in; a context manager, for one thread.

    Args:
        app: Where Graph is (an endpoint on its host), and how to sign in.
        sleep: Waits so many seconds.
    """

    def __init__(self, app: App, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._app, self.sleep = app, sleep
        self._http = reader(app.endpoint)
        self._root = root_of(app.endpoint)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._http.close()

    @property
    def endpoint(self) -> Endpoint:
        """Where Graph is."""
        return self._app.endpoint

    @property
    def root(self) -> str:
        """URL of Graph without a version."""
        return self._root

    def get(self, path: str, *, version: str = "v1.0", **query: str) -> Json:
        """Read an object.

        Args:
            path: Below the version, such as ``/servicePrincipals/{id}``.
            version: ``v1.0`` or ``beta``.
            query: OData options without their ``$``.

        Raises:
            GraphRefusal: Graph does not give it.
            SignInError: No token, or a fresh one is refused.
        """
        return self._call("GET", self._url(path, version, query), path)

    def listing(self, path: str, *, version: str = "v1.0", **query: str) -> list[Json]:
        """Read a collection, all pages of it.

        Raises:
            GraphRefusal: Graph does not give it, or goes on at another place.
            SignInError: No token, or a fresh one is refused.
        """
        url, found, seen = self._url(path, version, query), [], set()
        while url:
            if url in seen or not url.startswith(f"{self._root}/"):
                raise _refusal("GET", path, Answer(DeliveryResult.DENIED, words="its pages lead elsewhere"))
            seen.add(url)
            page = self._call("GET", url, path)
            found += page.get("value", [])
            url = page.get("@odata.nextLink", "")
        return found

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Post something; returns what was made, or an empty object.

        Raises:
            GraphRefusal: Graph does not do it.
            SignInError: No token, or a fresh one is refused.
        """
        return self._call("POST", self._url(path), path, body or {})

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """Replace something.

        Raises:
            GraphRefusal: Graph does not do it.
            SignInError: No token, or a fresh one is refused.
        """
        self._call("PUT", self._url(path), path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change something.

        Raises:
            GraphRefusal: Graph does not do it.
            SignInError: No token, or a fresh one is refused.
        """
        self._call("PATCH", self._url(path), path, body)

    def delete(self, path: str) -> None:
        """Delete something.

        Raises:
            GraphRefusal: Graph does not do it.
            SignInError: No token, or a fresh one is refused.
        """
        self._call("DELETE", self._url(path), path)

    def _url(self, path: str, version: str = "v1.0", query: Mapping[str, str] | None = None) -> str:
        options = "&".join(f"${name}={quote(value, safe='')}" for name, value in (query or {}).items())
        return f"{self._root}/{version}{path}{'?' if options else ''}{options}"

    def _call(self, method: str, url: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        renewed = False
        answer = Answer(DeliveryResult.FAILED)
        for tried in range(_TRIES):
            header = self._app.authenticator.header()
            response, answer = self._ask(method, url, header, body)
            if response is not None and response.is_success:
                return _document(response)
            if answer.status == 401 and not renewed:
                renewed = True
                self._app.authenticator.renew(header)
            elif not _is_passing(method, answer) or tried == _TRIES - 1:
                break
            else:
                self.sleep(_pause(answer, tried))
        if answer.status == 401:
            raise stops.fresh_token_refused(answer)
        raise _refusal(method, path, answer)

    def _ask(
        self, method: str, url: str, header: str, body: Mapping[str, Any] | None
    ) -> tuple[httpx.Response | None, Answer]:
        endpoint = self._app.endpoint
        if header and not endpoint.trusted:
            raise ValueError("a token must not be sent to this endpoint")
        headers = {"Authorization": header} if header else {}
        try:
            response = self._http.request(method, url, headers=headers, json=body)
        except httpx.RequestError as error:
            return None, unanswered(error, endpoint)
        return response, answer_of(response.status_code, response.headers, response.content[:65_536])


def root_of(endpoint: Endpoint) -> str:
    """URL of the Graph that an endpoint is on, without a version."""
    parts = urlsplit(endpoint.url)
    return f"{parts.scheme}://{parts.netloc}"


def literal(text: str) -> str:
    """A text in a ``$filter``, in quotes."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _document(response: httpx.Response) -> Json:
    if not response.content:
        return {}
    try:
        document = json.loads(response.content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        words = "the answer is not JSON"
        raise _refusal(response.request.method, response.url.path, Answer(DeliveryResult.DENIED, words=words))
    return document


def _is_passing(method: str, answer: Answer) -> bool:
    if answer.result is DeliveryResult.THROTTLED or answer.cause is Cause.UNREACHABLE:
        return True
    passing = answer.result is DeliveryResult.FAILED and answer.cause is not Cause.CERTIFICATE
    return passing and method in _REPEATABLE


def _pause(answer: Answer, tried: int) -> float:
    if answer.result is DeliveryResult.THROTTLED:
        return answer.retry_after if answer.retry_after is not None else _THROTTLED_PAUSE
    return max(answer.retry_after or 0.0, _FIRST_PAUSE * 2.0**tried)


def _refusal(method: str, path: str, answer: Answer) -> GraphRefusal:
    call, words = f"{method} {path}", answer.words or "no explanation"
    code, message, hint = Code.GRAPH_REFUSES, f"{call} fails (HTTP {answer.status}): {words}", ""
    if answer.cause is Cause.CERTIFICATE:
        code, message = Code.CERTIFICATE, words
        hint = "If a proxy of yours opens TLS, set SSL_CERT_FILE to its authority's certificate."
    elif answer.status is None:
        code, message = Code.ENDPOINT_UNREACHABLE, f"{call}: {words}"
        hint = "Check this machine's network and proxy, and try again; what was done so far is kept."
    elif answer.status == 403:
        code, message = Code.PERMISSION_MISSING, f"Graph denies {call} (403): {words}"
        needed = next((name for pattern, name in _NEEDED if re.match(pattern, call)), "a permission")
        hint = f"Grant the signed-in application {needed} (Microsoft Graph) with admin consent."
    elif answer.status == 404:
        hint = "Compare app.endpoint with the app's page; a new app takes up to a minute to be found."
    elif answer.status == 429 or answer.status >= 500:
        hint = f"Try again later; what was done so far is kept (request-id {answer.request_id or 'unknown'})."
    problem = Problem(code, message, hint=hint, field="app")
    return GraphRefusal(problem, status=answer.status, words=words)
