from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from scimport.errors import LockedError
from scimport.state import Database, locks
from scimport.state.schema import lock

_HOLDER = """
import sys, time
from scimport.state import Database, locks
with locks.hold(Database(sys.argv[1]), "employees"):
    print("held", flush=True)
    time.sleep(60)
"""


def _until(database: Database) -> float:
    with database.read() as connection:
        return float(connection.execute(select(lock.c.until)).scalar_one())


def _owners(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(lock.c.owner)).scalars())


def test_a_second_run_says_who_holds_the_pipeline(database: Database) -> None:
    with locks.hold(database, "employees"):
        with pytest.raises(LockedError) as caught, locks.hold(database, "employees"):
            pass
        with locks.hold(database, "contractors"):
            assert len(_owners(database)) == 2
    who = f"{socket.gethostname()} process {os.getpid()}, since "
    assert who in str(caught.value)
    since = datetime.fromisoformat(str(caught.value).partition(who)[2].rstrip(")"))
    assert abs((datetime.now(UTC) - since).total_seconds()) < 600
    assert _owners(database) == []


def test_the_lock_of_a_killed_process_is_taken_over_at_once(state_url: str, database: Database) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, state_url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockedError), locks.hold(database, "employees"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locks.hold(database, "employees"):
        assert len(_owners(database)) == 1


def test_the_lock_of_another_machine_expires(database: Database) -> None:
    with locks.hold(database, "employees"), database.write() as connection:
        connection.execute(update(lock).values(owner="elsewhere process 1 started 1 thread 1"))
    with pytest.raises(LockedError, match="elsewhere"), locks.hold(database, "employees"):
        pass
    with database.write() as connection:
        connection.execute(update(lock).values(until=database.now(connection) - 1))
    with locks.hold(database, "employees"):
        assert "elsewhere" not in _owners(database)[0]


def test_the_heart_beats(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.01)
    with locks.hold(database, "employees"):
        with database.write() as connection:
            connection.execute(update(lock).values(until=0.0))
        deadline = time.monotonic() + 10
        while not _until(database) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _until(database) > 0
