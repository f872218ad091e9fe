"""What an operator sees of a run on Prefect's pages: progress, the summary, the first problems.

No value and no key of a person goes there: Prefect's server may be another machine, or somebody's cloud.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.logging import get_run_logger

from scimport.model import DeliveryCounts, PlanCounts, Problem, RunSummary
from scimport.stages import PipelineRun, Progress
from scimport.state.plans import Review

MAX_PROBLEMS = 100
"""Rows of the table of problems: the pages stay quick, and the server's events small."""

EVERY = 2.0
"""Seconds between two updates of the progress."""


class Artifacts:
    """The artifacts of one flow run.

    Args:
        pipeline: Name of the pipeline; part of the artifacts' keys.
    """

    def __init__(self, pipeline: str) -> None:
        self._key = re.sub(r"[^a-z0-9]+", "-", pipeline.lower()).strip("-") or "pipeline"
        self._bar: UUID | None = None
        self._next = 0.0

    def progress(self, now: Progress) -> None:
        """Show how far the delivery is; the number of records to extract is not known before its end."""
        if not now.total or (time.monotonic() < self._next and now.done < now.total):
            return
        self._next = time.monotonic() + EVERY
        percent = 100.0 * now.done / now.total
        with harmless("The artifact could not be written"):
            if self._bar is None:
                description = "People accepted or rejected by the endpoint"
                bar = create_progress_artifact(percent, key=f"{self._key}-progress", description=description)
                self._bar = bar if isinstance(bar, UUID) else None
            else:
                update_progress_artifact(self._bar, percent)

    def result(self, run: PipelineRun) -> None:
        """Show what the run has come to, and the first problems of its records, while it is still open."""
        summary = run.summary
        with harmless("The artifact could not be written"):
            rows = [{"count": name, "value": value} for name, value in _counts(summary).items()]
            create_table_artifact(rows, key=f"{self._key}-summary", description=f"Run {summary.run_id}")
            if problems := run.first_problems(MAX_PROBLEMS):
                names = ("severity", "code", "place", "field", "message")
                table = [{name: str(getattr(problem, name)) for name in names} for problem in problems]
                description = (
                    f"The first {len(table)} problems; with keys: scimport problems {summary.run_id}"
                )
                create_table_artifact(table, key=f"{self._key}-problems", description=description)

    def plan(self, review: Review, until: float) -> str:
        """Show a plan that waits for approval; returns the words, which stand above the form too."""
        words = _words(review, until)
        with harmless("The artifact could not be written"):
            create_markdown_artifact(words, key=f"{self._key}-plan", description=f"Plan {review.id}")
        return words


def _words(review: Review, until: float) -> str:
    counts = {name: value for name, value in asdict(review.counts).items() if value}
    last = datetime.fromtimestamp(until, UTC)
    approve = f'`scimport approve {review.id} --reason "..."`'
    return "\n".join(
        (
            f"## The plan {review.id} of {review.pipeline} waits for approval",
            "",
            "Guards have stopped it, and nothing was sent:",
            "",
            *map(_stop, review.stopped),
            "",
            ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in counts.items()),
            "",
            f"1. Look at it, person by person: `scimport show {review.id}`.",
            f"2. If it is meant so, resume this run and say who you are and why, or call {approve}.",
            "   Exactly this plan is then sent, unless the source, the mapping or the state has changed.",
            f"3. If not, correct the source or the mapping and run again, or `scimport discard {review.id}`.",
            "",
            f"On {last:%d %B %Y at %H:%M} UTC the run gives up; nothing is sent then.",
        )
    )


def _stop(problem: Problem) -> str:
    about = " ".join(filter(None, (f"**{problem.code}**", problem.field)))
    return f"- {about}: {problem.message}. {problem.hint}"


def _counts(summary: RunSummary) -> dict[str, int]:
    found = {field.name: getattr(summary.plan, field.name) for field in fields(PlanCounts)}
    return found | {field.name: getattr(summary.delivery, field.name) for field in fields(DeliveryCounts)}


@contextmanager
def harmless(what: str) -> Iterator[None]:
    """Keep a server that fails from stopping what does not need it.

    Args:
        what: What could not be done then.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever Prefect's client raises
        get_run_logger().warning("%s: %s", what, type(error).__name__)
