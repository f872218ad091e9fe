"""Files with people's data: for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path


def private_folder(folder: Path) -> None:
    """Make a folder (mode 0700), and those above it that are missing; one that is there stays as it is."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_file(path: str, flags: int) -> int:
    """Open a file that is made with mode 0600; an ``opener`` for :func:`open`."""
    return os.open(path, flags, 0o600)
