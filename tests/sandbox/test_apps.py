from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def test_an_app_is_created_once_with_a_started_job(http: httpx.Client) -> None:
    wishes = {"name": "Provision-Employees-From-CSV-to-AD", "target": "on-premises-ad"}
    app = http.post("/sandbox/apps", json=wishes).json()
    assert http.post("/sandbox/apps", json=wishes).json() == app
    template, tenant, _ = app["jobId"].split(".")
    assert (template, app["templateId"], app["state"]) == ("API2AD", "API2AD", "Active")
    assert tenant == app["tenantId"].replace("-", "")
    path = (
        f"/v1.0/servicePrincipals/{app['servicePrincipalId']}/synchronization/jobs/{app['jobId']}/bulkUpload"
    )
    assert app["endpoint"] == str(http.base_url).rstrip("/") + path
    assert app in http.get("/sandbox/apps").json()["value"]


@pytest.mark.parametrize(
    ("wishes", "status"),
    [
        ({"name": "x", "target": "ldap"}, 400),
        ({"name": " ", "target": "entra-id"}, 400),
        ({"name": "x"}, 400),
        ({"name": 1, "target": "entra-id"}, 400),
        ({"name": "x", "target": "entra-id", "more": "x"}, 400),
        ([], 400),
    ],
)
def test_wrong_wishes_for_an_app(http: httpx.Client, wishes: Any, status: int) -> None:
    answer = http.post("/sandbox/apps", json=wishes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "BadRequest")


def test_a_name_keeps_its_target(entra: Lab) -> None:
    wishes = {"name": entra.app["name"], "target": "on-premises-ad"}
    assert entra.http.post("/sandbox/apps", json=wishes).status_code == 409


def test_an_unknown_principal_or_job_is_a_404(entra: Lab, ad: Lab) -> None:
    request = entra.request([entra.user(1)])
    endpoint, job = entra.app["endpoint"], entra.app["jobId"]
    for url, code in (
        (endpoint.replace(entra.app["servicePrincipalId"], "nobody"), "Request_ResourceNotFound"),
        (endpoint.replace(job, "API2AAD.none"), "JobNotFound"),
        (endpoint.replace(job, ad.app["jobId"]), "JobNotFound"),
    ):
        answer = entra.http.post(url, json=request, headers={"content-type": "application/scim+json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    assert entra.http.get("/sandbox/apps/none/users").status_code == 404


def test_the_job_as_documented(entra: Lab) -> None:
    job = entra.http.get(entra.job_url).json()
    assert job["id"] == entra.app["jobId"]
    assert job["schedule"] == {"expiration": None, "interval": "PT40M", "state": "Active"}
    status = job["status"]
    assert (status["code"], status["lastExecution"]) == ("NotRun", None)
    assert status["steadyStateLastAchievedTime"] == "0001-01-01T00:00:00Z"
    entra.upload(entra.user(1), entra.user(2), entra.user(3, displayName=None))
    status = entra.http.get(entra.job_url.replace("/v1.0/", "/beta/")).json()["status"]
    execution = status["lastExecution"]
    assert (status["code"], execution["state"]) == ("Active", "EntryLevelErrors")
    assert (execution["countImported"], execution["countExported"], execution["countEscrowed"]) == (3, 2, 1)
    assert status["lastSuccessfulExecution"] is None
    entra.upload(entra.user(1))
    status = entra.http.get(entra.job_url).json()["status"]
    assert status["lastSuccessfulExecution"]["state"] == "Succeeded"
    assert status["lastSuccessfulExecutionWithExports"] is None
    assert status["synchronizedEntryCountByType"] == [{"key": "User to User", "value": 2}]


def test_people_come_in_pages(entra: Lab) -> None:
    entra.upload(*(entra.user(number) for number in range(1, 6)))
    url: str | None = f"/sandbox/apps/{entra.app['jobId']}/users?top=2"
    seen = []
    while url:
        page = entra.http.get(url).json()
        seen += [person["externalId"] for person in page["value"]]
        url = page.get("nextLink")
    assert seen == [f"{entra.mark}-{number}" for number in range(1, 6)]
    path = f"/sandbox/apps/{entra.app['jobId']}/users"
    found = entra.http.get(path, params={"externalId": [seen[3], seen[1]]}).json()["value"]
    assert [person["externalId"] for person in found] == [seen[1], seen[3]]
    assert found[0]["received"] == entra.user(2)
    assert entra.http.get(path, params={"top": "x"}).status_code == 400
