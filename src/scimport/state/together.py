"""Writes of several threads that go into one transaction."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from scimport.state.database import Database

Job = TypeVar("Job")


@dataclass(slots=True)
class _Entry(Generic[Job]):
    job: Job
    done: bool = False
    error: BaseException | None = None


class Together(Generic[Job]):
    """Lets the thread whose turn it is write for all that wait: a commit costs the same for one and for many.

    Args:
        database: The state database.
        write: Writes jobs, in the order in which they came, in one transaction. What it raises is raised for
            all of them.
    """

    def __init__(self, database: Database, write: Callable[[Connection, Sequence[Job]], None]) -> None:
        self._database, self._write = database, write
        self._waiting: deque[_Entry[Job]] = deque()
        self._turn = threading.Lock()

    def do(self, job: Job) -> None:
        """Have a job written; it is committed when this returns.

        Raises:
            StateError: The transaction failed; nothing of it was written.
        """
        entry = _Entry(job)
        self._waiting.append(entry)
        with self._turn:
            if not entry.done:
                self._write_all()
        if entry.error is not None:
            raise entry.error

    def later(self, job: Job) -> None:
        """Have a job written with the next one of any thread, or by :meth:`flush`."""
        self._waiting.append(_Entry(job))

    def flush(self) -> None:
        """Write what waits.

        Raises:
            StateError: The transaction failed; nothing of it was written.
        """
        if self._waiting:
            with self._turn:
                entries = self._write_all()
            if entries and (error := entries[0].error) is not None:
                raise error

    def _write_all(self) -> list[_Entry[Job]]:
        entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not entries:
            return []
        try:
            with self._database.write() as connection:
                self._write(connection, [entry.job for entry in entries])
        except BaseException as error:  # noqa: BLE001 - it is raised by the thread of each job
            for entry in entries:
                entry.error = error
        finally:
            for entry in entries:
                entry.done = True
        return entries
