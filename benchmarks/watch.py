"""How long it takes from saving a mapping until ``preview --watch`` has shown the record again.

    .venv/bin/python benchmarks/watch.py [--saves N]

A preview of the sample project watches. The domain in its mapping is changed again and again, and each time
the clock runs from the save until the new user name is on the screen, and the line that ends the picture. The
median is printed, and what it is of the time that a preview takes that is started anew.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SCIMPORT = Path(sys.executable).with_name("scimport")
PREVIEW = [str(SCIMPORT), "preview", "employees", "--key", "00107"]
END = "Waiting for a file to be saved"


@contextmanager
def watching(folder: Path) -> Iterator[IO[str]]:
    """The screen of a watching preview, which has shown the record once."""
    command, wide = [*PREVIEW, "--watch"], {**os.environ, "COLUMNS": "250"}
    with subprocess.Popen(command, cwd=folder, env=wide, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            picture(running.stdout)
            yield running.stdout
        finally:
            running.kill()


def picture(screen: IO[str]) -> str:
    """The next picture, as soon as it is complete."""
    lines = []
    for line in screen:
        lines.append(line)
        if line.startswith(END):
            return "".join(lines)
    raise AssertionError(f"the preview has ended: {''.join(lines)}")


def seconds_of_a_save(mapping: Path, screen: IO[str], domain: str) -> float:
    """Save a mapping with another domain; the time until it is on the screen."""
    text = mapping.read_text("utf-8")
    began = time.perf_counter()
    mapping.write_text(text.replace(text.partition("domain: ")[2].split()[0], domain, 1), "utf-8")
    while domain not in picture(screen):
        pass
    return time.perf_counter() - began


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--saves", type=int, default=15)
    saves = parser.parse_args().saves
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "project"
        subprocess.run([SCIMPORT, "init", folder], check=True, capture_output=True)
        began = time.perf_counter()
        subprocess.run(PREVIEW, cwd=folder, check=True, capture_output=True)
        anew = time.perf_counter() - began
        with watching(folder) as screen:
            mapping = folder / "mappings" / "base.yml"
            times = [seconds_of_a_save(mapping, screen, f"d{n}.example") for n in range(saves)]
    median = statistics.median(times)
    print(f"from a save to the picture  {median * 1000:.0f} ms  ({median / anew:.2f} of a preview anew)")


if __name__ == "__main__":
    main()
