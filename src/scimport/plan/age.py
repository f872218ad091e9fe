"""How old a source is: by a column that says when its rows were exported, else by the time of its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time

from scimport.codes import Code
from scimport.model import Problem, Severity


def newest(rows: Iterable[Sequence[object]], column: int) -> float | None:
    """The newest moment that a column names, in seconds since 1970; ``None`` when no cell reads as one.

    Args:
        rows: Rows of the source; few of their cells differ.
        column: Index of the column.
    """
    cells = {row[column] for row in rows}
    return max((moment for cell in cells if (moment := _moment(cell)) is not None), default=None)


def _moment(cell: object) -> float | None:
    """A cell as a moment: ISO 8601 text, a time, or a date for its beginning; without an offset in UTC."""
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell.strip())
        except ValueError:
            return None
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time())
    if not isinstance(cell, datetime):
        return None
    return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()


def age_problem(moment: float | None, now: float, limit: float | None) -> Problem | None:
    """What the guard ``source_age`` says; ``None`` when the source is young enough, or nobody asks.

    Args:
        moment: When the source was made, in seconds since 1970; ``None`` when that is not known.
        now: The time now.
        limit: Seconds that it may be old.
    """
    if limit is None:
        return None
    if moment is None:
        message = f"it is not known how old the source is; at most {_hours(limit)} are let through"
        hint = "Name a column with as_of in the source, or take source_age out of the pipeline."
        return Problem(Code.GUARD_SOURCE_AGE, message, hint=hint)
    if now - moment <= limit:
        return None
    made = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    message = f"the source is {_hours(now - moment)} old (of {made}); at most {_hours(limit)} are let through"
    return Problem(Code.GUARD_SOURCE_AGE, message, hint="Look whether the export still runs and arrives.")


def as_warning(problem: Problem) -> Problem:
    """The same where it stops nothing: nobody is sent, or somebody has approved it."""
    return dataclasses.replace(problem, severity=Severity.WARNING)


def same_file(run_id: str, moment: float) -> Problem:
    """A note that a run has loaded the same file before."""
    loaded = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    message = f"the source is byte for byte that of {run_id} ({loaded})"
    hint = "Look whether the export still runs, if something new was expected."
    return Problem(Code.GUARD_SAME_FILE, message, Severity.NOTE, hint)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.4g} hours"
