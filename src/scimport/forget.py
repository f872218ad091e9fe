"""Removes what is old, or a person, from all that scimport keeps: the state, and the files of runs."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem
from scimport.private import private_file
from scimport.project import Project
from scimport.project.config import RetentionConfig
from scimport.state import Database, locks
from scimport.state.purge import LEAST, Ages, Forgotten, Removed, expire, forget

AT_MOST = 20_000
"""Rows of each kind that the end of a run removes: a few seconds at most."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed.

    Attributes:
        rows: Of the state.
        folders: Of runs.
    """

    rows: Removed
    folders: int


def ages_of(retention: RetentionConfig) -> Ages:
    """The ages that a project's settings say."""
    return Ages(plans=retention.plans, runs=retention.runs, outcomes=retention.outcomes)


def purge_old(
    project: Project, database: Database, ages: Ages, *, at_most: int | None = None, dry_run: bool = False
) -> Purged:
    """Remove what is older than the ages say, from the state and from the folder of runs.

    Args:
        project: The project folder.
        database: Its state.
        ages: After how long what goes.
        at_most: Rows of each kind, and folders; the rest is for the next time.
        dry_run: Only count.
    """
    rows = expire(database, ages, at_most=at_most, dry_run=dry_run)
    folders = [] if ages.runs is None else list(_old_folders(project, database, ages.runs))[:at_most]
    for folder in [] if dry_run else folders:
        shutil.rmtree(folder, ignore_errors=True)
    return Purged(rows, len(folders))


def purge_person(
    project: Project, database: Database, names: tuple[str, ...], key: str, *, dry_run: bool = False
) -> dict[str, Forgotten]:
    """Remove a person from pipelines: from the state, and from the files of runs.

    Args:
        project: The project folder.
        database: Its state.
        names: The pipelines.
        key: Key of the person's record.
        dry_run: Only count.

    Returns:
        What was known, by pipeline; pipelines that knew nothing are left out.

    Raises:
        LockedError: A run goes on.
        UsageError: Nobody knows the key, or a plan with the person is being sent.
    """
    found: dict[str, Forgotten] = {}
    for name in names:
        with locks.hold(database, name):
            if known := forget(database, name, key, dry_run=dry_run):
                found[name] = known
    rewritten = [path for path in _problem_files(project) if _without(path, key, dry_run=dry_run)]
    if not found and not rewritten:
        message = "no pipeline knows this key" if len(names) > 1 else f"{names[0]} does not know this key"
        hint = "Keys are compared with case, and without blanks around them."
        raise UsageError(Problem(Code.UNKNOWN_RECORD, message, hint=hint, key=key))
    if not dry_run:
        database.compact()
    return found


def _old_folders(project: Project, database: Database, age: float) -> Iterator[Path]:
    with database.read() as connection:
        before = database.now(connection) - max(age, LEAST)
    # Their names begin with the time when the run began.
    oldest = f"r-{datetime.fromtimestamp(before, UTC):%Y%m%d-%H%M%S}"
    folders = sorted((project.data_dir / "runs").glob("r-*"))
    return (folder for folder in folders if folder.name < oldest and folder.is_dir())


def _problem_files(project: Project) -> Iterator[Path]:
    return (project.data_dir / "runs").glob("r-*/problems.csv")


def _without(path: Path, key: str, *, dry_run: bool) -> bool:
    """Take a person's problems out of a file; returns whether there were any."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names, rows = list(reader.fieldnames or ()), list(reader)
    kept = [row for row in rows if row.get("key") != key]
    if len(kept) == len(rows) or dry_run:
        return len(kept) < len(rows)
    written = path.with_suffix(".new")
    with open(written, "w", encoding="utf-8", newline="", opener=private_file) as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
    written.replace(path)
    return True
