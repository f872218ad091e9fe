"""Records that did not get through, as they stand in the source, with the reasons: to mend and load again."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Place, Problem, Severity
from scimport.plan.records import key_text
from scimport.private import private_file
from scimport.project import LoadedSource, Project
from scimport.sources.base import Source, open_source, source_state
from scimport.state import Database
from scimport.state.outcomes import Outcomes, Story
from scimport.state.plans import Plans
from scimport.state.retries import UNDONE
from scimport.state.runs import Run

ADDED = ("scimport_code", "scimport_reason", "scimport_hint")
"""Columns behind the source's own."""

_BATCH = 500
_SEPARATOR = "; "


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record did not get through: code, words and what to do, as the columns ``ADDED`` say it."""

    code: str
    words: str
    hint: str


Reasons = Mapping[str | Place, list[Reason]]
"""By key, or by place for records without one."""


def reasons(database: Database, run: Run) -> Reasons:
    """Why records of a run did not get through: invalid ones, and people who were not provisioned."""
    found: defaultdict[str | Place, list[Reason]] = defaultdict(list)
    outcomes = Outcomes(database, run.pipeline, run.plan_id)
    with database.read() as connection:
        for problem in Plans(database, run.pipeline).problems(connection, run.plan_id):
            if problem.severity is Severity.ERROR:
                found[problem.key or _place(problem)].append(_of_problem(problem))
        for status in UNDONE:
            for story in outcomes.listed(connection, status, None):
                found[story.key].append(_of_story(story))
    return found


def write_rows(project: Project, source: LoadedSource, why: Reasons, path: Path) -> int:
    """Write the records of a source that there are reasons for, readable by the owner alone.

    The file is written as the source is: its encoding, delimiter and quotes, where it is a CSV file.

    Args:
        project: The project folder.
        source: The source.
        why: The reasons.
        path: Where to; a file that is there is replaced.

    Returns:
        How many records there were.

    Raises:
        SourceError: The source cannot be read.
        UsageError: The file is the source's own.
    """
    config, count = source.config, 0
    if any(Path(own).resolve() == path.resolve() for own, *_ in source_state(config, project.root)):
        message, hint = "the file is the source itself", "Name another file; the source stays as it is."
        raise UsageError(Problem(Code.BAD_VALUE, message, hint=hint, file=str(path)))
    as_written = (config.encoding, config.delimiter, config.quotechar) if config.kind == "csv" else None
    encoding, delimiter, quote = as_written or ("utf-8", ",", '"')
    with (
        open_source(config, name=source.name, root=project.root) as rows,
        # Reasons are ours, and may hold signs that the source's encoding does not have.
        open(
            path, "w", encoding=encoding, errors="backslashreplace", newline="", opener=private_file
        ) as file,
    ):
        writer = csv.writer(file, delimiter=delimiter, quotechar=quote)
        names = [name for name in rows.columns if name not in ADDED]
        places = [rows.columns.index(name) for name in names]
        writer.writerow([*names, *ADDED])
        for row, found in _chosen(rows, config.key, why):
            writer.writerow([*(row[place] for place in places), *_cells(found)])
            count += 1
    return count


def _chosen(source: Source, key: str, why: Reasons) -> Iterable[tuple[list[object], list[Reason]]]:
    column = source.columns.index(key)
    for batch in source.batches(_BATCH):
        for row, position in zip(batch.rows, batch.positions, strict=True):
            found = why.get(key_text(row[column]) or source.place(position))
            if found:
                yield list(row), found


def _cells(found: list[Reason]) -> list[str]:
    columns = ([one.code for one in found], [one.words for one in found], [one.hint for one in found])
    return [_SEPARATOR.join(dict.fromkeys(filter(None, column))) for column in columns]


def _place(problem: Problem) -> Place:
    return Place(problem.file, problem.line, problem.row)


def _of_problem(problem: Problem) -> Reason:
    about = f"{problem.field}: " if problem.field else ""
    return Reason(problem.code, f"{about}{problem.message}", problem.hint)


def _of_story(story: Story) -> Reason:
    words = story.reason or "the provisioning log says nothing of the person"
    return Reason(story.code or story.status, words, story.recommended_action)
