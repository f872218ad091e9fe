"""Prefect's settings for a project: its files in .scimport/prefect, no telemetry, no noise."""

from __future__ import annotations

import os
from pathlib import Path

# Measured: without these, a server answers 503 after some thousand task runs, and loses records at its end.
_SERVER = {
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # version 2 of the pages fetches settings from a host outside
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
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
}


def prepare(data_dir: Path, url: str | None, *, quiet: bool = False) -> None:
    """Put the settings into the environment, for this process and those that it starts.

    Settings that are there already win, except the URL.

    Args:
        data_dir: The project's folder for what is remembered.
        url: The API to use.
        quiet: Keep Prefect's log lines off the terminal.
    """
    home = data_dir / "prefect"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = (
        _SERVER
        | _CLIENT
        | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
    )
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    if quiet:
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "60"
    if url is not None:
        os.environ["PREFECT_API_URL"] = url
