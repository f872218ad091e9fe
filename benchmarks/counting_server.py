"""A server that answers 202 to whatever is posted, cheaply, and counts the calls by its own clock."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import monotonic

_TAKEN = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
_TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Report:
    """What the server has seen since the last report.

    Attributes:
        calls: Requests, those over the limit too.
        refused: Those that were answered with 429.
        received: Bytes of all bodies.
        most: Calls in the fullest of its windows.
        first: When the first request was there, in its seconds.
        last: When the last one was answered.
    """

    calls: int = 0
    refused: int = 0
    received: int = 0
    most: int = 0
    first: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class _Counter:
    """Counts calls in windows that end now.

    Attributes:
        burst: Calls in any window; 0 for no limit.
        window: Seconds.
        latency: Seconds until a call is answered.
    """

    burst: int
    window: float
    latency: float
    report: Report = field(default_factory=Report)
    recent: deque[float] = field(default_factory=deque)

    def call(self, size: int) -> bool:
        """Count a call; whether it is within the limit."""
        now, report, recent = monotonic(), self.report, self.recent
        report.first = report.first or now
        report.last = now
        report.calls += 1
        report.received += size
        if not self.burst:
            return True
        while recent and recent[0] <= now - self.window:
            recent.popleft()
        recent.append(now)
        report.most = max(report.most, len(recent))
        report.refused += len(recent) > self.burst
        return len(recent) <= self.burst

    def take(self) -> Report:
        found, self.report = self.report, Report()
        self.recent.clear()
        return found


class _Peer(asyncio.Protocol):
    """One connection. It understands what an HTTP client of the benchmark sends, and no more."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._head = b""
        self._missing = self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if not self._missing:
                self._head += data
                head, end, data = self._head.partition(b"\r\n\r\n")
                if not end:
                    return
                self._head = b""
                at = head.lower().index(b"content-length:") + 15
                self._missing = self._size = int(head[at:].split(b"\r\n", 1)[0])
            taken = len(data)
            self._missing -= taken
            assert self._missing >= 0, "requests are not pipelined"
            if not self._missing:
                self._answer()
            return

    def _answer(self) -> None:
        answer = _TAKEN if self._counter.call(self._size) else _TOO_MANY
        if self._counter.latency:
            asyncio.get_running_loop().call_later(self._counter.latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


class Served:
    """The server as the client's side sees it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.port = int(self._line())
        self.url = f"http://127.0.0.1:{self.port}/scim/Bulk"

    def report(self) -> Report:
        """What it has seen; it begins to count anew."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"report\n")
        self._process.stdin.flush()
        return Report(**json.loads(self._line()))

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def serve(burst: int = 0, window: float = 1.0, latency: float = 0.0) -> Iterator[Served]:
    """Serve in a process of its own that imports little, on another core where there is one.

    Args:
        burst: Calls that it takes in any window; 0 for no limit.
        window: Seconds of the window.
        latency: Seconds until it answers.
    """
    command = [sys.executable, __file__, str(burst), str(window), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Served(process)
        finally:
            process.terminate()


def _main(burst: str, window: str, latency: str) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asyncio.run(_serve(_Counter(int(burst), float(window), float(latency))))


async def _serve(counter: _Counter) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Peer(counter), "127.0.0.1", 0)

    def answer() -> None:
        if sys.stdin.readline():
            print(json.dumps(asdict(counter.take())), flush=True)
        else:  # whoever started this has ended
            server.close()

    loop.add_reader(sys.stdin.fileno(), answer)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    _main(*sys.argv[1:])
