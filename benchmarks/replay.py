"""Requests that lie ready in memory, sent as fast as sockets take them: as a load generator like wrk does."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Sequence


def replay(port: int, requests: Sequence[bytes], connections: int) -> None:
    """Post whole HTTP requests to 127.0.0.1, each connection the next one as soon as it has its answer."""
    waiting = iter(requests)
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if request := next(waiting, None):
            opened.sendall(request)
            selector.register(opened, selectors.EVENT_READ, opened)
        else:
            opened.close()
    while selector.get_map():
        for key, _ in selector.select():
            one: socket.socket = key.data
            answer = one.recv(4096)
            assert answer.startswith(b"HTTP/1.1 202 "), answer
            assert answer.endswith(b"\r\n\r\n"), "an answer comes in one piece"
            if request := next(waiting, None):
                one.sendall(request)
            else:
                selector.unregister(one)
                one.close()
    selector.close()


def as_request(body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of a whole request."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /scim/Bulk HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
