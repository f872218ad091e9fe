"""What is looked at before the first request of a delivery: the job, the token, the clocks, the calls left.

A job that is stopped takes requests and keeps them (entra-facts 2.5): nobody would be provisioned, and a
restart would throw away what waits. So nothing is sent to it unasked.
"""

from __future__ import annotations

from dataclasses import replace

from scimport.apps.app import App
from scimport.apps.job import JobAnswer, read_job
from scimport.codes import Code
from scimport.errors import DeliveryError
from scimport.model import Problem, Severity
from scimport.provisioning.status import job_problem

MAX_SKEW = 300.0
"""Seconds that two clocks may differ before somebody is told."""

READ_JOB = "Synchronization.Read.All (Application.ReadWrite.OwnedBy for an app of your own)"


def check_job(app: App, name: str, *, now: float, queue_anyway: bool = False) -> list[Problem]:
    """Refuse to send to a job that would not take it up; nothing has been sent yet.

    Args:
        app: Where the people would go. An endpoint without a job, of another kind than Entra's, has nothing
            to look at.
        name: Name of the pipeline.
        now: The state's clock, seconds since 1970.
        queue_anyway: Send to a paused job all the same: what is sent waits there until the job is started.

    Returns:
        What somebody should know, and what does not keep anybody from being sent.

    Raises:
        DeliveryError: The job is paused or in quarantine, or there is none.
        SignInError: No token is to be had.
    """
    if not app.endpoint.job:
        return []
    found = read_job(app)
    if found.job is None:
        return [_unknown(found)]
    stop = job_problem(found.job, name)
    notes = [skew] if (skew := clock_problem(found.server_time, now)) else []
    if stop is None:
        return notes
    if found.job.quarantined or not queue_anyway:
        again = "Then run again" if found.job.quarantined else "Then run again, or say --queue-anyway"
        raise DeliveryError(replace(stop, hint=f"{stop.hint} {again}: what is planned stays staged."))
    message = "the app is paused: what is sent waits there, and a restart of the app throws it away"
    hint = f"Start it: scimport app start {name}, or on the app's page. Then scimport confirm {name}."
    return [*notes, Problem(Code.JOB_PAUSED, message, Severity.WARNING, hint, field="app.endpoint")]


def clock_problem(server_time: float | None, now: float) -> Problem | None:
    """Tell of clocks that differ too much; None when they agree, or nobody can tell.

    Args:
        server_time: The endpoint's clock, seconds since 1970.
        now: The state's.
    """
    skew = 0.0 if server_time is None else now - server_time
    if abs(skew) <= MAX_SKEW:
        return None
    way = "ahead of" if skew > 0 else "behind"
    message = f"the clock of the state is {abs(skew):.0f} seconds {way} the endpoint's"
    hint = "Set the clock of the machine (or of the database server): tokens and the log go by time."
    return Problem(Code.CLOCK_SKEW, message, Severity.WARNING, hint)


def _unknown(found: JobAnswer) -> Problem:
    if found.answer.status == 403:
        message = "whether the job is paused or in quarantine cannot be seen: the permission is missing (403)"
        hint = f"Grant the signed-in application {READ_JOB}, or have an eye on the app's page."
        return Problem(Code.JOB_UNKNOWN, message, Severity.NOTE, hint, field="app.auth")
    status = f"HTTP {found.answer.status}: " if found.answer.status else ""
    message = f"whether the job is paused or in quarantine cannot be seen: {status}{found.answer.words}"
    return Problem(Code.JOB_UNKNOWN, message, Severity.WARNING, "Sending is tried all the same.")
