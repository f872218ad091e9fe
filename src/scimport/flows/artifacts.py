"""What an operator sees of a run on Prefect's pages: progress, the summary, the first problems.

No value and no key of a person goes there: Prefect's server may be another machine, or somebody's cloud.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from scimport.model import DeliveryCounts, PlanCounts, RunSummary
from scimport.stages import PipelineRun, Progress

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
        with _harmless():
            if self._bar is None:
                description = "People accepted or rejected by the endpoint"
                bar = create_progress_artifact(percent, key=f"{self._key}-progress", description=description)
                self._bar = bar if isinstance(bar, UUID) else None
            else:
                update_progress_artifact(self._bar, percent)

    def result(self, run: PipelineRun) -> None:
        """Show what the run has come to, and the first problems of its records, while it is still open."""
        summary = run.summary
        with _harmless():
            rows = [{"count": name, "value": value} for name, value in _counts(summary).items()]
            create_table_artifact(rows, key=f"{self._key}-summary", description=f"Run {summary.run_id}")
            if problems := run.first_problems(MAX_PROBLEMS):
                names = ("severity", "code", "place", "field", "message")
                table = [{name: str(getattr(problem, name)) for name in names} for problem in problems]
                description = (
                    f"The first {len(table)} problems; with keys: scimport problems {summary.run_id}"
                )
                create_table_artifact(table, key=f"{self._key}-problems", description=description)


def _counts(summary: RunSummary) -> dict[str, int]:
    found = {field.name: getattr(summary.plan, field.name) for field in fields(PlanCounts)}
    return found | {field.name: getattr(summary.delivery, field.name) for field in fields(DeliveryCounts)}


@contextmanager
def _harmless() -> Iterator[None]:
    """Keep a server that fails from stopping a delivery that does not need it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever Prefect's client raises
        get_run_logger().warning("The artifact could not be written: %s", type(error).__name__)
