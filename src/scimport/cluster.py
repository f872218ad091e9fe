"""The workers of a Dask cluster examine the pieces of one source.

Dask (``scimport[dask]``) finds the machines, gives a piece to whoever is free, and gives it to another when a
worker is lost. Workers need scimport in the same version, the project folder under the same path, and the
state by its URL.
"""

from __future__ import annotations

import os
import pickle
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from scimport import __version__
from scimport.codes import Code
from scimport.errors import ConfigError, SourceError
from scimport.model import Problem
from scimport.plan.examine import Examined, Packed
from scimport.sources.base import Part
from scimport.worker import Examine, Work, examiner

_AHEAD = 4
"""Pieces for each worker that are being examined, or examined and not taken yet."""

_LOST = 3
"""Workers that may be lost with the same piece."""

_WAIT = 30
"""Seconds within which the scheduler must answer, and have a worker."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work as it travels: Dask writes the arguments of a call into its logs, so they show nothing.

    Attributes:
        id: Of the work.
        work: The work, pickled.
        version: Of scimport.
    """

    id: str
    work: bytes = field(repr=False)
    version: str = __version__


class Cluster:
    """A cluster that examines pieces. Its context ends what it has started.

    Args:
        work: What is to be done.
        number: Workers of a cluster for this run alone; none is started where there is a scheduler.
        scheduler: Address of the scheduler.

    Raises:
        ConfigError: Dask is not installed.
        SourceError: No cluster answers, or it has no workers.
    """

    def __init__(self, work: Work, number: int, scheduler: str | None) -> None:
        try:
            from distributed import Client  # noqa: PLC0415 - an extra, and slow to load
        except ImportError:
            hint = "Install it with pip install 'scimport[dask]', or take engine out of the pipeline."
            raise ConfigError(Problem(Code.NO_CLUSTER, "Dask is not installed", hint=hint)) from None
        self._job = Job(uuid.uuid4().hex, pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        self._own = None if scheduler else _temporary(number)
        try:
            untyped: Any = Client
            self._client: Any = untyped(
                scheduler or self._own, timeout=_WAIT, set_as_default=False, direct_to_workers=False
            )
            self._client.wait_for_workers(1, timeout=_WAIT)
        except (OSError, TimeoutError, ValueError) as error:
            self._close_own()
            message = f"no Dask cluster answers at {scheduler or 'this machine'}: {type(error).__name__}"
            hint = "Start dask scheduler and dask worker there, or correct engine.scheduler of the pipeline."
            raise SourceError(Problem(Code.NO_CLUSTER, message, hint=hint)) from None

    def examined(self, parts: Iterator[Part]) -> Iterator[Examined]:
        """What came of the parts, in their order, whoever examined them.

        Raises:
            SourceError: As reading and examining them here would raise; or workers are lost again and again.
        """
        running: deque[Any] = deque()
        for part in parts:
            running.append(self._client.submit(answer, self._job, part, pure=False, retries=_LOST))
            if len(running) >= _AHEAD * max(1, len(self._client.scheduler_info()["workers"])):
                yield from map(Examined.unpacked, self._taken(running.popleft()))
        while running:
            yield from map(Examined.unpacked, self._taken(running.popleft()))

    def close(self) -> None:
        """Let go of the cluster, and end what was started."""
        self._client.close(timeout=_WAIT)
        self._close_own()

    def _taken(self, future: Any) -> list[Packed]:
        from distributed import KilledWorker  # noqa: PLC0415 - as above

        try:
            found = future.result()
        except KilledWorker:
            message = "workers of the cluster were lost, one after the other, over the same records"
            hint = "Look into their logs, mostly for lack of memory."
            raise SourceError(Problem(Code.WORKER_LOST, message, hint=hint)) from None
        finally:
            future.release()
        if isinstance(found, Exception):
            raise found
        taken: list[Packed] = found
        return taken

    def _close_own(self) -> None:
        if self._own is not None:
            self._own.close()


def answer(job: Job, part: Part) -> list[Packed] | Exception:
    """Examine a part, in a worker of the cluster. What goes wrong is given back: Dask would log it."""
    if job.version != __version__:
        message = f"a worker has scimport {__version__}, and the run {job.version}"
        return SourceError(Problem(Code.NO_CLUSTER, message, hint="Install the same version everywhere."))
    try:
        return _ready(job.id, job.work, os.getpid())(part)
    except Exception as error:  # noqa: BLE001 - it is raised where the run is
        return error


@lru_cache(maxsize=2)
def _ready(_id: str, work: bytes, _process: int) -> Examine:
    loaded: Work = pickle.loads(work)  # noqa: S301 - from the run, which Dask's workers trust
    return examiner(loaded)


def _temporary(number: int) -> Any:
    """A scheduler and workers in processes of their own, which end with the run."""
    from distributed.deploy.subprocess import SubprocessCluster  # noqa: PLC0415 - as above

    # Memory is bounded by the size of the pieces; Dask's own limit would end workers on small machines.
    limits = {"memory_limit": 0}
    untyped: Any = SubprocessCluster
    return untyped(n_workers=number, threads_per_worker=1, dashboard_address=None, worker_kwargs=limits)
