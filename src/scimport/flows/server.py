"""A Prefect server for one project on this machine, and where the one that runs is."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import httpx

from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.flows.settings import home, prepare
from scimport.model import Problem
from scimport.project import Project

HOST = "127.0.0.1"

USUAL_PORT = 4200
"""Where people look for Prefect's pages."""

START_TIMEOUT = 300.0
"""Seconds that a start may take: the first one makes the database, on whatever machine this is."""


def find_api(project: Project) -> str | None:
    """URL of the Prefect API to use: the configured one, else that of ``scimport serve`` for this project."""
    configured = project.environment.get("PREFECT_API_URL")
    return configured or _served(project)


def check_api(url: str) -> None:
    """Make sure that an API is there.

    Raises:
        ScimportError: Nothing answers.
    """
    if not _answers(url):
        hint = "Start that server, correct PREFECT_API_URL, or unset it."
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, f"no Prefect API answers at {url}", hint=hint))


@contextmanager
def running_server(project: Project, *, port: int | None = None, pages: bool = False) -> Iterator[str]:
    """Run a Prefect server for the time of the block; gives the URL of its API.

    Args:
        project: The project folder; the server's database is in it.
        port: Port on 127.0.0.1; any that is free when it is left out.
        pages: Serve Prefect's pages too, and let :func:`find_api` find the server.

    Raises:
        ScimportError: It does not start, or another command runs one for the project.
        UsageError: The port is in use.
    """
    with _alone(project):
        url = f"http://{HOST}:{_free_port(port, usual=pages)}/api"
        os.environ["PREFECT_HOME"] = str(home(project))
        prepare(project, url, quiet=not pages)
        process = _start(url, home(project) / "server.log", pages=pages)
        try:
            # Whoever wants a server wants the flow next; its import takes as long as the server's start.
            importlib.import_module("scimport.flows.provision")
            _wait(process, url, project)
            with _announced(project, url) if pages else nullcontext():
                try:
                    yield url
                finally:
                    _send_the_rest()
        finally:
            _stop(process)


def _start(url: str, log: Path, *, pages: bool) -> subprocess.Popen[bytes]:
    port = str(httpx.URL(url).port)
    command = [
        sys.executable,
        "-m",
        "scimport.flows.watched",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        port,
    ]
    # The pages take the port from the settings.
    settings = {"PREFECT_SERVER_API_PORT": port, "PREFECT_SERVER_UI_ENABLED": str(pages).lower()}
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=os.environ | settings,
            cwd=log.parent,  # Prefect would read a prefect.toml of the folder where the command was called
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
        )


def _send_the_rest() -> None:
    """Let what this process has logged and knows of its tasks reach the server before it stops."""
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - reads the settings when it is imported
    from prefect.logging.handlers import APILogHandler  # noqa: PLC0415 - as above

    EventsWorker.drain_all(timeout=10)
    APILogHandler().flush()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdin is not None:
            process.stdin.close()


def _wait(process: subprocess.Popen[bytes], url: str, project: Project) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _is_ours(url, project):
        if process.poll() is not None or time.monotonic() > deadline:
            hint = f"Its log is {home(project) / 'server.log'}."
            message = "the Prefect server does not start"
            raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint))
        time.sleep(0.1)


def _is_ours(url: str, project: Project) -> bool:
    """Whether the server of this project answers, and not another one that has got the port."""
    name, _, password = project.environment.get("PREFECT_API_AUTH_STRING", "").partition(":")
    auth = (name, password) if name else None
    try:
        # Our servers speak plain http: an empty context saves loading the authorities, at each look.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        answer = httpx.get(f"{url}/admin/settings", timeout=5, trust_env=False, auth=auth, verify=context)
        return Path(answer.json()["home"]).resolve() == home(project).resolve()
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url.rstrip('/')}/health", timeout=5).status_code < 500
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Keep other commands from running a second server on the same database."""
    with (home(project) / "server.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = "another command runs the Prefect server of this project"
            where = _served(project)
            hint = f"It is at {where}." if where else "Wait for its end, or say --no-prefect."
            raise ScimportError(Problem(Code.PREFECT_RUNNING, message, hint=hint)) from None
        yield


@contextmanager
def _announced(project: Project, url: str) -> Iterator[None]:
    path = _address(project)
    path.write_text(json.dumps({"url": url}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _served(project: Project) -> str | None:
    """URL of the API that ``scimport serve`` runs for this project, if it does."""
    try:
        url = str(json.loads(_address(project).read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if _is_ours(url, project) else None


def _address(project: Project) -> Path:
    return project.data_dir / "prefect" / "server.json"


def _free_port(wanted: int | None, *, usual: bool) -> int:
    """The port that is wanted; else the usual one if it is free, or any."""
    for port in [wanted] if wanted else [USUAL_PORT, 0] if usual else [0]:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    message = f"port {wanted} on {HOST} cannot be used"
    raise UsageError(Problem(Code.PORT_IN_USE, message, hint="Choose another port with --port, or none."))
