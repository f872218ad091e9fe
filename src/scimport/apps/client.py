"""One POST to an endpoint: a bulk request goes out, an answer comes back, whatever happens on the way."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import httpx

from scimport import __version__
from scimport.apps import stops
from scimport.apps.answer import Answer, Cause, answer_of
from scimport.apps.hosts import Endpoint
from scimport.apps.outbox import DeliveryResult
from scimport.apps.words import one_line

TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=10.0)
"""Seconds for each step of a request; in all less than the state takes a request for lost after."""

_HEADERS = {
    "User-Agent": f"scimport/{__version__}",
    "Content-Type": "application/scim+json",
    "Accept": "application/scim+json, application/json",
    "Accept-Encoding": "identity",
}
_MAX_ANSWER = 65_536
_LEVEL = 1  # A request comes down to an eighth; more levels cost twice the time for a tenth more.


class Client:
    """Posts bulk requests to one endpoint over one connection that is kept open; for one thread.

    Redirects are not followed (a token must not wander) and certificates are always verified. Proxies and
    ``SSL_CERT_FILE`` come from the environment, as httpx reads it, except for an endpoint on this machine.

    Args:
        endpoint: Where to post.
        ssl_context: Shared by the clients of several threads, since loading the authorities takes a while.
        compress: Whether requests are compressed with gzip (RFC 9110 section 8.4.1).

    Raises:
        ValueError, ImportError, httpx.InvalidURL: The environment names a proxy that httpx cannot use.
    """

    def __init__(
        self, endpoint: Endpoint, *, ssl_context: ssl.SSLContext | None = None, compress: bool = False
    ) -> None:
        self._endpoint, self._compress = endpoint, compress
        self._http = httpx.Client(
            timeout=TIMEOUT,
            verify=ssl_context or True,
            trust_env=not endpoint.loopback,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=30.0),
            headers=_HEADERS,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def post(self, body: bytes, *, request_id: str, authorization: str = "") -> Answer:
        """Send one bulk request.

        Args:
            body: The request as :func:`scimport.apps.bulk.bulk_request` made it.
            request_id: GUID for ``client-request-id``.
            authorization: Value of the ``Authorization`` header; empty for none.

        Returns:
            The answer; a connection that fails is an answer too, never an exception.

        Raises:
            ValueError: A token for a host that must not see one;
                :func:`~scimport.apps.hosts.check_endpoint` says which.
        """
        headers = {"client-request-id": request_id}
        if authorization:
            if not self._endpoint.trusted:
                raise ValueError("a token must not be sent to this endpoint")
            headers["Authorization"] = authorization
        if self._compress:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, _LEVEL)
        try:
            with self._http.stream("POST", self._endpoint.url, content=body, headers=headers) as response:
                return answer_of(response.status_code, response.headers, _beginning(response))
        except httpx.TransportError as error:
            return unanswered(error, self._endpoint)


def connect(endpoint: Endpoint, count: int, *, compress: bool = False) -> list[Client]:
    """Make a client for each of several threads; they share the loaded authorities.

    Raises:
        DeliveryError: The environment names authorities or a proxy that cannot be used.
    """
    context = _ssl_context(endpoint)
    try:
        return [Client(endpoint, ssl_context=context, compress=compress) for _ in range(count)]
    except (ValueError, ImportError, httpx.InvalidURL):
        raise stops.no_proxy() from None


def reader(endpoint: Endpoint) -> httpx.Client:
    """Make a client that reads from the endpoint's host, with the same care.

    Raises:
        DeliveryError: The environment names authorities or a proxy that cannot be used.
    """
    headers = {"User-Agent": _HEADERS["User-Agent"], "Accept": "application/json"}
    context, trust_env = _ssl_context(endpoint), not endpoint.loopback
    try:
        return httpx.Client(timeout=TIMEOUT, verify=context, trust_env=trust_env, headers=headers)
    except (ValueError, ImportError, httpx.InvalidURL):
        raise stops.no_proxy() from None


def _ssl_context(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.scheme == "http":
        # Never used; an empty one saves loading the authorities.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context(trust_env=not endpoint.loopback)
    except OSError as error:
        raise stops.no_authorities(error) from None


def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    # The status is the answer: a body that breaks off, or cannot be decoded, takes nothing away from it.
    with suppress(httpx.RequestError):
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= _MAX_ANSWER:
                break
    return bytes(body[:_MAX_ANSWER])


def unanswered(error: httpx.RequestError, endpoint: Endpoint) -> Answer:
    """Say why a request has no answer."""
    causes = tuple(_chain(error))
    place = f"{endpoint.host}:{endpoint.port}"
    for inner in causes:
        if isinstance(inner, ssl.SSLCertVerificationError):
            words = f"the certificate of {place} is not valid here: {inner.verify_message}"
            return Answer(DeliveryResult.FAILED, Cause.CERTIFICATE, words=one_line(words))
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return Answer(DeliveryResult.FAILED, Cause.UNREACHABLE, words=_no_connection(error, causes, place))
    if isinstance(error, httpx.TimeoutException):
        return Answer(DeliveryResult.FAILED, Cause.CUT_OFF, words=f"{place} did not answer in time")
    return Answer(DeliveryResult.FAILED, Cause.CUT_OFF, words=f"the connection to {place} was cut off")


def _no_connection(error: httpx.TransportError, causes: tuple[BaseException, ...], place: str) -> str:
    if isinstance(error, httpx.ProxyError):
        return f"the proxy does not connect to {place}"
    if any(isinstance(inner, socket.gaierror) for inner in causes):
        return f"the name of {place} is not known here (DNS)"
    if any(isinstance(inner, ConnectionRefusedError) for inner in causes):
        return f"nothing listens on {place} (connection refused)"
    if any(isinstance(inner, ssl.SSLError) for inner in causes):
        return f"{place} does not speak TLS as https needs it"
    return f"no connection to {place}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
