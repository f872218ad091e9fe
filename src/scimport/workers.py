"""Several processes that examine the pieces of one source side by side.

The processes are plain children (:mod:`scimport.worker`): a pool of the standard library would run the
caller's main module again in each of them (all of Prefect under a flow; an endless chain for a script without
a guard), and loses all work when one of them is killed. Here a process that ends costs its piece, which the
next one examines again: examining writes nothing.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, cast

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.plan.examine import Examined, Packed
from scimport.sources.base import Part
from scimport.worker import Work

_ATTEMPTS = 3
"""Processes that may end under the same piece."""

_AHEAD = 2
"""Pieces for each process that are being examined, or examined and not taken yet."""


class Workers:
    """Processes for one piece of work. Its context ends them.

    Args:
        work: What is to be done.
        number: How many processes.
    """

    def __init__(self, work: Work, number: int) -> None:
        self._number = number
        self._begin = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        self._free: SimpleQueue[_Process | None] = SimpleQueue()
        for _ in range(number):
            self._free.put(None)
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="scimport-worker")

    def examined(self, parts: Iterator[Part]) -> Iterator[Examined]:
        """What came of the parts, in their order, whoever examined them.

        Raises:
            SourceError: As reading and examining them here would raise; or processes end again and again.
        """
        running: deque[Future[list[Packed]]] = deque()
        for part in parts:
            running.append(self._threads.submit(self._examine, part))
            if len(running) >= _AHEAD * self._number:
                yield from map(Examined.unpacked, running.popleft().result())
        while running:
            yield from map(Examined.unpacked, running.popleft().result())

    def close(self) -> None:
        """End all processes."""
        self._threads.shutdown(cancel_futures=True)
        for _ in range(self._number):
            if (process := self._free.get()) is not None:
                process.close()

    def _examine(self, part: Part) -> list[Packed]:
        process = self._free.get()
        try:
            for _ in range(_ATTEMPTS):
                process = process or _Process(self._begin)
                try:
                    answer = process.ask(part)
                except (OSError, EOFError, pickle.UnpicklingError):
                    process.close()
                    process = None
                    continue
                if isinstance(answer, Exception):
                    raise answer
                return cast("list[Packed]", answer)
        finally:
            self._free.put(process)
        message = f"{_ATTEMPTS} processes ended, one after the other, while they examined the same records"
        hint = "Look whether the machine ran out of memory; `engine: {workers: 1}` needs the least."
        raise SourceError(Problem(Code.WORKER_LOST, message, hint=hint))


class _Process:
    def __init__(self, begin: bytes) -> None:
        # Without -P, the files of the folder that the command was started in would shadow modules.
        command = [sys.executable, "-P", "-m", "scimport.worker"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        self._input = cast("IO[bytes]", self._child.stdin)
        self._output = cast("IO[bytes]", self._child.stdout)
        with suppress(OSError):  # whoever asks will see that it is gone
            self._input.write(begin)

    def ask(self, part: Part) -> Any:
        """Have a part examined.

        Raises:
            OSError, EOFError, pickle.UnpicklingError: The process has ended.
        """
        # A process that could not begin has said why, and reads nothing any more.
        with suppress(BrokenPipeError):
            pickle.dump(part, self._input, pickle.HIGHEST_PROTOCOL)
            self._input.flush()
        return pickle.load(self._output)  # noqa: S301 - from a child that runs this program

    def close(self) -> None:
        """End the process; one that is at work has nothing to lose."""
        self._child.kill()
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()
        self._child.wait()


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
