"""Prefect's settings for a project: its files in .scimport/prefect, no telemetry, no noise."""

from __future__ import annotations

import os
from pathlib import Path

from scimport.project import Project

_SERVER = {
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # version 2 of the pages fetches settings from a host outside
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Measured: without these, a server answers 503 after some thousand task runs, and loses some at its end.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "50",
    # Leases in memory would be lost with the server, and block a pipeline for ever.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
_CLIENT = {
    "DO_NOT_TRACK": "1",
    # Forgetting the API must be an error, not another server with another database.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    "PREFECT_RUNNER_SERVER_ENABLE": "false",
    # Prefect's pages show what a run logs; the terminal shows what needs somebody.
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
}


def home(project: Project) -> Path:
    """The folder where Prefect keeps what it remembers of a project; made for its owner only."""
    folder = project.data_dir / "prefect"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def prepare(project: Project, url: str, *, quiet: bool = False) -> None:
    """Put Prefect's settings into the environment, for this process and those that it starts.

    Prefect reads them when it is imported, so that this comes first. What the environment or the project's
    ``.env`` says already wins, except over the URL.

    Args:
        project: The project folder.
        url: The API to use.
        quiet: Keep Prefect's log lines off the terminal altogether.
    """
    folder = home(project)
    wanted = _SERVER | _CLIENT
    wanted |= {"PREFECT_HOME": str(folder), "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui")}
    wanted |= {name: value for name, value in project.environment.items() if name.startswith("PREFECT_")}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_API_URL"] = url
    for name in ("no_proxy", "NO_PROXY"):
        # A proxy that the environment names must not be asked for a server on this machine.
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
    if quiet:
        # A name: a number makes Prefect give up its whole configuration of logging, without a word.
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
