"""The bulk calls that arrived, and the limits that they are held to."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from time import monotonic
from typing import Any

from scimport.sandbox import clock
from scimport.sandbox.graph import GraphError, Reason
from scimport.sandbox.settings import Settings


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a call arrived: wall clock (microseconds) and monotonic clock (seconds), and its ids."""

    wall: int
    monotonic: float
    request: str
    client_request: str


def limit(connection: sqlite3.Connection, settings: Settings, at: int) -> GraphError | None:
    """The 429 for a call that would pass a limit of the tenant; only calls let in count."""
    if settings.burst_calls:
        window = round(settings.burst_seconds * clock.SECOND)
        oldest = _nth_last(connection, settings.burst_calls, at - window)
        if oldest is not None:
            return throttled(
                "Too many requests: the limit of calls in a short time is passed.", oldest + window - at
            )
    if settings.daily_calls:
        rolling = settings.daily_window == "rolling"
        since = at - clock.DAY if rolling else at - at % clock.DAY
        oldest = _nth_last(connection, settings.daily_calls, since)
        if oldest is not None:
            free = oldest + clock.DAY if rolling else since + clock.DAY
            return throttled("Too many requests: the limit of calls in 24 hours is passed.", free - at)
    return None


def throttled(message: str, microseconds: int) -> GraphError:
    """The 429 that asks to come back after a time."""
    return GraphError(429, Reason.THROTTLED, message, max(0, microseconds) / clock.SECOND)


def _nth_last(connection: sqlite3.Connection, n: int, since: int) -> int | None:
    """When the nth last call was let in, if that was after ``since``."""
    row = connection.execute(
        "SELECT wall FROM call WHERE admitted AND wall > ? ORDER BY wall DESC LIMIT 1 OFFSET ?",
        (since, n - 1),
    ).fetchone()
    return row[0] if row else None


def arrive(connection: sqlite3.Connection, app: int | None, arrival: Arrival, *, admitted: bool) -> int:
    """Write an arrived call down; returns its row."""
    row = connection.execute(
        "INSERT INTO call (app, wall, monotonic, admitted, request, client_request)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (app, arrival.wall, arrival.monotonic, admitted, arrival.request, arrival.client_request),
    ).lastrowid
    return row or 0


def finish(
    connection: sqlite3.Connection,
    call: int,
    status: int | None,
    *,
    operations: int,
    taken: bool,
    fault: str | None,
) -> None:
    """Write down how a call was answered; ``status`` is None when it was not."""
    connection.execute(
        "UPDATE call SET status = ?, operations = ?, taken = ?, fault = ?, finished = ? WHERE id = ?",
        (status, operations, taken, fault, monotonic(), call),
    )


def listing(connection: sqlite3.Connection, app: int | None, after: int, top: int) -> list[dict[str, Any]]:
    """Calls in the order of their arrival, of one app or of all.

    Args:
        connection: The database.
        app: Row of the app; None for all calls of the tenant.
        after: The last id of the page before; 0 for the first page.
        top: Calls of a page.
    """
    rows = connection.execute(
        "SELECT call.id, job, wall, monotonic, finished, status, operations, taken, fault, request,"
        " client_request FROM call LEFT JOIN app ON app.id = call.app"
        " WHERE call.id > ? AND (? IS NULL OR app = ?) ORDER BY call.id LIMIT ?",
        (after, app, app, top),
    )
    return [
        {
            "id": row[0],
            "jobId": row[1],
            "wall": row[2] / clock.SECOND,
            "monotonic": row[3],
            "finished": row[4],
            "status": row[5],
            "operations": row[6],
            "taken": bool(row[7]),
            "fault": row[8],
            "requestId": row[9],
            "clientRequestId": row[10],
        }
        for row in rows
    ]
