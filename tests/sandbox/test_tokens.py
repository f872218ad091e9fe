from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab

SECRET = {
    "grant_type": "client_credentials",
    "client_id": "hr",
    "client_secret": "s3",
    "scope": "https://graph.microsoft.com/.default",
}
ASSERTION = {
    **{name: SECRET[name] for name in ("grant_type", "client_id", "scope")},
    "client_assertion": "a.b.c",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


def _token(lab: Lab, form: dict[str, str] = SECRET) -> str:
    answer = lab.http.post(lab.app["tokenEndpoint"], data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3599
    return f"Bearer {answer.json()['access_token']}"


def _post(lab: Lab, authorization: str = "") -> httpx.Response:
    headers = {"authorization": authorization} if authorization else {}
    return lab.post(lab.request([lab.user(1)]), **headers)


def _message(answer: httpx.Response) -> str:
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize("form", [SECRET, ASSERTION], ids=["secret", "assertion"])
def test_a_token_lets_a_client_in(entra: Lab, form: dict[str, str]) -> None:
    entra.settings(require_token=True)
    assert _message(_post(entra)) == "Access token is empty."
    assert _message(_post(entra, "Basic xyz")) == "Access token is empty."
    assert "Invalid token" in _message(_post(entra, "Bearer made-up"))
    authorization = _token(entra, form)
    assert _post(entra, authorization).status_code == 202
    headers = {"authorization": authorization}
    assert entra.http.get(entra.job_url, headers=headers).status_code == 200
    assert entra.http.get(entra.job_url).status_code == 401
    assert entra.http.get("/v1.0/auditLogs/provisioning").status_code == 401


def test_a_token_expires_after_its_time(entra: Lab) -> None:
    entra.settings(require_token=True)
    authorization = _token(entra)
    entra.settings(clock_offset=3600)
    assert _message(_post(entra, authorization)) == "Access token has expired or is not yet valid."
    assert _post(entra, _token(entra)).status_code == 202


def test_a_token_expires_after_a_number_of_requests(entra: Lab) -> None:
    entra.settings(require_token=True, any_token=True, token_requests=2)
    mine = f"Bearer {entra.mark}"
    assert [_post(entra, mine).status_code for _ in range(3)] == [202, 202, 401]
    assert _post(entra, f"{mine}-2").status_code == 202


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"scope": "openid"}, 400, "invalid_scope"),
        ({"client_id": "other"}, 400, "unauthorized_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "", "client_assertion": "a.b.c"}, 401, "invalid_client"),
    ],
)
def test_a_client_that_is_not_believed(entra: Lab, changes: dict[str, Any], status: int, error: str) -> None:
    entra.settings(clients={"hr": "s3"})
    assert _token(entra)
    answer = entra.http.post("/any/oauth2/v2.0/token", data={**SECRET, **changes})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith(f"AADSTS{answer.json()['error_codes'][0]}: ")


def test_a_missing_permission_is_a_403(entra: Lab) -> None:
    entra.settings(permissions=["ProvisioningLog.Read.All"])
    refused = _post(entra)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert "SynchronizationData-User.Upload" in refused.json()["error"]["message"]
    assert entra.http.post(f"{entra.job_url}/pause").status_code == 403
    assert entra.log() == []
    entra.settings(permissions=["SynchronizationData-User.Upload.OwnedBy"])
    assert _post(entra).status_code == 202
    assert entra.http.get("/beta/auditLogs/provisioning").status_code == 403
