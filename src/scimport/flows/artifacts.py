"""What an operator sees of a run on Prefect's pages: progress, the summary, the first problems. No values."""

from __future__ import annotations

import re
import time
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

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
        if not now.total:
            return
        percent = 100.0 * now.done / now.total
        if self._bar is None:
            description = "People accepted or rejected by the endpoint"
            bar = create_progress_artifact(percent, key=f"{self._key}-progress", description=description)
            self._bar = bar if isinstance(bar, UUID) else None
        elif time.monotonic() >= self._next or now.done == now.total:
            update_progress_artifact(self._bar, percent)
            self._next = time.monotonic() + EVERY

    def result(self, run: PipelineRun) -> None:
        """Show what the run came to, and the first problems of its records."""
        summary = run.summary
        row = {"run": summary.run_id, "plan": summary.plan_id}
        row |= {name: str(getattr(summary.plan, name)) for name in summary.plan.__slots__}
        row |= {name: str(getattr(summary.delivery, name)) for name in summary.delivery.__slots__}
        table = [{"count": name, "value": value} for name, value in row.items()]
        create_table_artifact(table, key=f"{self._key}-summary", description=f"Run of {summary.pipeline}")
        if problems := run.first_problems(MAX_PROBLEMS):
            rows = [
                {
                    "code": one.code.value,
                    "place": one.place,
                    "key": one.key,
                    "field": one.field,
                    "message": one.message,
                }
                for one in problems
            ]
            description = f"The first {len(rows)} problems; all are in {summary.problems_file or 'the state'}"
            create_table_artifact(rows, key=f"{self._key}-problems", description=description)
