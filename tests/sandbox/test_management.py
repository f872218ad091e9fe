"""An app from the gallery to a running job, as Graph has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scimport.sandbox.principals import ROLES

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab

ENTRA = "API-driven provisioning to Microsoft Entra ID"
AD = "API-driven provisioning to on-premises Active Directory"
EMAIL = {
    "key": "SyncNotificationSettings",
    "value": json.dumps({"Enabled": True, "Recipients": "a@b.example"}),
}
DOMAIN = {"key": "Domain", "value": '{"domain":"AD.sandbox.example"}'}


def _instantiate(http: httpx.Client, template: str = ENTRA, name: str = "HR to Entra") -> str:
    """Make an app; returns the URL of its synchronization."""
    found = http.get("/v1.0/applicationTemplates", params={"$filter": f"displayName eq '{template}'"})
    [gallery] = found.json()["value"]
    answer = http.post(f"/v1.0/applicationTemplates/{gallery['id']}/instantiate", json={"displayName": name})
    assert answer.status_code == 201
    assert answer.json()["application"]["appId"] == answer.json()["servicePrincipal"]["appId"]
    return f"/v1.0/servicePrincipals/{answer.json()['servicePrincipal']['id']}/synchronization"


def _job(http: httpx.Client, sync: str, *secrets: dict[str, str]) -> str:
    """Make the job of an app; returns its URL."""
    [template] = http.get(f"{sync}/templates").json()["value"]
    assert http.put(f"{sync}/secrets", json={"value": secrets}).status_code == 204
    answer = http.post(f"{sync}/jobs", json={"templateId": template["id"]})
    assert answer.status_code == 201
    assert answer.json()["id"].startswith(f"{template['id']}.")
    return f"{sync}/jobs/{answer.json()['id']}"


def _state(http: httpx.Client, job: str) -> tuple[str, str, str | None]:
    document = http.get(job).json()
    quarantine = document["status"]["quarantine"]
    state = document["schedule"]["state"], document["status"]["code"]
    return *state, quarantine and quarantine["error"]["code"]


def _upload(lab: Lab, job: str, *numbers: int) -> int:
    request = lab.request([lab.user(number) for number in numbers])
    headers = {"content-type": "application/scim+json"}
    return lab.http.post(f"{job}/bulkUpload", json=request, headers=headers).status_code


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_from_the_gallery_to_people(entra: Lab) -> None:
    http = entra.http
    job = _job(http, _instantiate(http), EMAIL)
    assert _state(http, job) == ("Disabled", "NotConfigured", None)
    assert _upload(entra, job, 1) == 202
    assert http.post(f"{job}/start").status_code == 204
    assert http.get(job).json()["status"]["lastExecution"]["countExported"] == 1
    assert _state(http, job) == ("Active", "Active", None)
    [found] = http.get(job.rpartition("/")[0]).json()["value"]
    assert found["id"] == job.rpartition("/")[2]
    assert http.delete(job).status_code == 204
    assert _error(http.get(job)) == (404, "JobNotFound")
    assert [entry["provisioningAction"] for entry in _log(http, found["id"])] == ["create"]


def _log(http: httpx.Client, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get(
        "/v1.0/auditLogs/provisioning", params={"$filter": f"jobId eq '{job}'"}
    ).json()["value"]
    return found


def test_the_service_principal_takes_its_time(http: httpx.Client) -> None:
    http.put("/sandbox/settings", json={"principal_delay": 20, "new_job": "Paused"})
    sync = _instantiate(http, name="Late")
    assert _error(http.get(f"{sync}/templates")) == (404, "Request_ResourceNotFound")
    query = {"$filter": "displayName eq 'Late'"}
    assert http.get("/v1.0/servicePrincipals", params=query).json()["value"] == []
    http.put("/sandbox/settings", json={"clock_offset": 21})
    assert len(http.get("/v1.0/servicePrincipals", params=query).json()["value"]) == 1
    assert _state(http, _job(http, sync)) == ("Disabled", "Paused", None)


def test_without_an_email_the_start_ends_in_quarantine(entra: Lab) -> None:
    http = entra.http
    job = _job(http, _instantiate(http))
    http.post(f"{job}/start")
    assert _state(http, job) == ("Active", "Quarantine", "NotificationEmailMissing")
    assert _upload(entra, job, 1) == 202
    http.put(f"{job.partition('/jobs/')[0]}/secrets", json={"value": [EMAIL]})
    assert _state(http, job)[1] == "Quarantine"
    assert http.post(f"{job}/restart").status_code == 204
    assert _state(http, job) == ("Active", "NotRun", None)
    assert _log(http, job.rpartition("/")[2]) == []  # what was uploaded before the restart is gone


def test_a_quarantine_is_tried_again(ad: Lab) -> None:
    http = ad.http
    ad.settings(agent="inactive")
    job = _job(http, _instantiate(http, AD), EMAIL, DOMAIN)
    http.post(f"{job}/start")
    assert _state(http, job) == ("Active", "NotRun", None)
    assert _upload(ad, job, 1) == 202
    assert _state(http, job)[2] == "HybridSynchronizationActiveDirectoryAgentInactive"
    hour = 3600
    ad.settings(clock_offset=6 * hour + 10)
    assert http.get(job).json()["status"]["quarantine"]["seriesCount"] == 2
    ad.settings(agent="active", clock_offset=18 * hour + 20)
    assert _state(http, job) == ("Active", "Active", None)
    ad.settings(agent="none", clock_offset=18 * hour + 30)
    assert _upload(ad, job, 2) == 202
    ad.settings(clock_offset=47 * 24 * hour)
    assert _state(http, job)[0] == "Disabled"


def test_a_paused_job_keeps_what_waits_and_a_restart_throws_it_away(entra: Lab) -> None:
    entra.settings(bucket_capacity=2)
    http, job = entra.http, entra.job_url
    http.post(f"{job}/pause")
    assert _upload(entra, job, 1, 2) == 202
    assert _upload(entra, job, 3) == 500
    http.post(f"{job}/start")
    assert len(entra.people()) == 2
    http.post(f"{job}/pause")
    _upload(entra, job, 3)
    http.post(f"{job}/restart", json={"criteria": {"resetScope": "Watermark, Full"}})
    assert entra.people() == {}
    assert _error(http.post(f"{job}/restart", json={"criteria": {"resetScope": "All"}}))[0] == 400


def test_secrets_are_replaced_as_a_whole_and_passwords_are_not_shown(http: httpx.Client) -> None:
    sync = _instantiate(http)
    token = {"key": "SecretToken", "value": "s3cret"}
    assert http.put(f"{sync}/secrets", json={"value": [EMAIL, token]}).status_code == 204
    shown = http.get(f"{sync}/secrets").json()["value"]
    assert shown == [EMAIL, {"key": "SecretToken", "value": "*****"}]
    http.put(f"{sync}/secrets", json={"value": [token]})
    assert [pair["key"] for pair in http.get(f"{sync}/secrets").json()["value"]] == ["SecretToken"]
    for wrong in ({"key": "Colour", "value": "red"}, {"key": "Domain"}, "Domain"):
        assert http.put(f"{sync}/secrets", json={"value": [wrong]}).status_code == 400


@pytest.mark.parametrize(("target", "count"), [("entra", 18), ("ad", 22)])
def test_the_schema_is_read_replaced_and_set_back(
    request: pytest.FixtureRequest, target: str, count: int
) -> None:
    lab: Lab = request.getfixturevalue(target)
    http, url = lab.http, f"{lab.job_url}/schema"
    default = http.get(url).json()
    [rule] = default["synchronizationRules"]
    [objects] = rule["objectMappings"]
    assert {directory["name"] for directory in default["directories"]} == {
        rule["sourceDirectoryName"],
        rule["targetDirectoryName"],
    }
    assert len(objects["attributeMappings"]) == count
    assert [each["source"]["name"] for each in objects["attributeMappings"] if each["matchingPriority"]] == [
        "externalId"
    ]
    changed = json.loads(json.dumps(default))
    changed["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].pop()
    assert http.put(url, json=changed).status_code == 204
    assert http.get(url).json() == changed
    broken = json.loads(json.dumps(default))
    broken["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][1]["targetAttributeName"] = (
        "x"
    )
    assert "'x' is not defined" in http.put(url, json=broken).json()["error"]["message"]
    assert http.put(url, json={"directories": 1}).status_code == 400
    assert http.delete(url).status_code == 204
    assert http.get(url).json() == default
    template = f"{lab.job_url.partition('/jobs/')[0]}/templates/{lab.app['templateId']}/schema"
    assert http.get(template).json()["synchronizationRules"][0]["objectMappings"] == [objects]
    assert "EQUALS" in {each["name"] for each in http.get(f"{url}/filterOperators").json()["value"]}


def test_provision_on_demand_is_refused(entra: Lab) -> None:
    answer = entra.http.post(f"{entra.job_url}/provisionOnDemand", json={})
    assert _error(answer) == (400, "NotSupported")


@pytest.mark.parametrize(
    ("secrets", "settings", "code"),
    [
        ([DOMAIN], {}, ""),
        ([], {}, "HybridSynchronizationActiveDirectoryDomainNotFound"),
        ([DOMAIN], {"ad_domain": "other.example"}, "HybridSynchronizationActiveDirectoryDomainNotFound"),
        ([DOMAIN], {"agent": "inactive"}, "HybridSynchronizationActiveDirectoryAgentInactive"),
    ],
)
def test_the_connection_of_active_directory(
    ad: Lab, secrets: list[dict[str, str]], settings: dict[str, str], code: str
) -> None:
    ad.settings(**settings)
    job = _job(ad.http, _instantiate(ad.http, AD), *secrets)
    answer = ad.http.post(f"{job}/validateCredentials", json={"useSavedCredentials": True})
    assert (answer.status_code == 204 and not code) or _error(answer) == (400, code)
    beta = "/beta/onPremisesPublishingProfiles/provisioning"
    [agent] = ad.http.get(f"{beta}/agents").json()["value"]
    assert agent["status"] == settings.get("agent", "active")
    [domain] = ad.http.get(f"{beta}/publishedResources").json()["value"]
    assert domain["resourceName"] == settings.get("ad_domain", "ad.sandbox.example")


def _signed_in(lab: Lab, client: str) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": "s",
        "scope": "https://graph.microsoft.com/.default",
    }
    token = lab.http.post(lab.app["tokenEndpoint"], data=form).json()["access_token"]
    return {"authorization": f"Bearer {token}"}


def test_a_client_may_what_it_was_granted(entra: Lab) -> None:
    http = entra.http
    entra.settings(require_token=True, permissions=[])
    hr, admin = f"hr-{entra.mark}", f"admin-{entra.mark}"
    granted = ["AppRoleAssignment.ReadWrite.All", "Application.Read.All"]
    for client, permissions in ((hr, []), (admin, granted)):
        wishes = {"clientId": client, "permissions": permissions}
        principal = http.post("/sandbox/clients", json=wishes).json()["id"]
        if client == hr:
            url = f"/v1.0/servicePrincipals/{principal}/appRoleAssignments"
    as_hr, as_admin = _signed_in(entra, hr), _signed_in(entra, admin)
    request = entra.request([entra.user(1)])
    assert _error(entra.post(request, **as_hr)) == (403, "Authorization_RequestDenied")
    graph = http.get(
        "/v1.0/servicePrincipals",
        params={"$filter": "appId eq '00000003-0000-0000-c000-000000000000'"},
        headers=as_admin,
    ).json()["value"][0]
    roles = {role["value"]: role["id"] for role in graph["appRoles"]}
    assert roles == ROLES
    body = {
        "principalId": url.split("/")[3],
        "resourceId": graph["id"],
        "appRoleId": roles["SynchronizationData-User.Upload"],
    }
    assert http.post(url, json=body, headers=as_hr).status_code == 403
    assert http.post(url, json=body, headers=as_admin).status_code == 201
    assert http.post(url, json=body, headers=as_admin).status_code == 400
    assert entra.post(request, **as_hr).status_code == 202
    assert len(http.get(url, headers=as_admin).json()["value"]) == 1


def test_owned_by_is_for_the_apps_that_the_client_has_made(entra: Lab) -> None:
    http = entra.http
    entra.settings(require_token=True, permissions=[])
    permissions = ["Application.ReadWrite.OwnedBy", "SynchronizationData-User.Upload.OwnedBy"]
    clients = []
    for name in ("a", "b"):
        client = f"{name}-{entra.mark}"
        http.post("/sandbox/clients", json={"clientId": client, "permissions": permissions})
        clients.append(_signed_in(entra, client))
    mine, other = clients
    http.headers.update(mine)
    try:
        sync = _instantiate(http)
        job = _job(http, sync, EMAIL)
        [owner] = http.get(f"{sync.removesuffix('/synchronization')}/owners").json()["value"]
        assert owner["appId"] == f"a-{entra.mark}"
        assert _upload(entra, job, 1) == 202
        assert http.post(f"{job}/start", headers=other).status_code == 403
        patch: dict[str, Any] = {"synchronizationJobSettings": []}
        assert http.patch(job, json=patch).status_code == 403  # needs Synchronization.ReadWrite.All
    finally:
        del http.headers["authorization"]


def test_an_app_is_renamed_and_deleted(http: httpx.Client) -> None:
    sync = _instantiate(http, name="Before")
    principal = http.get(sync.removesuffix("/synchronization")).json()
    [application] = http.get(
        "/v1.0/applications", params={"$filter": f"appId eq '{principal['appId']}'"}
    ).json()["value"]
    url = f"/v1.0/applications/{application['id']}"
    assert http.patch(url, json={"displayName": "After"}).status_code == 204
    assert http.get(sync.removesuffix("/synchronization")).json()["displayName"] == "After"
    assert http.delete(url).status_code == 204
    assert http.get(sync.removesuffix("/synchronization")).status_code == 404


def test_jobs_are_limited_by_the_licence(entra: Lab) -> None:
    http = entra.http
    sync = _instantiate(http)
    entra.settings(jobs_per_target=1)
    [template] = http.get(f"{sync}/templates").json()["value"]
    assert http.post(f"{sync}/jobs", json={"templateId": template["id"]}).status_code == 403
    assert http.post(f"{sync}/jobs", json={"templateId": "aws"}).status_code == 400


def test_calls_of_graph_fail_on_order_and_are_written_down(entra: Lab) -> None:
    entra.faults(graph={"after": 1, "next": 1, "status": 429, "retry_after": 3})
    answers = [entra.http.get(entra.job_url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["retry-after"] == "3"
    written = entra.http.get("/sandbox/requests").json()["value"][-3:]
    assert [(each["method"], each["status"]) for each in written] == [("GET", s) for s in (200, 429, 200)]
    assert written[0]["path"].endswith(entra.app["jobId"])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("contains(displayName,'API-driven')", 2),
        ("startswith(displayName, 'api-driven provisioning to on')", 1),
        ("displayName eq 'none'", 0),
    ],
)
def test_the_gallery_is_searched(http: httpx.Client, text: str, count: int) -> None:
    found = http.get("/v1.0/applicationTemplates", params={"$filter": text}).json()["value"]
    assert len(found) == count
    for wrong in ("displayName", "publisher eq 'Microsoft'"):
        assert http.get("/v1.0/applicationTemplates", params={"$filter": wrong}).status_code == 400
