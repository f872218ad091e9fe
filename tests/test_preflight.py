"""What is looked at before the first request: real answers of the sandbox, and those that it never gives."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from tests.test_confirm import LogSite, site

from scimport.apps.job import Job, _job
from scimport.codes import Code
from scimport.errors import DeliveryError
from scimport.model import RunSummary
from scimport.plan import Selection
from scimport.preflight import clock_problem
from scimport.provisioning.status import job_problem
from scimport.stages import PipelineRun
from scimport.state.plans import PlanState, find_plan

__all__ = ["site"]

QUARANTINE = {
    "reason": "EncounteredQuarantineException",
    "nextAttempt": "2026-10-05T15:10:00Z",
    "error": {"code": "InvalidCredentials", "message": "The agent does not answer."},
}


def _send(site: LogSite, **options: Any) -> RunSummary:
    site.write([(1, "a"), (2, "b")])
    with PipelineRun(site.project, "staff", Selection(), **options) as run:
        run.finish_interrupted()
        while run.extract():
            pass
        run.plan()
        site.last = run.summary
        run.deliver()
    return run.summary


def test_a_paused_job_gets_nothing_until_it_is_started_or_somebody_means_it(site: LogSite) -> None:
    site.job("pause")
    with pytest.raises(DeliveryError) as caught:
        _send(site)
    (problem,) = caught.value.problems
    assert problem.code is Code.JOB_PAUSED
    assert "--queue-anyway" in problem.hint
    assert site.calls() == []
    with site.database.read() as connection:
        plan = find_plan(connection, site.last.plan_id)
    assert plan is not None
    assert plan.state is PlanState.STAGED
    queued = _send(site, queue_anyway=True)
    assert (queued.delivery.accepted, [note.code for note in queued.notes]) == (2, [Code.JOB_PAUSED])


def test_a_job_in_quarantine_gets_nothing_even_if_somebody_means_it(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scimport.sandbox.apps._quarantine", lambda _: QUARANTINE)
    site.job("pause")
    with pytest.raises(DeliveryError) as caught:
        _send(site, queue_anyway=True)
    (problem,) = caught.value.problems
    assert problem.code is Code.JOB_QUARANTINED
    assert problem.message == (
        "the app is in quarantine (EncounteredQuarantineException): it could not work with its target, or its"
        " settings are not complete; InvalidCredentials: The agent does not answer; it tries again by"
        " itself at 2026-10-05 15:10 UTC"
    )
    assert site.calls() == []


def test_without_the_permission_to_see_the_job_people_are_sent_with_a_note(site: LogSite) -> None:
    site.settings(permissions=["SynchronizationData-User.Upload"])
    summary = _send(site)
    assert summary.delivery.accepted == 2
    assert [note.code for note in summary.notes] == [Code.JOB_UNKNOWN]
    assert "Synchronization.Read.All" in summary.notes[0].hint


def test_a_job_that_is_not_there_stops_before_the_plan_is_begun(site: LogSite) -> None:
    path = site.root / "pipelines" / "staff.yml"
    job = site.apps["staff"]["jobId"]
    path.write_text(path.read_text().replace(job, job[:-1] + ("0" if job[-1] != "0" else "1")))
    with pytest.raises(DeliveryError) as caught:
        _send(site)
    assert caught.value.problems[0].code is Code.ENDPOINT_NOT_FOUND


def test_nobody_to_send_asks_nobody(site: LogSite) -> None:
    _send(site)
    site.job("pause")
    assert [one.code for one in _send(site).notes] == [Code.GUARD_SAME_FILE]


def test_clocks_that_differ_are_told(site: LogSite) -> None:
    assert (
        clock_problem(None, 1000.0) is clock_problem(1300.0, 1000.0) is clock_problem(700.0, 1000.0) is None
    )
    ahead, behind = clock_problem(699.0, 1000.0), clock_problem(1301.0, 1000.0)
    assert ahead is not None
    assert behind is not None
    assert "301 seconds ahead of" in ahead.message
    assert "301 seconds behind" in behind.message
    assert httpx.get(site.base_url + "/sandbox/health").headers["date"]


@pytest.mark.parametrize(
    ("status", "schedule", "quarantine", "code"),
    [
        ("Active", "Active", None, None),
        ("NotRun", "Active", None, None),
        ("Active", "Active", QUARANTINE, None),
        ("Paused", "Paused", None, Code.JOB_PAUSED),
        ("NotConfigured", "Disabled", None, Code.JOB_PAUSED),
        ("PAUSED", "disabled", None, Code.JOB_PAUSED),
        ("Quarantine", "Active", QUARANTINE, Code.JOB_QUARANTINED),
        ("Quarantine", "Active", None, Code.JOB_QUARANTINED),
        # As an example of Microsoft's has it: its parts need not agree.
        ("Paused", "Disabled", QUARANTINE, Code.JOB_QUARANTINED),
    ],
)
def test_what_a_job_says(status: str, schedule: str, quarantine: object, code: Code | None) -> None:
    document = {"status": {"code": status, "quarantine": quarantine}, "schedule": {"state": schedule}}
    job = _job(orjson.dumps(document))
    assert job is not None
    problem = job_problem(job, "staff")
    assert job.runs == (code is None)
    assert (problem and problem.code) == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"status": 1, "schedule": 2}', b"<html>"])
def test_what_is_no_job(body: bytes) -> None:
    assert _job(body) is None


def test_a_quarantine_without_words_says_so() -> None:
    problem = job_problem(Job("Active", "Quarantine"), "staff")
    assert problem is not None
    assert problem.message == "the app is in quarantine: the service gives no known reason"
