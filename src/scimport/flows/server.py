"""A Prefect server for one project on this machine, and where the one that runs is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from scimport.codes import Code
from scimport.errors import ScimportError
from scimport.flows.settings import prepare
from scimport.model import Problem
from scimport.project import Project

START_TIMEOUT = 120.0
"""Seconds that the first start may take: it makes its database."""


def find_api(project: Project) -> str | None:
    """URL of the Prefect API to use: the configured one, else that of ``scimport serve`` for this project."""
    configured = project.environment.get("PREFECT_API_URL")
    if configured:
        return configured
    try:
        url = json.loads(_address(project).read_text())["url"]
    except (OSError, ValueError, KeyError):
        return None
    return str(url) if _answers(url) else None


@contextmanager
def running_server(project: Project, port: int | None = None) -> Iterator[str]:
    """Run a Prefect server for the time of the block; gives the URL of its API.

    Raises:
        ScimportError: It does not start.
    """
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}/api"
    prepare(project.data_dir, url)
    folder = project.data_dir / "prefect"
    log = folder / "server.log"
    with log.open("wb") as output:
        command = [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        environment = os.environ | {"PREFECT_SERVER_API_PORT": str(port)}
        # A session of its own: Ctrl-C is for us, and we stop it in order.
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait(process, url, log)
        _address(project).write_text(json.dumps({"url": url, "pid": process.pid}))
        yield url
    finally:
        _address(project).unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            message = "the Prefect server does not start"
            raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=f"Its log is {log}."))
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(project: Project) -> Path:
    return project.data_dir / "prefect" / "server.json"
