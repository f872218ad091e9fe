"""Reads the provisioning log of a job, page by page.

``https://learn.microsoft.com/graph/api/provisioningobjectsummary-list``. The log is at the root of the same
Graph as the job. It takes five requests in ten seconds from an application, apart from the limits of uploads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import httpx

from scimport.apps import stops
from scimport.apps.answer import Answer, Cause, answer_of, server_time
from scimport.apps.app import App
from scimport.apps.client import reader, unanswered
from scimport.apps.entries import LogPage, read_page
from scimport.apps.hosts import Endpoint
from scimport.apps.outbox import DeliveryResult
from scimport.codes import Code
from scimport.errors import LogError, ScimportError
from scimport.model import Problem

PAGE = 1000
"""Entries asked for in a page; the service may give fewer."""
TURN = 2.2
"""Seconds between two requests: five in ten seconds, and a little for the way."""

_THROTTLED_PAUSE = 10.0
_FIRST_PAUSE = 1.0
_TRIES = 6


class LogReader:
    """Reads the log of one app's job.

    Args:
        app: Where the job is, and how to sign in.
        turn: Called before each request: how many seconds to wait for one's turn.
        sleep: Waits so many seconds.
        tries: How often a page is asked for, while what is in the way may pass.
    """

    def __init__(
        self,
        app: App,
        *,
        turn: Callable[[], float] = lambda: TURN,
        sleep: Callable[[float], object] = time.sleep,
        tries: int = _TRIES,
    ) -> None:
        self._app, self._turn, self._sleep, self._tries = app, turn, sleep, tries
        self._header = ""

    def pages(self, since: float) -> Iterator[LogPage]:
        """Read what happened at a time and later, oldest first where the service keeps to it.

        Pages may overlap, repeat entries, or be empty.

        Args:
            since: Seconds since 1970, by the service's clock.

        Raises:
            LogError: The log cannot be read.
            SignInError: No token, or a fresh one is refused.
        """
        endpoint = self._app.endpoint
        seen: set[str] = set()
        with reader(endpoint) as http:
            url, response = self._first(http, since)
            while True:
                seen.add(url)
                page = _page(response, endpoint)
                yield page
                url = page.next_link
                if not url:
                    return
                _check_link(url, endpoint, seen)
                response = self._get(http, url)

    def _first(self, http: httpx.Client, since: float) -> tuple[str, httpx.Response]:
        """The first page: in order and long if the service allows that, else as it likes."""
        first = log_url(self._app.endpoint, since)
        try:
            return first, self._get(http, first)
        except _RefusedError:
            plain = log_url(self._app.endpoint, since, plain=True)
            return plain, self._get(http, plain)

    def _get(self, http: httpx.Client, url: str) -> httpx.Response:
        renewed = False
        answer = Answer(DeliveryResult.FAILED)
        for tried in range(self._tries):
            self._sleep(self._turn())
            response, answer = self._ask(http, url)
            if response is not None and response.status_code == 200:
                return response
            if answer.status == 401 and not renewed:
                renewed = True
                self._app.authenticator.renew(self._header)
            elif _is_passing(answer):
                self._sleep(_pause(answer, tried))
            else:
                raise _stopped(answer, self._app.endpoint)
        raise _given_up(answer)

    def _ask(self, http: httpx.Client, url: str) -> tuple[httpx.Response | None, Answer]:
        endpoint = self._app.endpoint
        self._header = self._app.authenticator.header()
        if self._header and not endpoint.trusted:
            raise ValueError("a token must not be sent to this endpoint")
        headers = {"Authorization": self._header} if self._header else {}
        try:
            response = http.get(url, headers=headers)
        except httpx.RequestError as error:
            return None, unanswered(error, endpoint)
        return response, answer_of(response.status_code, response.headers, response.content[:65_536])


def log_url(endpoint: Endpoint, since: float, *, plain: bool = False) -> str:
    """Where the log of an endpoint's job is, from a time on.

    Args:
        endpoint: A bulkUpload URL; the log is at its root, in the same version.
        since: Seconds since 1970; cut to the whole second, as the log's own times may be.
        plain: Ask for neither order nor length.

    Raises:
        LogError: The endpoint has no job.
    """
    if not endpoint.job:
        raise LogError(
            Problem(
                Code.LOG_UNREADABLE,
                "the endpoint has no job whose provisioning log could be read",
                hint="It looks like https://host/v1.0/servicePrincipals/{id}/synchronization/jobs/{job}/bulkUpload.",
                field="app.endpoint",
            )
        )
    from_then = f"{datetime.fromtimestamp(int(since), UTC):%Y-%m-%dT%H:%M:%SZ}"
    query = {"$filter": f"jobId eq '{endpoint.job}' and activityDateTime ge {from_then}"}
    if not plain:
        query |= {"$orderby": "activityDateTime asc", "$top": str(PAGE)}
    # The path was checked to have this form, whatever its case.
    root = endpoint.url[: endpoint.url.casefold().index("/serviceprincipals/")]
    return f"{root}/auditLogs/provisioning?{urlencode(query, quote_via=quote, safe='$')}"


def _page(response: httpx.Response, endpoint: Endpoint) -> LogPage:
    try:
        return read_page(response.content, endpoint.job, server_time(response.headers.get("date", "")))
    except ValueError:
        message = "the answer is not a page of the provisioning log"
        raise _unreadable(message, "See what stands between this machine and the endpoint.") from None


def _check_link(url: str, endpoint: Endpoint, seen: set[str]) -> None:
    """The log says itself where it goes on; the token goes to the endpoint's own host and nowhere else."""
    try:
        link = httpx.URL(url)
        port = link.port or {"http": 80, "https": 443}[link.scheme]
        at_home = (link.scheme, link.host.strip("[]"), port) == (
            endpoint.scheme,
            endpoint.host,
            endpoint.port,
        )
    except (httpx.InvalidURL, KeyError):
        at_home = False
    if not at_home or link.userinfo:
        raise _unreadable(
            "the log goes on at another host, which is not followed", "Report this; read again."
        )
    if url in seen:
        raise _unreadable("the log's pages go in a circle", "Read again later.")


def _is_passing(answer: Answer) -> bool:
    if answer.cause is Cause.CERTIFICATE:
        return False
    passing = (DeliveryResult.THROTTLED, DeliveryResult.FAILED, DeliveryResult.BUCKET_FULL)
    return answer.result in passing


def _pause(answer: Answer, tried: int) -> float:
    if answer.result is DeliveryResult.THROTTLED:
        return answer.retry_after if answer.retry_after is not None else _THROTTLED_PAUSE
    return max(answer.retry_after or 0.0, _FIRST_PAUSE * 2.0**tried)


class _RefusedError(LogError):
    """A 400: the service does not take the query."""


def _stopped(answer: Answer, endpoint: Endpoint) -> ScimportError:
    words = answer.words or "no explanation"
    if answer.cause is Cause.CERTIFICATE:
        return stops.certificate(answer)
    if answer.status == 401:
        return stops.fresh_token_refused(answer)
    if answer.status == 403:
        hint = (
            "Grant the signed-in application ProvisioningLog.Read.All (Microsoft Graph, application"
            " permission) with admin consent; the tenant needs P1 or P2."
        )
        message = f"the endpoint denies reading the provisioning log (403): {words}"
        return LogError(Problem(Code.PERMISSION_MISSING, message, hint=hint, field="app.auth"))
    message = f"the provisioning log cannot be read (HTTP {answer.status}): {words}"
    hint = f"Compare app.endpoint with the app's page; the log is on {endpoint.host} too."
    kind = _RefusedError if answer.result is DeliveryResult.REFUSED else LogError
    return kind(Problem(Code.LOG_UNREADABLE, message, hint=hint, field="app.endpoint"))


def _given_up(answer: Answer) -> LogError:
    status = f"HTTP {answer.status}: " if answer.status else ""
    message = f"the provisioning log could not be read in {_TRIES} tries: {status}{answer.words}"
    code = Code.ENDPOINT_UNREACHABLE if answer.cause is Cause.UNREACHABLE else Code.LOG_UNREADABLE
    hint = "Run `scimport confirm` again later; what was read so far is kept."
    return LogError(Problem(code, message, hint=hint, field="app.endpoint"))


def _unreadable(message: str, hint: str) -> LogError:
    return LogError(Problem(Code.LOG_UNREADABLE, message, hint=hint, field="app.endpoint"))
