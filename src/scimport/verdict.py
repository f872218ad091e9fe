"""How a run ended, in one word: what exit codes and notices go by."""

from __future__ import annotations

from enum import StrEnum

from scimport.errors import GuardStop
from scimport.model import RunSummary, Severity


class Verdict(StrEnum):
    """How a run ended; the values are what ``notify.on`` names."""

    OK = "ok"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    FAILED = "failed"


DEGRADED_EXIT = 4
"""Exit code of a run that was done, and that somebody must look at."""


def verdict(summary: RunSummary, error: BaseException | None = None) -> Verdict:
    """Judge a run.

    It is degraded when it was done, and some records are invalid or rejected by the endpoint, or there is a
    warning about the run as a whole, such as an old source.

    Args:
        summary: What it came to.
        error: What ended it early.
    """
    if isinstance(error, GuardStop):
        return Verdict.STOPPED
    if error is not None:
        return Verdict.FAILED
    is_warned = any(note.severity is Severity.WARNING for note in summary.notes)
    return Verdict.DEGRADED if summary.plan.invalid or summary.delivery.rejected or is_warned else Verdict.OK
