"""What an operation costs: CPU of our processes and of the database, time, work of the database, peak memory.

The work is what the database counts itself, so it is the same on every machine: steps of SQLite's virtual
machine, or rows that PostgreSQL read and wrote.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, create_engine, event, text

_STEPS = 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_ROWS = text(
    "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)"
    " FROM pg_stat_user_tables"
)


@dataclass(slots=True)
class Cost:
    """What something cost.

    Attributes:
        cpu: Seconds of this process and those that it has started.
        server: Seconds of the database's processes; 0 where it is a part of this one.
        wall: Seconds that went by.
        work: Thousands of steps, or of rows.
        peak: Most memory of this process meanwhile, in MB; 0 where the system does not tell.
    """

    cpu: float = 0.0
    server: float = 0.0
    wall: float = 0.0
    work: float = 0.0
    peak: float = 0.0


@dataclass
class Meter:
    """Measures what is done within ``measured``, while its context lasts.

    Args:
        url: The state that is measured.
        costs: What was measured so far, by name; a name that occurs again is added up.
    """

    url: str
    costs: dict[str, Cost] = field(default_factory=dict)
    _steps: int = 0
    _gone: float = 0.0
    _backends: set[int] = field(default_factory=set)

    def __enter__(self) -> Self:
        event.listen(Engine, "connect", self._connected)
        event.listen(Engine, "close", self._closing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        event.remove(Engine, "connect", self._connected)
        event.remove(Engine, "close", self._closing)

    def taken(self) -> dict[str, dict[str, float]]:
        """Give the costs that were measured so far, and begin anew."""
        costs, self.costs = self.costs, {}
        return {name: asdict(cost) for name, cost in costs.items()}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Measure the block."""
        cost = self.costs.setdefault(name, Cost())
        _forget_peak()
        began = (_family_seconds(), self._server(), time.monotonic(), self._work())
        try:
            yield
        finally:
            ended = (_family_seconds(), self._server(), time.monotonic(), self._work())
            cpu, server, wall, work = (after - before for before, after in zip(began, ended, strict=True))
            cost.cpu, cost.server, cost.wall = cost.cpu + cpu, cost.server + server, cost.wall + wall
            cost.work, cost.peak = cost.work + work, max(cost.peak, _peak())

    def _connected(self, connection: Any, _record: Any) -> None:
        if hasattr(connection, "set_progress_handler"):
            connection.set_progress_handler(self._step, _STEPS)
        else:
            self._backends.add(connection.info.backend_pid)

    def _closing(self, connection: Any, _record: Any) -> None:
        if not hasattr(connection, "set_progress_handler"):
            number = connection.info.backend_pid
            self._gone += _process_seconds(number)
            self._backends.discard(number)

    def _step(self) -> int:
        self._steps += 1
        return 0

    def _server(self) -> float:
        """Seconds of the server's processes of our connections."""
        return self._gone + sum(map(_process_seconds, self._backends))

    def _work(self) -> float:
        if not self.url.startswith("postgresql"):
            return float(self._steps)
        # Counters of other connections are told a second late at most.
        time.sleep(1.2)
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = float(connection.execute(_ROWS).scalar() or 0) / 1000
        engine.dispose()
        return rows


def _family_seconds() -> float:
    """Seconds of this process and of those that it has started, whether they have ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + ended.ru_utime + ended.ru_stime
    children: list[str] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += path.read_text().split()
    return seconds + sum(_process_seconds(int(number)) for number in children)


def _process_seconds(number: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return 0.0
