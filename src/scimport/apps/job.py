"""The status of the synchronization job behind an endpoint: whether it takes up what is sent.

``https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-get``. Reading it needs
``Synchronization.Read.All`` (or ``Application.ReadWrite.OwnedBy`` for an app of one's own), which uploading
does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from scimport.apps import stops
from scimport.apps.answer import Answer, Cause, answer_of, server_time
from scimport.apps.app import App
from scimport.apps.client import reader, unanswered
from scimport.apps.words import one_line

_NEVER = "0001-01-01"

# https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status
REASONS = {
    "encounteredbaseescrowthreshold": "too many people failed",
    "encounteredtotalescrowthreshold": "too many people failed",
    "encounteredescrowproportionthreshold": "too large a share of the people failed",
    "encounteredquarantineexception": "it could not work with its target, or its settings are not complete",
    "quarantinedondemand": "somebody put it there",
    "quarantineondemand": "somebody put it there",
    "toomanydeletes": "too many people were to be deleted or disabled at once",
    "ingestioninterrupted": "taking in the requests was interrupted",
}
"""What the reasons of a quarantine mean; they are in lower case."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now.

    Attributes:
        status: What it says of itself, in lower case: ``active``, ``paused``, ``quarantine`` ...
        schedule: ``active``, ``paused`` or ``disabled``.
        reason: Why it is in quarantine, in the endpoint's own words; empty when it is not.
        error: What went wrong then: code and message.
        next_attempt: When it tries again by itself; empty when that is not known.
    """

    status: str
    schedule: str
    reason: str = ""
    error: str = ""
    next_attempt: str = ""

    @property
    def quarantined(self) -> bool:
        """Whether it is in quarantine: uploads wait, and a restart throws them away."""
        return self.status == "quarantine" or (bool(self.reason) and self.status not in {"active", "notrun"})

    @property
    def paused(self) -> bool:
        """Whether it was stopped, or never started: uploads wait until somebody starts it."""
        return not self.quarantined and (
            self.schedule in {"paused", "disabled"} or self.status in {"paused", "notconfigured"}
        )


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """What came of asking for a job.

    Attributes:
        answer: The answer, which says why there is no job.
        job: The job; None where the endpoint did not give it.
        server_time: The endpoint's clock, seconds since 1970; None when it does not say.
    """

    answer: Answer
    job: Job | None = None
    server_time: float | None = None


def read_job(app: App) -> JobAnswer:
    """Ask once for the job of an app's endpoint.

    Raises:
        SignInError: No token, or a fresh one is refused.
        DeliveryError: The certificate does not verify, or there is no such job.
    """
    url = app.endpoint.url[: app.endpoint.url.rindex("/")]
    with reader(app.endpoint) as http:
        header = app.authenticator.header()
        found = _ask(http, url, header, app)
        if found.answer.status == 401:
            app.authenticator.renew(header)
            found = _ask(http, url, app.authenticator.header(), app)
    if found.answer.status == 401:
        raise stops.fresh_token_refused(found.answer)
    if found.answer.cause is Cause.CERTIFICATE:
        raise stops.certificate(found.answer)
    if found.answer.status == 404:
        raise stops.denied(found.answer, app.endpoint)
    return found


def _ask(http: httpx.Client, url: str, header: str, app: App) -> JobAnswer:
    if header and not app.endpoint.trusted:
        raise ValueError("a token must not be sent to this endpoint")
    try:
        response = http.get(url, headers={"Authorization": header} if header else {})
    except httpx.RequestError as error:
        return JobAnswer(unanswered(error, app.endpoint))
    answer = answer_of(response.status_code, response.headers, response.content[:65_536])
    job = _job(response.content) if response.status_code == 200 else None
    return JobAnswer(answer, job, server_time(response.headers.get("date", "")))


def _job(body: bytes) -> Job | None:
    try:
        document = orjson.loads(body)
        status, schedule = document["status"], document["schedule"]
        quarantine = status.get("quarantine") or {}
        return Job(
            status=_word(status.get("code")),
            schedule=_word(schedule.get("state")),
            reason=one_line(str(quarantine.get("reason") or "")),
            error=_error(quarantine.get("error") or {}),
            next_attempt=_time(quarantine.get("nextAttempt")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _word(value: Any) -> str:
    return str(value or "").casefold()


def _error(error: dict[str, Any]) -> str:
    return one_line(": ".join(str(error[name]) for name in ("code", "message") if error.get(name)))


def _time(value: Any) -> str:
    text = one_line(str(value or ""))
    return "" if text.startswith(_NEVER) else text
