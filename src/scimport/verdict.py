"""Whether what a run has come to is good enough: the one place that says what makes it degraded (exit 4)."""

from __future__ import annotations

from enum import StrEnum

from scimport.codes import Code
from scimport.errors import GuardStop
from scimport.model import RunSummary
from scimport.project.config import PipelineConfig
from scimport.state.outcomes import OutcomeCounts

DEGRADED = 4
"""Exit code of a command that has done its work, while something of it needs somebody."""


def shortcomings(
    config: PipelineConfig, outcomes: OutcomeCounts, summary: RunSummary | None = None
) -> tuple[str, ...]:
    """What is wrong with a run that has ended, or with the people of a pipeline; nothing for a good one.

    Args:
        config: The pipeline, which says how many may be rejected.
        outcomes: What became of the people.
        summary: The run; left out for the people of a pipeline.
    """
    refused = summary.delivery.rejected if summary else 0
    rejected = refused + outcomes.rejected
    found = {
        "invalid": summary.plan.invalid if summary else 0,
        "rejected": rejected if rejected > config.max_rejected else 0,
        "unconfirmed": outcomes.unconfirmed,
    }
    is_old = summary is not None and any(one.code is Code.GUARD_SOURCE_AGE for one in summary.notes)
    counted = [f"{count:,} {what}" for what, count in found.items() if count]
    return tuple(counted + (["an old source"] if is_old else []))


class Verdict(StrEnum):
    """How a run ended, in the words of ``notify.on``."""

    OK = "ok"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    FAILED = "failed"


def verdict(config: PipelineConfig, summary: RunSummary, error: BaseException | None = None) -> Verdict:
    """How a run ended, before anybody has looked what became of its people.

    Args:
        config: The pipeline.
        summary: What the run came to.
        error: What ended it early.
    """
    if isinstance(error, GuardStop):
        return Verdict.STOPPED
    if error is not None:
        return Verdict.FAILED
    return Verdict.DEGRADED if shortcomings(config, OutcomeCounts(), summary) else Verdict.OK
