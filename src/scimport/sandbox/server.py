"""The sandbox as a server on loopback: inside another command, or on its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem
from scimport.sandbox.settings import Settings

HOST = "127.0.0.1"
_PRESENCE = "server.json"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        base_url: Where it is, without a slash at the end.
        folder: Where its data is.
    """

    base_url: str
    folder: Path


@contextmanager
def run_sandbox(folder: Path, port: int = 0, settings: Settings | None = None) -> Iterator[Sandbox]:
    """Serve a sandbox from a thread for as long as the context lasts.

    Args:
        folder: Where its data is and stays; created when it is not there.
        port: Port on 127.0.0.1; 0 for any that is free.
        settings: Replaces the stored settings; None keeps them.

    Raises:
        UsageError: when the port is in use.
        StateError: when the data cannot be used.
    """
    import uvicorn  # noqa: PLC0415 - only who serves pays for the server

    from scimport.sandbox.app import create_asgi  # noqa: PLC0415 - as above
    from scimport.sandbox.tenant import Tenant  # noqa: PLC0415 - as above

    listener = _listen(port)
    try:
        tenant = Tenant(folder, settings)
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(
        create_asgi(tenant),
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="scimport-sandbox", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            time.sleep(0.002)
        if not server.started:
            raise RuntimeError("the sandbox's server stopped while it was starting")
        yield Sandbox(f"http://{HOST}:{listener.getsockname()[1]}", folder)
    finally:
        server.should_exit = True
        thread.join()
        tenant.close()


def serve_forever(
    folder: Path,
    port: int = 0,
    settings: Settings | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a sandbox until SIGINT (Ctrl-C) or SIGTERM, and let :func:`find_running` find it meanwhile.

    Args:
        folder: Where its data is and stays.
        port: Port on 127.0.0.1; 0 for any that is free.
        settings: Replaces the stored settings; None keeps them.
        on_ready: Called with the base URL once it serves.

    Raises:
        UsageError: when one serves this folder already, or the port is in use.
        StateError: when the data cannot be used.
    """
    if running := find_running(folder):
        hint = "Use it, or stop it first."
        raise UsageError(
            Problem(Code.SANDBOX_RUNNING, f"A sandbox serves this folder already at {running}.", hint=hint)
        )
    stop = threading.Event()
    with _stopped_by_signals(stop), run_sandbox(folder, port, settings) as sandbox, _announced(sandbox):
        if on_ready:
            on_ready(sandbox.base_url)
        stop.wait()


def find_running(folder: Path) -> str | None:
    """The base URL of the sandbox that :func:`serve_forever` serves for a folder; None when there is none."""
    try:
        presence = json.loads((folder / _PRESENCE).read_text("utf-8"))
        url, pid = str(presence["url"]), int(presence["pid"])
        os.kill(pid, 0)
        return url if _pid_at(url) == pid else None
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None


def _pid_at(url: str) -> int:
    """The process that answers at a URL."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or HOST, parts.port, timeout=2)
    try:
        connection.request("GET", "/sandbox/health")
        return int(json.loads(connection.getresponse().read())["pid"])
    finally:
        connection.close()


@contextmanager
def _announced(sandbox: Sandbox) -> Iterator[None]:
    """Keep the file that says where the sandbox is."""
    path = sandbox.folder / _PRESENCE
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"url": sandbox.base_url, "pid": os.getpid()}), "utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Set an event on SIGINT and SIGTERM; elsewhere than in the main thread there are no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY), which saves 40 ms each.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(
            Problem(
                Code.PORT_IN_USE,
                f"Port {port} on {HOST} cannot be used: {os.strerror(error.errno or 0)}.",
                hint="Choose another port, or 0 for any that is free.",
            )
        ) from error
    return listener
