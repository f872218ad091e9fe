from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.apps.entries import LogEntry, LogStatus, read_entry, read_page

GUID = "3f1c9a52-7d0e-4c58-9d7e-1b2a3c4d5e6f"
AT = datetime(2026, 10, 5, 9, 0, 40, tzinfo=UTC).timestamp()
# https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary, with values of our own.
FAILURE: dict[str, Any] = {
    "id": "8b0c",
    "activityDateTime": "2026-10-05T09:00:40Z",
    "jobId": "API2AAD.0123.7d0b",
    "cycleId": "c1d2",
    "changeId": "a0b1",
    "provisioningAction": "create",
    "provisioningStatusInfo": {
        "status": "failure",
        "errorInformation": {
            "errorCode": "AzureActiveDirectoryInvalidUserPrincipalName",
            "reason": "Property userPrincipalName is invalid.",
            "additionalDetails": None,
            "errorCategory": "nonServiceFailure",
            "recommendedAction": "Correct it.",
        },
    },
    "provisioningSteps": [
        {
            "name": "EntryImportAdd",
            "provisioningStepType": "import",
            "status": "success",
            "description": "Received urn:ietf:params:scim:schemas:extension:enterprise:2.0:User 'E1001'"
            " change of type (Add) from API",
            "details": {"ExternalId": "E1001", "Active": "True", "DisplayName": "Maria Novak"},
        },
        {
            "name": "EntryExportAdd",
            "provisioningStepType": "export",
            "status": "failure",
            "description": "Failed to create User 'E1001' in Azure Active Directory",
            "details": {"ReportableIdentifier": "E1001"},
        },
    ],
    "modifiedProperties": [{"displayName": "jobTitle", "oldValue": None, "newValue": "Engineer"}],
    "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
    "sourceIdentity": {"id": "E1001", "displayName": "Maria Novak", "details": {}},
    "targetIdentity": {"id": "", "displayName": "", "identityType": "User", "details": {}},
}


def entry(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(FAILURE) | changes


def test_an_entry_as_it_is_documented() -> None:
    assert read_entry(FAILURE, "API2AAD.0123.7d0b") == LogEntry(
        external_id="E1001",
        status=LogStatus.FAILURE,
        action="create",
        at=AT,
        code="AzureActiveDirectoryInvalidUserPrincipalName",
        reason="Property userPrincipalName is invalid.",
        recommended_action="Correct it.",
        change_id="a0b1",
        cycle_id="c1d2",
    )


def _older_beta() -> dict[str, Any]:
    old = entry(action="Create", statusInfo={"status": "Failure"})
    old["statusInfo"] |= {
        name[0].lower() + name[1:]: value
        for name, value in FAILURE["provisioningStatusInfo"]["errorInformation"].items()
    }
    del old["provisioningStatusInfo"], old["provisioningAction"]
    return old


def _upper(node: Any) -> Any:
    """The same with every name of a member, and every word of an enumeration, in capitals."""
    if isinstance(node, list):
        return [_upper(one) for one in node]
    if not isinstance(node, dict):
        return node
    words = {"status", "provisioningAction", "provisioningStepType", "name"}
    return {
        name.upper(): value.upper() if name in words and isinstance(value, str) else _upper(value)
        for name, value in node.items()
    }


@pytest.mark.parametrize(
    "spelled",
    [
        entry(statusInfo=FAILURE["provisioningStatusInfo"], provisioningStatusInfo=None),
        _older_beta(),
        _upper(FAILURE),
        entry(provisioningAction="Create"),
        entry(jobId=None, provisioningJobId="api2aad.0123.7D0B"),
        entry(initiatedBy={"initiatingType": "System"}),
        entry(activityDateTime="2026-10-05T09:00:40.0000000Z"),
        entry(activityDateTime="2026-10-05T11:00:40+02:00"),
        entry(activityDateTime="2026-10-05T09:00:40"),
    ],
)
def test_every_spelling_reads_the_same(spelled: dict[str, Any]) -> None:
    assert read_entry(spelled, "API2AAD.0123.7d0b") == read_entry(FAILURE)


@pytest.mark.parametrize("status", ["success", "Warning", "FAILURE", "skipped"])
def test_every_status_in_every_case(status: str) -> None:
    found = read_entry(entry(provisioningStatusInfo={"status": status}))
    assert found is not None
    assert found.status == status.lower()
    assert found.code == found.reason == ""


def _import_step(**details: Any) -> list[dict[str, Any]]:
    step = FAILURE["provisioningSteps"][0]
    return [{"name": "EntryExportAdd", "details": {"ExternalId": "no"}}, step | details]


@pytest.mark.parametrize("anchor", [GUID, GUID.upper(), f"{{{GUID}}}", GUID.replace("-", ""), "", None])
def test_who_it_is_where_the_source_has_a_guid(anchor: str | None) -> None:
    identity = {"id": anchor}

    def external_id(steps: list[dict[str, Any]]) -> str:
        found = read_entry(entry(sourceIdentity=identity, provisioningSteps=steps))
        return found.external_id if found else ""

    assert external_id(_import_step()) == "E1001"
    assert external_id(_import_step(provisioningStepType="Import", name="")) == "E1001"
    assert external_id(_import_step(provisioningStepType=None, name="entryimportupdate")) == "E1001"
    assert external_id(_import_step(details={"EXTERNALID": "E7"})) == "E7"
    quoted = "Received User 'O'Brien 7' change of type (Update) from API"
    assert external_id(_import_step(details={}, description=quoted)) == "O'Brien 7"
    assert external_id(_import_step(details=None, description="User 'E8' was received")) == "E8"
    assert external_id([]) == (anchor or "")


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        7,
        [],
        {},
        entry(activityDateTime=None),
        entry(activityDateTime="yesterday"),
        entry(provisioningStatusInfo=None),
        entry(provisioningStatusInfo={"status": "unknownFutureValue"}),
        entry(sourceIdentity=None, provisioningSteps=None),
        entry(jobId="API2AAD.0123.other"),
    ],
)
def test_odd_entries_are_counted_and_nothing_else(odd: object) -> None:
    page = read_page(orjson.dumps({"value": [odd, FAILURE]}), "API2AAD.0123.7d0b")
    assert [one.external_id for one in page.entries] == ["E1001"]
    assert page.odd == 1


def test_why_somebody_was_skipped() -> None:
    steps = [{"name": "EntrySynchronizationSkip", "details": {"SkipReason": "RedundantExport"}}]
    found = read_entry(entry(provisioningStatusInfo={"status": "skipped"}, provisioningSteps=steps))
    assert found is not None
    assert found.code == "RedundantExport"


def test_reasons_do_not_quote_the_person() -> None:
    info = copy.deepcopy(FAILURE["provisioningStatusInfo"])
    info["errorInformation"] |= {
        "reason": "Maria Novak (engineer) clashes with m.novak@acme.example.\nSee E1001.",
        "recommendedAction": "Rename Maria Novak.",
    }
    found = read_entry(entry(provisioningStatusInfo=info))
    assert found is not None
    assert found.reason == "*** (***) clashes with *** See E1001."
    assert found.recommended_action == "Rename ***."


def test_pages() -> None:
    page = read_page(b'{"value": [], "@odata.nextLink": "https://x/y"}', "job", 5.0)
    assert (page.entries, page.odd, page.next_link, page.server_time) == ((), 0, "https://x/y", 5.0)
    for body in (b"", b"<html>", b"[]", b'{"value": 7}', b'"text"'):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the words are
            read_page(body, "job")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda node: (
        st.lists(node, max_size=3) | st.dictionaries(st.sampled_from(sorted(FAILURE)), node, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(FAILURE)), _json))
@settings(max_examples=100, deadline=None)
def test_nothing_makes_it_fail(changes: dict[str, Any]) -> None:
    read_entry(FAILURE | changes)
