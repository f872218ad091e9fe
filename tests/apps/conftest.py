from __future__ import annotations

import ipaddress
import itertools
import json
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from scimport.apps.app import App
from scimport.apps.auth import Anonymous, Authenticator
from scimport.apps.delivery import Options
from scimport.apps.hosts import check_endpoint
from scimport.apps.outbox import Delivery, DeliveryResult, Operation, Wait
from scimport.codes import Code
from scimport.errors import BudgetError
from scimport.model import Problem

CUT = 0
"""A status that cuts the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def keys(self) -> list[str]:
        return [operation["data"]["externalId"] for operation in json.loads(self.body)["Operations"]]


Answering = Callable[[Request], Reply | int]


class Server(ThreadingHTTPServer):
    """An endpoint whose answers a test writes down, in order or as a function of the request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answering: Answering | None = None, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.answering = answering
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        self.scheme = "https" if context else "http"
        self.context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    @property
    def url(self) -> str:
        job = f"API2AAD.{'0' * 31}1.11111111-1111-1111-1111-111111111111"
        port = self.server_address[1]
        return f"{self.scheme}://127.0.0.1:{port}/v1.0/servicePrincipals/sp/synchronization/jobs/{job}/bulkUpload"

    def say(self, status: int, body: object = b"", **headers: str) -> None:
        """Answer so the next time; keywords are headers, with ``_`` for ``-``."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        self.replies.append(
            Reply(status, content, {name.replace("_", "-"): value for name, value in headers.items()})
        )

    def cut(self) -> None:
        """Cut the next connection after the request has arrived."""
        self.say(CUT)

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.in_flight, self.most_in_flight)
            scripted = self.replies.pop(0) if self.replies else None
        try:
            if scripted or not self.answering:
                return scripted or Reply()
            answer = self.answering(request)
            return Reply(answer) if isinstance(answer, int) else answer
        finally:
            with self.lock:
                self.in_flight -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.reply(Request(self.path, headers, body, self.client_address))
        if reply.status == CUT:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = "Content-Length" in reply.headers

    do_GET = do_POST  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        pass


@contextmanager
def serving(answering: Answering | None = None, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answering, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[Server]]:
    return serving


class MemoryOutbox:
    """The protocol kept in memory, with every promise checked."""

    def __init__(self, people: Sequence[Operation], *, budget: int = 1_000_000) -> None:
        self.planned = {person.change_id: person for person in people}
        self.claimed: set[int] = set()
        self.accepted: list[str] = []
        self.rejected: dict[str, str] = {}
        self.begun: dict[int, Delivery] = {}
        self.finished: list[tuple[Delivery, int | None, DeliveryResult, str, float | None]] = []
        self.waits: list[Wait] = []
        self.unwritten = 0
        self._budget = budget
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def claim(self, size: int = 50) -> tuple[Operation, ...]:
        with self._lock:
            free = [person for number, person in self.planned.items() if number not in self.claimed][:size]
            self.claimed.update(person.change_id for person in free)
            return tuple(free)

    def begin(self, operations: Sequence[Operation]) -> Delivery | Wait:
        with self._lock:
            self._check_held(operations)
            if self.waits:
                return self.waits.pop(0)
            if not self._budget:
                raise BudgetError(Problem(Code.BUDGET_EXHAUSTED, "the day's calls are used up"))
            self._budget -= 1
            delivery = Delivery(next(self._ids), str(uuid.uuid4()), tuple(operations))
            self.begun[delivery.id] = delivery
            return delivery

    def finish(
        self,
        delivery: Delivery,
        *,
        http_status: int | None,
        result: DeliveryResult,
        request_id: str = "",
        retry_after: float | None = None,
        at_once: bool = True,
    ) -> None:
        with self._lock:
            self.unwritten += not at_once
            assert self.begun.pop(delivery.id) is delivery
            self.finished.append((delivery, http_status, result, request_id, retry_after))
            if result is DeliveryResult.ACCEPTED:
                self.accepted += [self._settle(operation) for operation in delivery.operations]

    def flush(self) -> None:
        self.unwritten = 0

    def withdraw(self, delivery: Delivery) -> None:
        with self._lock:
            assert self.begun.pop(delivery.id) is delivery
            self._budget += 1

    def reject(self, operation: Operation, *, message: str) -> None:
        with self._lock:
            self.rejected[self._settle(operation)] = message

    def release(self, operations: Sequence[Operation]) -> None:
        with self._lock:
            self._check_held(operations)
            self.claimed.difference_update(operation.change_id for operation in operations)

    @property
    def left(self) -> list[str]:
        return [person.key for person in self.planned.values()]

    @property
    def results(self) -> list[DeliveryResult]:
        return [result for _, _, result, _, _ in self.finished]

    def check_settled(self) -> None:
        """Nobody is held, no request is open, nobody was accepted twice."""
        assert not self.claimed
        assert not self.begun
        assert not self.unwritten
        assert len(set(self.accepted)) == len(self.accepted)

    def _check_held(self, operations: Sequence[Operation]) -> None:
        assert operations
        assert {operation.change_id for operation in operations} <= self.claimed

    def _settle(self, operation: Operation) -> str:
        self._check_held([operation])
        del self.planned[operation.change_id]
        self.claimed.discard(operation.change_id)
        return operation.key


def person(number: int, **attributes: object) -> Operation:
    key = f"E{number:04}"
    user = {"schemas": ["urn:a", "urn:b"], "externalId": key, "userName": f"user{number}@acme.example"}
    return Operation(number, key, orjson.dumps(user | attributes))


@pytest.fixture(name="person")
def _person() -> Callable[..., Operation]:
    return person


@pytest.fixture
def memory() -> Callable[..., MemoryOutbox]:
    return MemoryOutbox


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def outbox() -> Callable[..., MemoryOutbox]:
    def make(count: int, **options: Any) -> MemoryOutbox:
        return MemoryOutbox([person(number) for number in range(1, count + 1)], **options)

    return make


class Time:
    """A clock that only sleeping moves on; it remembers how long anybody slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float, halt: threading.Event) -> None:  # noqa: ARG002 - the signature of Options
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def options(time: Time) -> Callable[..., Options]:
    def make(workers: int = 1, **changes: Any) -> Options:
        return Options(workers=workers, clock=time.clock, sleep=time.sleep, **changes)

    return make


@pytest.fixture
def app(server: Server) -> Callable[..., App]:
    def make(authenticator: Authenticator | None = None, url: str = "") -> App:
        endpoint = check_endpoint(url or server.url, trusted_hosts=["127.0.0.1"])
        return App(endpoint, authenticator or Anonymous(), bucket_full_wait=300.0)

    return make


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that nobody else signed."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "self-signed.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return pem


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
