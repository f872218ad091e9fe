from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plants import Plant, people_of

from scimport.cluster import Job
from scimport.errors import ConfigError, SourceError
from scimport.plan import Selection
from scimport.project import Project
from scimport.sources import csv_blocks
from scimport.sources.base import Piece
from scimport.stages import PipelineRun


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "SIZE", 700)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and two workers, as on two machines: its address, and the ids of the workers."""
    folder = tmp_path_factory.mktemp("cluster")
    file, log = folder / "scheduler.json", (folder / "log").open("wb")
    quiet: Any = {"stdout": log, "stderr": log, "cwd": folder}
    options = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    dask = [sys.executable, "-m", "dask"]
    running = [subprocess.Popen([*dask, "scheduler", "--port", "0", *options], **quiet)]
    try:
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        one = [
            *dask,
            "worker",
            address,
            "--no-nanny",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--host",
            "127.0.0.1",
        ]
        running += [subprocess.Popen(one, **quiet) for _ in range(2)]
        yield address, [worker.pid for worker in running[1:]]
    finally:
        for process in running:
            process.kill()
            process.wait()
        log.close()


def test_a_cluster_comes_to_the_same_and_may_lose_a_worker(
    tmp_path: Path,
    cluster: tuple[str, list[int]],
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, workers = cluster
    one, many = Plant(tmp_path / "one"), Plant(tmp_path / "many")
    many.engine(f"by: dask, scheduler: '{address}'")
    for plant in (one, many):
        plant.people(people_of(1))
    expected = one.load()
    monkeypatch.setenv("SCIMPORT_STATE_URL", postgresql_url)
    assert many.load() == expected
    one.people(people_of(2))
    many.people(people_of(2))
    with PipelineRun(Project(many.root), "people", Selection(full=True)) as run:
        run.extract(1)
        os.kill(workers[0], signal.SIGKILL)
        while run.extract():
            pass
        run.plan()
    monkeypatch.delenv("SCIMPORT_STATE_URL")
    assert run.summary.plan == one.plan(full=True).summary.plan


def test_what_is_wrong_with_a_source_comes_back_from_the_workers(
    tmp_path: Path, cluster: tuple[str, list[int]], postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIMPORT_STATE_URL", postgresql_url)
    plant = Plant(tmp_path / "plant")
    plant.engine(f"by: dask, scheduler: '{cluster[0]}'")
    plant.people([*people_of(5), "7,one cell too many,A,,,,"])
    with pytest.raises(SourceError, match="the header has 6"):
        plant.plan()


def test_a_cluster_for_one_run(tmp_path: Path) -> None:
    plant = Plant(tmp_path / "plant")
    plant.people(people_of(3))
    expected = plant.plan().summary.plan
    plant.engine("by: dask, workers: 2")
    assert plant.plan().summary.plan == expected


@pytest.mark.parametrize(
    ("engine", "error", "words"),
    [
        ("by: dask, scheduler: 'tcp://127.0.0.1:9'", ConfigError, "SQLite"),
        ("scheduler: 'tcp://127.0.0.1:9'", ConfigError, "by: dask"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, engine: str, error: type[Exception], words: str) -> None:
    plant = Plant(tmp_path / "plant")
    plant.engine(engine)
    plant.people(people_of(3))
    with pytest.raises(error, match=words):
        plant.plan()


def test_nothing_of_a_person_and_no_secret_is_shown_of_a_call() -> None:
    shown = repr((Job("1", b"postgresql://user:secret@host"), Piece(0, 0, b"Ann")))
    assert "secret" not in shown
    assert "Ann" not in shown
