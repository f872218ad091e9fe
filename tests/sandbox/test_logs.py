from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from scimport.sandbox import clock
from scimport.sandbox.bulk import ENTERPRISE

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def _sources(lab: Lab, condition: str) -> list[str]:
    return [entry["sourceIdentity"]["id"].removeprefix(f"{lab.mark}-") for entry in lab.log(condition)]


def test_an_entry_as_documented(entra: Lab) -> None:
    entra.upload(entra.user(1))
    entry = entra.last_entry()
    assert entry["jobId"] == entra.app["jobId"]
    assert entry["tenantId"] == entra.app["tenantId"]
    assert entry["durationInMilliseconds"] >= 1
    assert entry["provisioningStatusInfo"] == {"status": "success", "errorInformation": None}
    assert entry["servicePrincipal"] == {
        "id": entra.app["servicePrincipalId"],
        "displayName": entra.app["name"],
    }
    assert entry["sourceIdentity"] == {
        "id": f"{entra.mark}-1",
        "displayName": f"Person {entra.mark} 1",
        "identityType": ENTERPRISE,
        "details": {},
    }
    assert entry["targetSystem"]["details"]["ApplicationId"] == entra.app["applicationId"]
    assert {"displayName": "accountEnabled", "oldValue": None, "newValue": "True"} in entry[
        "modifiedProperties"
    ]
    moment = datetime.fromisoformat(entry["activityDateTime"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert entry.keys().isdisjoint({"action", "statusInfo"})
    beta = entra.log(version="beta")[0]
    assert (beta["action"], beta["statusInfo"]) == ("Create", entry["provisioningStatusInfo"])
    assert {key: beta[key] for key in entry} == entry


def test_filters(entra: Lab) -> None:
    entra.upload(entra.user(1), entra.user(2, displayName=None))
    time.sleep(0.001)
    middle = clock.iso(clock.now())
    time.sleep(0.001)
    entra.upload(entra.user(1, title="O'Neill's"), entra.user(3))
    entries = entra.log()
    first, last = entries[0], entries[-1]
    for condition, found in {
        f"activityDateTime ge {middle}": ["1", "3"],
        f"activityDateTime gt {middle} and activityDateTime lt 2999-01-01T00:00:00Z": ["1", "3"],
        f"activityDateTime le '{middle}'": ["1", "2"],
        f"activityDateTime lt {first['activityDateTime']}": [],
        f"activityDateTime ge {first['activityDateTime']}": ["1", "2", "1", "3"],
        f"cycleId eq '{first['cycleId']}'": ["1", "2"],
        f"cycleId ne '{first['cycleId']}'": ["1", "3"],
        f"changeId eq '{last['changeId']}'": ["3"],
        f"sourceIdentity/id eq '{entra.mark}-1'": ["1", "1"],
        f"sourceIdentity/id eq '{entra.mark.upper()}-1'": [],
        f"contains(sourceIdentity/id, '{entra.mark}-3')": ["3"],
        f"servicePrincipal/id eq '{entra.app['servicePrincipalId']}'": ["1", "2", "1", "3"],
        f"jobid eq '{entra.app['jobId']}'": ["1", "2", "1", "3"],
        "servicePrincipal/id eq 'other''s'": [],
        "statusInfo/status eq 'failure'": ["2"],
        "provisioningStatusInfo/status eq 'success' and provisioningAction eq 'update'": ["1"],
    }.items():
        assert _sources(entra, condition) == found, condition


@pytest.mark.parametrize(
    "condition",
    [
        "jobId",
        "jobId eq",
        "jobId eq 7",
        "jobId eq 'x",
        "jobId like 'x'",
        "jobId eq 'x' or jobId eq 'y'",
        "jobId eq 'x' jobId eq 'y'",
        "bulkId eq 'x'",
        "activityDateTime ge 'yesterday'",
        "contains(jobId)",
        "jobId eq 'x' and ",
        "jobId eq 'x'; DROP TABLE log",
    ],
)
def test_a_filter_that_is_not_understood_is_a_400(http: httpx.Client, condition: str) -> None:
    answer = http.get("/v1.0/auditLogs/provisioning", params={"$filter": condition})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("$top", "0"),
        ("$top", "x"),
        ("$orderby", "id"),
        ("$orderby", "activityDateTime up"),
        ("$skiptoken", "!"),
    ],
)
def test_other_parameters_that_are_wrong(http: httpx.Client, name: str, value: str) -> None:
    assert http.get("/v1.0/auditLogs/provisioning", params={name: value}).status_code == 400


@pytest.mark.parametrize("order", ["activityDateTime desc", "activityDateTime asc", "activityDateTime"])
def test_pages_follow_next_links(entra: Lab, order: str) -> None:
    entra.upload(*(entra.user(number) for number in range(3)))
    entra.upload(*(entra.user(number) for number in range(3, 7)))
    query = {"$filter": f"jobid eq '{entra.app['jobId']}'", "$top": "2", "$orderby": order}
    page = entra.http.get("/v1.0/auditLogs/provisioning", params=query).json()
    assert page["@odata.context"].endswith("/v1.0/$metadata#auditLogs/provisioning")
    pages = [page]
    while link := pages[-1].get("@odata.nextLink"):
        # What comes in between neither repeats nor hides an entry.
        if len(pages) == 2 and order.endswith("desc"):
            entra.upload(entra.user(9))
        pages.append(entra.http.get(link).json())
    numbers = [int(entry["sourceIdentity"]["id"].split("-")[1]) for page in pages for entry in page["value"]]
    assert numbers == sorted(range(7), reverse=order.endswith("desc"))
    assert [len(page["value"]) for page in pages] == [2, 2, 2, 1]


def test_page_sizes_are_settings(entra: Lab) -> None:
    entra.settings(log_page_size=2, log_page_limit=3)
    entra.upload(*(entra.user(number) for number in range(5)))
    assert len(entra.log()) == 2
    assert len(entra.log(**{"$top": "100"})) == 3


def test_entries_appear_late_and_go_away(entra: Lab) -> None:
    entra.settings(log_lag=300)
    entra.upload(entra.user(1))
    assert entra.log() == []
    entra.settings(clock_offset=301)
    assert len(entra.log()) == 1
    entra.settings(clock_offset=30 * 86_400 + 60)
    assert entra.log() == []


def test_the_source_may_be_a_guid(entra: Lab) -> None:
    entra.settings(source_identity="guid")
    entra.upload(entra.user(1))
    entra.upload(entra.user(1))
    entries = entra.log()
    ident = entries[0]["sourceIdentity"]["id"]
    assert len(ident) == 36
    assert [entry["sourceIdentity"]["id"] for entry in entries] == [ident, ident]
    assert entries[0]["provisioningSteps"][0]["details"]["ExternalId"] == f"{entra.mark}-1"


def test_reading_is_limited(fresh: Lab) -> None:
    statuses = [fresh.http.get("/v1.0/auditLogs/provisioning").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    fresh.settings(log_seconds=0.05)
    time.sleep(0.06)
    assert fresh.log() == []
