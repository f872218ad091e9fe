"""A mapping against the same one at a git revision, over all rows: who would change, and which attributes."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.inputs import opened
from scimport.mappings.mapping import Fault, Mapping, Result, compile_mapping
from scimport.mappings.scim import ALIASES
from scimport.model import Problem
from scimport.plan.records import key_text
from scimport.project.project import Pipeline, Project

_BATCH: Final = 200
_ABSENT: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes different for one record.

    Attributes:
        key: Its key.
        place: Where it is.
        attributes: Value before and now, by attribute; a whole user that comes or goes is the attribute
            ``user``.
    """

    key: str
    place: str
    attributes: dict[str, tuple[Any, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """What another mapping does to everybody.

    Attributes:
        read: Records.
        changed: Records of which something else comes.
        by_attribute: The same by attribute.
        first: The first of them.
    """

    read: int
    changed: int
    by_attribute: dict[str, int]
    first: tuple[Change, ...]


def compare_with(project: Project, pipeline: Pipeline, revision: str, most: int = 20) -> Difference:
    """Map every record of a pipeline by its mapping at a git revision, and as it is.

    Args:
        project: The project folder, within a git repository.
        pipeline: The pipeline.
        revision: What git takes for one: ``HEAD``, ``main``, ``v1``.
        most: How many changes are kept to be shown.

    Raises:
        UsageError: There is no such revision, or no mappings in it.
        ConfigError: One of the mappings does not fit the source.
        SourceError: The source cannot be read.
    """
    now = datetime.now(UTC)
    counts: Counter[str] = Counter()
    first: list[Change] = []
    read = changed = 0
    with _mappings_at(project, revision) as root, opened(project, pipeline, now) as source:
        before = _compiled(Project(root), pipeline, source.source.columns, now)
        for batch in source.source.batches(_BATCH):
            rows = [_trimmed(row) if source.trim else row for row in batch.rows]
            read += len(rows)
            old, new = (
                _users(before, source.source.columns, rows),
                _users(source.mapping, source.source.columns, rows),
            )
            for row, position, was, is_now in zip(rows, batch.positions, old, new, strict=True):
                found = _differences(was, is_now)
                if found:
                    changed += 1
                    counts.update(found.keys())
                    key = key_text(row[source.source.columns.index(source.key)])
                    if len(first) < most:
                        first.append(Change(key, str(source.source.place(position)), found))
    return Difference(read, changed, dict(counts.most_common()), tuple(first))


@contextmanager
def _mappings_at(project: Project, revision: str) -> Iterator[Path]:
    """A folder with the mappings of a revision, and the pipelines folder that makes it a project."""
    hint = "Name a commit, branch or tag of the repository that the project is in."
    if revision.startswith("-"):
        raise UsageError(Problem(Code.BAD_VALUE, f"{revision} is not a revision", hint=hint))
    command = ["git", "archive", "--format=tar", revision, "mappings"]
    try:
        done = subprocess.run(command, cwd=project.root, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise UsageError(Problem(Code.BAD_VALUE, "--diff needs git, which is not installed")) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        message = f"git has no mappings of {revision}: {''.join(reason)}"
        raise UsageError(Problem(Code.BAD_VALUE, message, hint=hint))
    with tempfile.TemporaryDirectory(prefix="scimport-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        (Path(folder) / "pipelines").mkdir()
        yield Path(folder)


def _compiled(project: Project, pipeline: Pipeline, columns: tuple[str, ...], now: datetime) -> Mapping:
    chain = project.mapping_chain(pipeline.config.mapping)
    return compile_mapping(chain, columns, schemas=project.schemas(chain), now=now, root=project.root)


def _users(mapping: Mapping, columns: tuple[str, ...], rows: list[Any]) -> list[Result]:
    places = [columns.index(name) for name in mapping.columns]
    return mapping.users([[row[place] for place in places] for row in rows])


def _trimmed(row: Any) -> list[Any]:
    return [cell.strip() if isinstance(cell, str) else cell for cell in row]


def _differences(before: Result, now: Result) -> dict[str, tuple[Any, Any]]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        was, is_now = _kind(before), _kind(now)
        return {"user": (was, is_now)} if was != is_now else {}
    old, new = dict(_leaves(before, "")), dict(_leaves(now, ""))
    names = dict.fromkeys((*old, *new))
    return {
        name: (old.get(name, _ABSENT), new.get(name, _ABSENT))
        for name in names
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    }


def _kind(result: Result) -> str:
    if isinstance(result, dict):
        return "a user"
    return f"{result.problems[0].code}" if isinstance(result, Fault) else "out of scope"


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    aliases = {urn: alias for alias, urn in ALIASES.items()}
    if isinstance(value, dict):
        for key, item in value.items():
            name = str(aliases.get(key, key))
            sign = ":" if path.startswith("urn:") and path.count(":User") and "." not in path else "."
            yield from _leaves(item, f"{path}{sign}{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            label = item.get("type", index) if isinstance(item, dict) else index
            yield from _leaves(item, f"{path}[{label}]")
    else:
        yield path, value
