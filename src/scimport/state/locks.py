"""One run of a pipeline at a time: a lock with an owner and a heartbeat."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import delete, select, update

from scimport.codes import Code
from scimport.errors import LockedError, StateError
from scimport.model import Problem
from scimport.state.database import Database
from scimport.state.schema import lock

LEASE = 90.0
"""Seconds after the last heartbeat when an owner on another machine is taken for dead."""

BEAT = 20.0
"""Seconds between heartbeats."""


@contextmanager
def hold(database: Database, pipeline: str) -> Iterator[None]:
    """Hold the pipeline for the time of the block.

    Raises:
        LockedError: Another run holds it, and is alive.
    """
    owner = f"{_process(os.getpid())} thread {threading.get_ident()}"
    _take(database, pipeline, owner)
    stop = threading.Event()
    heart = threading.Thread(
        target=_beat, args=(database, pipeline, owner, stop), name=f"lock-{pipeline}", daemon=True
    )
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        with database.write() as connection:
            connection.execute(delete(lock).where(lock.c.pipeline == pipeline, lock.c.owner == owner))


def _take(database: Database, pipeline: str, owner: str) -> None:
    with database.write() as connection:
        now = database.now(connection)
        row = (pipeline, owner, now + LEASE, now)
        if database.insert_many(connection, lock, ("pipeline", "owner", "until", "since"), [row]):
            return
        query = (
            select(lock.c.owner, lock.c.until, lock.c.since)
            .where(lock.c.pipeline == pipeline)
            .with_for_update()
        )
        held = connection.execute(query).one_or_none()
        if held is not None and held.until > now and not _is_dead(held.owner):
            message = f"pipeline {pipeline} is held by another run ({_words(held.owner, held.since)})"
            seconds = f"{held.until - now:.0f} seconds"
            hint = f"Wait for it to end. If its machine is gone, the lock expires in {seconds}."
            raise LockedError(Problem(Code.PIPELINE_LOCKED, message, hint=hint))
        connection.execute(
            update(lock).where(lock.c.pipeline == pipeline).values(owner=owner, until=now + LEASE, since=now)
        )


def _beat(database: Database, pipeline: str, owner: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        try:
            with database.write() as connection:
                until = database.now(connection) + LEASE
                mine = (lock.c.pipeline == pipeline, lock.c.owner == owner)
                connection.execute(update(lock).where(*mine).values(until=until))
        except StateError:
            continue  # the lease outlasts several beats, and the run itself reports a database that is gone


def _words(owner: str, since: float) -> str:
    who = owner.partition(" started ")[0]
    return f"{who}, since {datetime.fromtimestamp(since, UTC).isoformat(timespec='seconds')}"


def _process(number: int) -> str:
    return f"{socket.gethostname()} process {number} started {_started(number)}"


def _started(number: int) -> str:
    """When a process started, in the kernel's words; process numbers alone are used again."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "?"


@cache
def _host() -> str:
    return socket.gethostname()


def _is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that is gone; what cannot be known counts as alive."""
    host, _, rest = owner.partition(" process ")
    number, _, _ = rest.partition(" ")
    if host != _host() or not number.isdigit():
        return False
    if not Path("/proc").is_dir():
        return not _exists(int(number))
    return not owner.startswith(f"{_process(int(number))} ") or _started(int(number)) == "?"


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
