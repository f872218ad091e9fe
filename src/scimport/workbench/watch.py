"""Waits for somebody to save a file of the project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.025
"""Seconds between two looks at the files."""

_FOLDERS: Final = ("pipelines", "sources", "mappings")


def saves(root: Path, stop: threading.Event, also: tuple[Path, ...] = ()) -> Iterator[frozenset[Path]]:
    """Tell of every save of a file in pipelines/, sources/ or mappings/, in subfolders too, from now on.

    Args:
        root: The project folder.
        stop: Ends it when it is set.
        also: Further files.

    Yields:
        The files that have changed, come or gone since the last time, or since the call.
    """
    return _changes(_state(root, also), root, stop, also)


def _changes(
    before: dict[Path, tuple[int, int]], root: Path, stop: threading.Event, also: tuple[Path, ...]
) -> Iterator[frozenset[Path]]:
    while not stop.wait(INTERVAL):
        now = _state(root, also)
        if now != before:
            now = _settled(now, root, also, stop)
            changed = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
            before = now
            yield frozenset(changed)


def _settled(
    state: dict[Path, tuple[int, int]], root: Path, also: tuple[Path, ...], stop: threading.Event
) -> dict[Path, tuple[int, int]]:
    """The files once nobody is writing: some editors empty a file before they fill it."""
    while not stop.wait(INTERVAL):
        now = _state(root, also)
        if now == state:
            break
        state = now
    return state


def _state(root: Path, also: tuple[Path, ...]) -> dict[Path, tuple[int, int]]:
    found = {}
    files = (path for folder in _FOLDERS for path in (root / folder).rglob("*.*"))
    for path in (*files, *also):
        try:
            status = path.stat()
        except OSError:
            continue  # an editor is just putting it into its place
        found[path] = (status.st_mtime_ns, status.st_size)
    return found
