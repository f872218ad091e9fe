"""The sandbox's database: one SQLite file, which survives restarts and may be shared by several processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scimport.codes import Code
from scimport.errors import StateError
from scimport.model import Problem
from scimport.private import private_file, private_folder

FILE: Final = "sandbox.db"
VERSION: Final = 4

# `source` is an externalId. Columns that are read without the long ones beside them come first.
_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE app (
    id INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE, principal TEXT NOT NULL UNIQUE,
    application TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,
    created INTEGER NOT NULL, queued INTEGER NOT NULL DEFAULT 0, linked INTEGER NOT NULL DEFAULT 0,
    last_due INTEGER NOT NULL DEFAULT 0,
    cycle TEXT NOT NULL DEFAULT '', cycle_ends INTEGER NOT NULL DEFAULT 0,
    steady_first INTEGER, steady_last INTEGER,
    last_execution BLOB, last_success BLOB, last_export BLOB,
    quarantine TEXT, schema BLOB, settings BLOB, deletes_allowed INTEGER NOT NULL DEFAULT 0,
    disables INTEGER NOT NULL DEFAULT 0, disables_since INTEGER NOT NULL DEFAULT 0,
    failing INTEGER NOT NULL DEFAULT 0, failing_references INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX app_principal ON app (principal);
CREATE TABLE principal (
    id TEXT PRIMARY KEY, application TEXT NOT NULL, object TEXT NOT NULL, name TEXT NOT NULL,
    template TEXT NOT NULL, target TEXT NOT NULL, owner TEXT NOT NULL, created INTEGER NOT NULL,
    visible INTEGER NOT NULL, secrets BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX principal_application ON principal (application);
CREATE TABLE assignment (
    id TEXT PRIMARY KEY, principal TEXT NOT NULL, resource TEXT NOT NULL, role TEXT NOT NULL,
    created INTEGER NOT NULL, UNIQUE (principal, resource, role)
) WITHOUT ROWID;
CREATE TABLE call (
    id INTEGER PRIMARY KEY, app INTEGER, wall INTEGER NOT NULL, monotonic REAL NOT NULL,
    admitted INTEGER NOT NULL,
    operations INTEGER NOT NULL DEFAULT 0, status INTEGER, taken INTEGER NOT NULL DEFAULT 0, fault TEXT,
    finished REAL, request TEXT NOT NULL, client_request TEXT NOT NULL
);
CREATE INDEX call_admitted ON call (wall) WHERE admitted;
CREATE INDEX call_app ON call (app);
CREATE TABLE queue (
    id INTEGER PRIMARY KEY, app INTEGER NOT NULL, due INTEGER NOT NULL, operations INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX queue_due ON queue (app, due);
CREATE TABLE user (
    id INTEGER PRIMARY KEY, directory TEXT NOT NULL, guid TEXT NOT NULL, match TEXT, upn TEXT,
    account TEXT, dn TEXT, cn TEXT, created INTEGER NOT NULL, modified INTEGER NOT NULL,
    attributes BLOB NOT NULL
);
CREATE INDEX user_match ON user (directory, match);
CREATE INDEX user_upn ON user (directory, upn);
CREATE INDEX user_account ON user (directory, account) WHERE account IS NOT NULL;
CREATE INDEX user_dn ON user (directory, dn) WHERE dn IS NOT NULL;
CREATE INDEX user_cn ON user (directory, cn) WHERE cn IS NOT NULL;
CREATE TABLE escrow (
    app INTEGER NOT NULL, source TEXT NOT NULL, reference INTEGER NOT NULL, PRIMARY KEY (app, source)
) WITHOUT ROWID;
CREATE TABLE link (
    id INTEGER PRIMARY KEY, app INTEGER NOT NULL, source TEXT NOT NULL, user INTEGER NOT NULL,
    body BLOB NOT NULL, UNIQUE (app, source)
);
CREATE TABLE log (
    id INTEGER PRIMARY KEY, app INTEGER NOT NULL, activity INTEGER NOT NULL, cycle TEXT NOT NULL,
    change TEXT NOT NULL, action TEXT NOT NULL, status TEXT NOT NULL, source TEXT NOT NULL,
    facts BLOB NOT NULL
);
CREATE INDEX log_activity ON log (activity);
CREATE INDEX log_source ON log (source);
CREATE TABLE tally (
    app INTEGER NOT NULL, outcome TEXT NOT NULL, entries INTEGER NOT NULL, PRIMARY KEY (app, outcome)
) WITHOUT ROWID;
CREATE TABLE token (
    digest TEXT PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 0,
    client TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""


class Store:
    """An open database; used by one thread at a time.

    Args:
        folder: Where the file is, or will be.

    Raises:
        StateError: when the file cannot be opened, or is of a later version.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        try:
            private_folder(folder)
            # SQLite gives -wal and -shm the mode of the file.
            os.close(private_file(str(path), os.O_CREAT | os.O_RDWR))
            self.connection = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            self._prepare(path)
        except (OSError, sqlite3.Error) as error:
            raise StateError(_unreachable(path, error)) from error

    def _prepare(self, path: Path) -> None:
        """Set the connection up, and create the tables in a new file."""
        # A crash of the process loses nothing, and the machine's is not worth waiting for the disk.
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
        )
        with self.transaction():
            version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {VERSION}")
        if version not in (0, VERSION):
            self.close()
            raise StateError(_too_new(path) if version > VERSION else _too_old(path))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, alone among the writers."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def _unreachable(path: Path, error: Exception) -> Problem:
    return Problem(
        Code.STATE_UNREACHABLE,
        f"The sandbox cannot open its database: {error}.",
        hint="Look at the folder's permissions and free space; it may be deleted to start afresh.",
        file=str(path),
    )


def _too_new(path: Path) -> Problem:
    return Problem(
        Code.STATE_TOO_NEW,
        "The sandbox's database was written by a later version of scimport.",
        hint="Upgrade scimport, or delete the sandbox's folder to start afresh.",
        file=str(path),
    )


def _too_old(path: Path) -> Problem:
    return Problem(
        Code.STATE_UNREACHABLE,
        "The sandbox's database was written by an earlier version of scimport.",
        hint="Delete the sandbox's folder, and the state with it, to start afresh.",
        file=str(path),
    )
