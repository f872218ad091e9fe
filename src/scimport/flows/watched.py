"""``python -m scimport.flows.watched ...``: Prefect's command line, ended with the process that started it.

Whoever starts it holds the other end of its standard input. That end closes when its holder ends, in whatever
way, SIGKILL included: no server is left running.
"""

from __future__ import annotations

import os
import runpy
import signal
import threading
import time

GRACE = 10.0
"""Seconds that the server has to end in order."""


def main() -> None:
    """Run Prefect's command line with the arguments of this one."""
    threading.Thread(target=_watch, name="watch-parent", daemon=True).start()
    # As `python -m prefect` does: only the command line is a stable interface of the server.
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _watch() -> None:
    # Not through sys.stdin: its lock, held by a thread, makes the interpreter abort at its end.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()
