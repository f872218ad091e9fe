from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from scimport.apps import client as client_module
from scimport.apps.answer import Answer, Cause
from scimport.apps.client import Client, connect
from scimport.apps.hosts import check_endpoint
from scimport.apps.outbox import DeliveryResult
from scimport.codes import Code
from scimport.errors import DeliveryError

if TYPE_CHECKING:
    from tests.apps.conftest import Server

BUCKET = (
    b'{"error":{"code":"x","message":"The bucket that stores the ingested data is full, please wait for the'
    b' synchronization service to process the ingested data and retry this request."}}'
)


@contextmanager
def connected(url: str, *, trusted: bool = False) -> Iterator[Client]:
    client = Client(check_endpoint(url, trusted_hosts=["127.0.0.1"] if trusted else []))
    try:
        yield client
    finally:
        client.close()


def post(url: str, body: bytes = b"{}") -> Answer:
    with connected(url) as client:
        return client.post(body, request_id="r-1")


def test_a_request_is_compressed_where_the_endpoint_takes_it(server: Server) -> None:
    body = b'{"a": 1}' * 1000
    client = Client(check_endpoint(server.url), compress=True)
    assert client.post(body, request_id="r-1").result is DeliveryResult.ACCEPTED
    client.close()
    (request,) = server.requests
    assert request.headers["content-encoding"] == "gzip"
    assert gzip.decompress(request.body) == body
    assert len(request.body) < len(body) / 8


def test_a_request_arrives_as_it_is_and_the_connection_is_kept(server: Server) -> None:
    server.say(202, request_id="server-1", Location="https://elsewhere.example/")
    with connected(server.url, trusted=True) as client:
        first = client.post(b'{"a": 1}', request_id="r-1", authorization="Bearer abc")
        second = client.post(b'{"a": 2}', request_id="r-2")
    assert first == Answer(
        DeliveryResult.ACCEPTED, status=202, words="HTTP 202 Accepted", request_id="server-1"
    )
    assert second.result is DeliveryResult.ACCEPTED
    one, two = server.requests
    assert one.connection == two.connection
    assert one.path == check_endpoint(server.url).url.partition(str(server.server_address[1]))[2]
    assert (one.body, two.body) == (b'{"a": 1}', b'{"a": 2}')
    assert one.headers["content-type"] == "application/scim+json"
    assert one.headers["client-request-id"] == "r-1"
    assert one.headers["authorization"] == "Bearer abc"
    assert "authorization" not in two.headers
    assert one.headers["user-agent"].startswith("scimport/")


def test_a_token_never_leaves_for_a_host_that_is_not_trusted(server: Server) -> None:
    with connected(server.url) as client, pytest.raises(ValueError, match="token"):
        client.post(b"{}", request_id="r-1", authorization="Bearer abc")
    assert not server.requests


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, b"{}", DeliveryResult.ACCEPTED),
        (202, b"", DeliveryResult.ACCEPTED),
        (204, b"", DeliveryResult.ACCEPTED),
        (301, b"", DeliveryResult.DENIED),
        (302, b"", DeliveryResult.DENIED),
        (400, b"", DeliveryResult.REFUSED),
        (400, BUCKET, DeliveryResult.REFUSED),
        (401, b"", DeliveryResult.DENIED),
        (403, b"", DeliveryResult.DENIED),
        (404, b"", DeliveryResult.DENIED),
        (405, b"", DeliveryResult.DENIED),
        (408, b"", DeliveryResult.FAILED),
        (413, b"", DeliveryResult.REFUSED),
        (415, b"", DeliveryResult.REFUSED),
        (422, b"", DeliveryResult.REFUSED),
        (429, b"", DeliveryResult.THROTTLED),
        (500, BUCKET, DeliveryResult.BUCKET_FULL),
        (503, BUCKET, DeliveryResult.BUCKET_FULL),
        (500, b"the disk is full", DeliveryResult.FAILED),
        (502, b"<html>", DeliveryResult.FAILED),
        (599, b"", DeliveryResult.FAILED),
    ],
)
def test_every_status_has_a_meaning(server: Server, status: int, body: bytes, result: DeliveryResult) -> None:
    server.say(status, body, Location="https://elsewhere.example/")
    answer = post(server.url)
    assert answer.result is result
    assert answer.status == status
    assert answer.cause is Cause.ANSWERED
    assert answer.words
    assert len(server.requests) == 1


def test_a_body_without_end_is_cut(server: Server) -> None:
    server.say(500, b"x" * 2_000_000)
    assert post(server.url).words == "x" * 299 + "…"


def test_a_body_that_breaks_off_leaves_the_status(server: Server) -> None:
    server.say(202, b"short", Content_Length="4000")
    assert post(server.url).result is DeliveryResult.ACCEPTED
    server.say(400, b"not gzip", Content_Encoding="gzip")
    assert post(server.url) == Answer(DeliveryResult.REFUSED, status=400, words="HTTP 400 Bad Request")


def test_a_cut_connection_is_a_failure_of_unknown_outcome(server: Server) -> None:
    server.cut()
    answer = post(server.url)
    assert (answer.result, answer.status, answer.cause) == (DeliveryResult.FAILED, None, Cause.CUT_OFF)
    assert answer.words == f"the connection to 127.0.0.1:{server.server_address[1]} was cut off"


def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", httpx.Timeout(0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = post(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert (answer.result, answer.cause) == (DeliveryResult.FAILED, Cause.CUT_OFF)
    assert "did not answer in time" in answer.words


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = post(f"http://127.0.0.1:{port}/")
    assert (answer.result, answer.cause) == (DeliveryResult.FAILED, Cause.UNREACHABLE)
    assert answer.words == f"nothing listens on 127.0.0.1:{port} (connection refused)"


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    answer = post("https://gateway.acme.example/scim")
    assert answer.cause is Cause.UNREACHABLE
    assert answer.words == "the name of gateway.acme.example:443 is not known here (DNS)"


def test_a_proxy_of_the_environment_is_used_except_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    answer = post("https://gateway.acme.example/scim")
    assert answer.cause is Cause.UNREACHABLE
    assert answer.words == "the proxy does not connect to gateway.acme.example:443"
    assert post(server.url).result is DeliveryResult.ACCEPTED
    assert server.requests[-1].path.startswith("/v1.0/")


def test_certificates_are_verified(
    serve: Callable[..., AbstractContextManager[Server]], self_signed: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    with serve(context=context) as server:
        answer = post(server.url)
        assert (answer.result, answer.cause) == (DeliveryResult.FAILED, Cause.CERTIFICATE)
        assert "is not valid here: self-signed certificate" in answer.words
        assert not server.requests
        trusting = ssl.create_default_context(cafile=str(self_signed))
        client = Client(check_endpoint(server.url), ssl_context=trusting)
        assert client.post(b"{}", request_id="r-1").result is DeliveryResult.ACCEPTED
        client.close()


def test_https_to_a_server_without_tls(server: Server) -> None:
    answer = post(server.url.replace("http:", "https:"))
    assert answer.cause is Cause.UNREACHABLE
    assert "does not speak TLS" in answer.words


@pytest.mark.parametrize(
    ("name", "value", "expected", "words"),
    [
        ("SSL_CERT_FILE", "/nowhere/secret.pem", Code.CERTIFICATE, "No such file"),
        ("HTTPS_PROXY", "gopher://me:secret@proxy.example", Code.ENDPOINT_UNREACHABLE, "proxy"),
        ("HTTPS_PROXY", "http://me:secret@proxy.example:port", Code.ENDPOINT_UNREACHABLE, "proxy"),
    ],
)
def test_an_environment_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: Code, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DeliveryError, match=words) as stopped:
        connect(check_endpoint("https://gateway.acme.example/scim"), 2)
    (problem,) = stopped.value.problems
    assert problem.code is expected
    assert "secret" not in problem.message + problem.hint
    for client in connect(check_endpoint("http://127.0.0.1:8000/scim"), 2):
        client.close()
