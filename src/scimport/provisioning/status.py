"""The state of a provisioning job, and what its states mean for the person who must act.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scimport.apps.job import REASONS
from scimport.apps.words import one_line
from scimport.codes import Code
from scimport.model import Problem

NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Execution:
    """What one cycle came to (synchronizationTaskExecution).

    Attributes:
        state: ``Succeeded``, ``Failed`` or ``EntryLevelErrors``.
        ended: When it ended, ISO 8601.
        imported: People read from the queue.
        exported: People written to the directory.
        escrowed: People that failed, and are tried again.
        activity: Its id, to quote to Microsoft's support.
    """

    state: str
    ended: str
    imported: int
    exported: int
    escrowed: int
    activity: str


@dataclass(frozen=True, slots=True)
class JobState:
    """A job, as far as people must know.

    Attributes:
        schedule: ``Active``, ``Paused`` or ``Disabled``.
        code: ``NotConfigured``, ``NotRun``, ``Active``, ``Paused`` or ``Quarantine``.
        quarantine: Its reason; empty without one.
        error: Code of the error behind the quarantine, or empty.
        words: Words of that error, or empty.
        since: When the quarantine began, or empty.
        next_attempt: When the service tries again, or empty.
        last: The last cycle; None when there was none.
        steady: When everything was processed last; empty for never.
        people: People that the app has provisioned to date, by kind of object.
    """

    schedule: str
    code: str
    quarantine: str = ""
    error: str = ""
    words: str = ""
    since: str = ""
    next_attempt: str = ""
    last: Execution | None = None
    steady: str = ""
    people: tuple[tuple[str, int], ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it processes what is uploaded."""
        return self.schedule == "Active" and not self.quarantine and self.code != "Quarantine"


def job_state(job: Mapping[str, Any]) -> JobState:
    """Read a synchronizationJob; what is missing in it is empty."""
    status = job.get("status") or {}
    quarantine = status.get("quarantine") or {}
    error = quarantine.get("error") or {}
    steady = str(status.get("steadyStateLastAchievedTime") or "")
    return JobState(
        schedule=str((job.get("schedule") or {}).get("state") or ""),
        code=str(status.get("code") or ""),
        quarantine=str(quarantine.get("reason") or ("Unknown" if status.get("code") == "Quarantine" else "")),
        error=str(error.get("code") or ""),
        words=one_line(str(error.get("message") or "")),
        since=str(quarantine.get("currentBegan") or ""),
        next_attempt=str(quarantine.get("nextAttempt") or ""),
        last=_execution(status.get("lastExecution")),
        steady="" if steady.startswith(NEVER[:10]) else steady,
        people=tuple(
            (str(each.get("key")), int(each.get("value") or 0))
            for each in status.get("synchronizedEntryCountByType") or []
        ),
    )


def _execution(task: Mapping[str, Any] | None) -> Execution | None:
    if not task:
        return None
    return Execution(
        state=str(task.get("state") or ""),
        ended=str(task.get("timeEnded") or ""),
        imported=int(task.get("countImported") or 0),
        exported=int(task.get("countExported") or 0),
        escrowed=int(task.get("countEscrowed") or 0),
        activity=str(task.get("activityIdentifier") or ""),
    )


# https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status and
# .../inbound-provisioning-api-issues; codes of errors are hardly documented, so that words are looked at too.
_EMAIL = "set notification_email in the pipeline, then scimport app apply NAME --start"
_AGENT = "the provisioning agent must run on its Windows server: scimport app agents NAME"
_DOMAIN = "correct domain in the pipeline, or register it with a provisioning agent: scimport app agents NAME"
_WAY_OUT = (("email", _EMAIL), ("agent", _AGENT), ("domain", _DOMAIN))

_ALLOW = (
    "look at who leaves; if it is right: scimport app restart NAME --reset ForceDeletes; if not, correct the"
    " source, then scimport app restart NAME, and scimport run NAME --full"
)
_WAYS = {
    "toomanydeletes": _ALLOW,
    "encounteredquarantineexception": "correct what the error says, then scimport app start NAME",
    "ingestioninterrupted": "scimport app restart NAME, then scimport run NAME --full",
    "quarantinedondemand": "ask who and why; scimport app start NAME ends it",
}
_FAILURES = "look at the failures with scimport confirm NAME, correct them, then scimport app restart NAME"


def explained(state: JobState, name: str) -> tuple[str, str]:
    """Say why a job is in quarantine, and the way out.

    Args:
        state: The job, which is in quarantine.
        name: Name of the pipeline.
    """
    reason = state.quarantine.casefold().replace("quarantineon", "quarantinedon")
    why = REASONS.get(reason, "the service gives no known reason")
    way = _FAILURES if "escrow" in reason else _WAYS.get(reason, "scimport app start NAME")
    if reason not in _WAYS or reason == "encounteredquarantineexception":
        text = f"{state.error} {state.words}".casefold()
        way = next((hint for word, hint in _WAY_OUT if word in text), way)
    return why, way.replace("NAME", name)


def quarantine_problem(state: JobState, name: str = "NAME") -> Problem:
    """The quarantine of a job as a problem."""
    why, way = explained(state, name)
    words = f": {state.words}" if state.words else ""
    message = f"the app is in quarantine ({state.quarantine}): {why}{words}"
    hint = f"Uploads wait, and are not processed. The way out: {way}."
    return Problem(Code.JOB_QUARANTINED, message, hint=hint, field="app")
