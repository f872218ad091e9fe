"""What keeps a pipeline from being loaded, found without sending anybody."""

from __future__ import annotations

import base64
import json

import pytest
from tests.test_confirm import LogSite, site

from scimport.apps.auth import StaticToken
from scimport.doctor import examine
from scimport.errors import UsageError
from scimport.findings import Finding, Result, token_roles, upload_finding

__all__ = ["site"]

ALL = ["files", "source", "state", "token", "upload", "job", "clock", "log", "budget"]


@pytest.fixture(autouse=True)
def _short_pauses(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del impatient
    monkeypatch.setattr("scimport.apps.logs._FIRST_PAUSE", 0.05)


def _look(site: LogSite) -> dict[str, Finding]:
    return {one.check: one for one in examine(site.project, "staff")}


def _wrong(site: LogSite) -> dict[str, Finding]:
    return {name: one for name, one in _look(site).items() if one.result is not Result.FOUND}


def _jwt(**claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{middle}.c2lnbmVk"


def test_all_is_well_and_nobody_was_sent(site: LogSite) -> None:
    site.write([(1, "a")])
    found = _look(site)
    assert list(found) == ALL
    assert {one.result for one in found.values()} == {Result.FOUND}
    assert site.calls() == []


def test_each_thing_that_is_missing_is_named(site: LogSite) -> None:
    missing = _wrong(site)
    assert list(missing) == ["source"]
    assert "the file is not there" in missing["source"].found
    assert missing["source"].hint

    site.write([(1, "a")])
    site.job("pause")
    assert list(_wrong(site)) == ["job"]
    assert "paused" in _wrong(site)["job"].found
    site.job("start")

    site.settings(permissions=["SynchronizationData-User.Upload"])
    missing = _wrong(site)
    assert {name: one.result for name, one in missing.items()} == {"job": "unknown", "log": "missing"}
    assert "Synchronization.Read.All" in missing["job"].hint
    assert "ProvisioningLog.Read.All" in missing["log"].hint

    site.settings(permissions=["ProvisioningLog.Read.All", "Synchronization.Read.All"])
    mapping = site.root / "mappings" / "people.yml"
    mapping.write_text(mapping.read_text().replace("displayName", "displayname_"))
    assert list(_look(site)) == ["files"]
    assert "mappings/people.yml:" in _wrong(site)["files"].found
    assert site.calls() == []


def test_an_endpoint_that_is_not_there(site: LogSite) -> None:
    site.write([(1, "a")])
    path = site.root / "pipelines" / "staff.yml"
    path.write_text(path.read_text().replace(site.base_url, "http://127.0.0.1:9"))
    assert list(_wrong(site)) in (["job", "log"], ["job", "clock", "log"])


def test_a_token_that_does_not_come(site: LogSite) -> None:
    site.write([(1, "a")])
    site.settings(require_token=True)
    found = _wrong(site)
    assert "auth: none" in found["job"].found
    assert found["job"].hint == "Give the app an auth: block."


def test_an_unknown_pipeline(site: LogSite) -> None:
    with pytest.raises(UsageError):
        list(examine(site.project, "nobody"))


@pytest.mark.parametrize(
    ("token", "result"),
    [
        (_jwt(roles=["SynchronizationData-User.Upload"]), Result.FOUND),
        (_jwt(roles=["SynchronizationData-User.Upload.OwnedBy"]), Result.FOUND),
        (_jwt(roles=["ProvisioningLog.Read.All"]), Result.MISSING),
        (_jwt(), Result.MISSING),
        ("opaque", Result.UNKNOWN),
    ],
)
def test_the_permission_to_upload_is_read_in_the_token(token: str, result: Result) -> None:
    assert upload_finding(StaticToken(token)).result is result


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a.b.c", "Bearer a.W10.c", "Bearer a.bm8.c"])
def test_what_is_no_token_of_entra(header: str) -> None:
    assert token_roles(header) is None
