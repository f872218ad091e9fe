"""The synchronization job behind an endpoint: what it says of itself, and how it is asked.

``https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-get`` and
``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus``. Reading it needs
``Synchronization.Read.All`` (or ``Application.ReadWrite.OwnedBy`` for an app of one's own), which uploading
does not need.
"""

from __future__ import annotations

from collections.abc import Mapping
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
class Job:
    """A job as it is now, in the endpoint's own words.

    Attributes:
        schedule: ``Active``, ``Paused`` or ``Disabled``.
        code: ``NotConfigured``, ``NotRun``, ``Active``, ``Paused`` or ``Quarantine``.
        quarantine: The reason of its quarantine; empty without one, or where none is given.
        error: Code of the error behind the quarantine, or empty.
        words: Words of that error, or empty.
        since: When the quarantine began, ISO 8601, or empty.
        next_attempt: When the service tries again by itself, or empty.
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
    def quarantined(self) -> bool:
        """Whether it is in quarantine: uploads wait, and a restart throws them away."""
        code = self.code.casefold()
        # The reason of a quarantine that is over may still be there.
        return code == "quarantine" or (bool(self.quarantine) and code not in {"active", "notrun"})

    @property
    def paused(self) -> bool:
        """Whether it was stopped, or never started: uploads wait until somebody starts it."""
        schedule, code = self.schedule.casefold(), self.code.casefold()
        stopped = schedule in {"paused", "disabled"} or code in {"paused", "notconfigured"}
        return stopped and not self.quarantined

    @property
    def runs(self) -> bool:
        """Whether it processes what is uploaded."""
        return self.schedule.casefold() == "active" and not self.quarantined and not self.paused


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
        return job_of(document) if document["status"] and document["schedule"] else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def job_of(document: Mapping[str, Any]) -> Job:
    """Read a synchronizationJob; what is missing in it is empty.

    Raises:
        ValueError, TypeError, AttributeError: It is something else.
    """
    status = document.get("status") or {}
    quarantine = status.get("quarantine") or {}
    error = quarantine.get("error") or {}
    return Job(
        schedule=_line((document.get("schedule") or {}).get("state")),
        code=_line(status.get("code")),
        quarantine=_line(quarantine.get("reason")),
        error=_line(error.get("code")),
        words=_line(error.get("message")),
        since=_time(quarantine.get("currentBegan")),
        next_attempt=_time(quarantine.get("nextAttempt")),
        last=_execution(status.get("lastExecution")),
        steady=_time(status.get("steadyStateLastAchievedTime")),
        people=tuple(
            (_line(each.get("key")), int(each.get("value") or 0))
            for each in status.get("synchronizedEntryCountByType") or []
        ),
    )


def _execution(task: Mapping[str, Any] | None) -> Execution | None:
    if not task:
        return None
    return Execution(
        state=_line(task.get("state")),
        ended=_time(task.get("timeEnded")),
        imported=int(task.get("countImported") or 0),
        exported=int(task.get("countExported") or 0),
        escrowed=int(task.get("countEscrowed") or 0),
        activity=_line(task.get("activityIdentifier")),
    )


def _line(value: Any) -> str:
    return one_line(str(value or ""))


def _time(value: Any) -> str:
    text = _line(value)
    return "" if text.startswith(_NEVER) else text
