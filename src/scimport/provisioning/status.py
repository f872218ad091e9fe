"""What the states of a provisioning job mean for the person who must act."""

from __future__ import annotations

from scimport.apps.job import Job
from scimport.codes import Code
from scimport.model import Problem

# https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status; in
# lower case.
_REASONS = {
    "encounteredbaseescrowthreshold": "too many people failed",
    "encounteredtotalescrowthreshold": "too many people failed",
    "encounteredescrowproportionthreshold": "too large a share of the people failed",
    "encounteredquarantineexception": "it could not work with its target, or its settings are not complete",
    "quarantinedondemand": "somebody put it there",
    "toomanydeletes": "too many people were to be deleted or disabled at once",
    "ingestioninterrupted": "taking in the requests was interrupted",
}

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


def explained(job: Job, name: str) -> tuple[str, str]:
    """Say why a job is in quarantine, and the way out.

    Args:
        job: The job, which is in quarantine.
        name: Name of the pipeline.
    """
    reason = job.quarantine.casefold().replace("quarantineon", "quarantinedon")
    why = _REASONS.get(reason, "the service gives no known reason")
    way = _FAILURES if "escrow" in reason else _WAYS.get(reason, "scimport app start NAME")
    if reason not in _WAYS or reason == "encounteredquarantineexception":
        text = f"{job.error} {job.words}".casefold()
        way = next((hint for word, hint in _WAY_OUT if word in text), way)
    return why, way.replace("NAME", name)


def job_problem(job: Job, name: str) -> Problem | None:
    """Why a job would not take up what is sent, and what to do; None when it would.

    Args:
        job: The job.
        name: Name of the pipeline.
    """
    if job.quarantined:
        return _quarantined(job, name)
    if job.paused:
        state = "was never started" if job.schedule.casefold() == "disabled" else "is paused"
        message = f"the app {state}: uploads wait there, and nobody is provisioned"
        hint = f"Start it: scimport app start {name}, or on the app's page."
        return Problem(Code.JOB_PAUSED, message, hint=hint, field="app.endpoint")
    return None


def _quarantined(job: Job, name: str) -> Problem:
    why, way = explained(job, name)
    reason = f" ({job.quarantine})" if job.quarantine else ""
    error = ": ".join(filter(None, (job.error, job.words.rstrip("."))))
    again = (
        f"; it tries again by itself at {job.next_attempt[:16].replace('T', ' ')} UTC"
        if job.next_attempt
        else ""
    )
    message = f"the app is in quarantine{reason}: {why}{error and f'; {error}'}{again}"
    hint = (
        f"Uploads wait, and are not processed. The way out: {way}. See scimport app status {name}, or the"
        " app's page."
    )
    return Problem(Code.JOB_QUARANTINED, message, hint=hint, field="app.endpoint")
