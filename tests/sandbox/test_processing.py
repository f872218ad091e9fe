"""What the schema and the settings of a job do to the people that are uploaded to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.processing import escrow_trouble
from scimport.sandbox.schemas import mapping
from scimport.sandbox.settings import Settings

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab

Objects = dict[str, Any]


def _change(lab: Lab, change: Callable[[Objects], object]) -> None:
    """Change the object mapping of a job's schema."""
    schema = lab.http.get(f"{lab.job_url}/schema").json()
    change(schema["synchronizationRules"][0]["objectMappings"][0])
    answer = lab.http.put(f"{lab.job_url}/schema", json=schema)
    assert answer.status_code == 204, answer.text


def _map(lab: Lab, target: str, expression: str, **more: Any) -> None:
    """Replace or add an attribute mapping."""

    def change(objects: Objects) -> None:
        others = [line for line in objects["attributeMappings"] if line["targetAttributeName"] != target]
        objects["attributeMappings"] = [*others, mapping(target, expression, more)]

    _change(lab, change)


def _scope(lab: Lab, department: str) -> None:
    clause = {
        "sourceOperandName": f"{ENTERPRISE}:department",
        "operatorName": "EQUALS",
        "targetOperand": {"values": [department]},
    }
    _change(lab, lambda objects: objects.update(scope={"groups": [{"name": "staff", "clauses": [clause]}]}))


def _secrets(lab: Lab, *pairs: tuple[str, str]) -> None:
    url = f"{lab.job_url.rpartition('/jobs/')[0]}/secrets"
    kept = {pair["key"]: pair["value"] for pair in lab.http.get(url).json()["value"]} | dict(pairs)
    value = [{"key": key, "value": text} for key, text in kept.items()]
    assert lab.http.put(url, json={"value": value}).status_code == 204


def _quarantine(lab: Lab) -> str:
    found = lab.http.get(lab.job_url).json()["status"]["quarantine"]
    return str(found["reason"]) if found else ""


def _restart(lab: Lab, scope: str) -> None:
    body = {"criteria": {"resetScope": scope}}
    assert lab.http.post(f"{lab.job_url}/restart", json=body).status_code == 204


def _in(department: str) -> dict[str, Any]:
    return {ENTERPRISE: {"department": department}}


def test_a_mapping_of_ones_own(entra: Lab) -> None:
    _map(entra, "jobTitle", 'Switch([title], "Other", "Engineer", "Ing.")')
    _map(entra, "companyName", f"Redact(ToUpper([{ENTERPRISE}:organization]))")
    entra.upload(entra.user(1), entra.user(2, title="Chef"))
    assert [entra.person(number)["jobTitle"] for number in (1, 2)] == ["Ing.", "Other"]
    assert entra.person(1)["companyName"] == "ACME"
    changes = {item["displayName"]: item["newValue"] for item in entra.last_entry()["modifiedProperties"]}
    assert (changes["jobTitle"], changes["companyName"]) == ("Other", "[Redact]")


def test_a_wrong_mapping_is_refused_and_changes_nothing(entra: Lab) -> None:
    before = entra.http.get(f"{entra.job_url}/schema").json()
    schema = entra.http.get(f"{entra.job_url}/schema").json()
    objects = schema["synchronizationRules"][0]["objectMappings"][0]
    objects["attributeMappings"].append(mapping("companyName", "Upper([title])", {}))
    answer = entra.http.put(f"{entra.job_url}/schema", json=schema)
    assert answer.status_code == 400
    assert (
        "'companyName' is wrong: position 1: there is no function Upper" in answer.json()["error"]["message"]
    )
    assert entra.http.get(f"{entra.job_url}/schema").json() == before


def test_the_domain_of_a_principal_name_must_be_verified(entra: Lab) -> None:
    _map(entra, "userPrincipalName", "[userName]")
    entra.upload(entra.user(1))
    error = entra.last_entry()["provisioningStatusInfo"]["errorInformation"]
    assert error["errorCode"] == "InvalidDomain"
    assert "domain does not exist" in error["reason"]
    entra.settings(verified_domains=["acme.example"])
    entra.upload(entra.user(1))
    assert entra.person(1)["userPrincipalName"].endswith("@acme.example")


def test_who_is_out_of_scope_is_skipped_and_who_leaves_it_is_disabled(entra: Lab) -> None:
    entra.upload(entra.user(1), entra.user(2))
    _scope(entra, "R&D")
    entra.upload(entra.user(1, **_in("Sales")), entra.user(3, **_in("Sales")), entra.user(4))
    left, skipped, taken = entra.log()[-3:]
    assert [entry["provisioningAction"] for entry in (left, skipped, taken)] == ["disable", "other", "create"]
    assert entra.person(1)["accountEnabled"] is False
    assert f"{entra.mark}-3" not in entra.people()
    scoping, skip = skipped["provisioningSteps"][1:]
    result = f"{{\"staff.{ENTERPRISE}:department EQUALS 'R&D'\":false}}"
    assert (scoping["status"], scoping["details"]["ScopeEvaluationResult"]) == ("skipped", result)
    assert skip["details"] == {"SkipReason": "NotEffectivelyEntitled"}
    # Again there is nothing to do.
    entra.upload(entra.user(1, **_in("Sales")))
    assert entra.last_entry()["provisioningAction"] == "other"
    _secrets(entra, ("SkipOutOfScopeDeletions", "True"))
    entra.upload(entra.user(2, **_in("Sales")))
    assert entra.last_entry()["provisioningAction"] == "other"
    assert entra.person(2)["accountEnabled"] is True


def test_people_are_matched_by_precedence(entra: Lab) -> None:
    entra.upload(entra.user(1))
    other = entra.http.post("/sandbox/apps", json={"name": f"{entra.mark} B", "target": "entra-id"}).json()
    second = type(entra)(entra.http, other, entra.mark)
    _map(second, "jobTitle", "[title]")
    _map(second, "employeeId", "[externalId]", matchingPriority=2)
    _map(second, "displayName", "[displayName]", matchingPriority=1)
    # The name matches first, without regard to case; without one, the number does.
    second.upload(
        second.user(7, displayName=second.user(1)["displayName"].upper(), userName=second.user(1)["userName"])
    )
    assert second.last_entry()["provisioningAction"] == "update"
    assert second.person(7)["employeeId"] == f"{entra.mark}-7"
    _map(second, "userPrincipalName", "[userName]", matchingPriority=1)
    second.upload(second.user(7, userName=f"{entra.mark}.p1@sandbox.example"))
    assert len(entra.people()) == 1


def test_what_an_object_mapping_does_not_do(entra: Lab) -> None:
    entra.upload(entra.user(1))
    _change(entra, lambda objects: objects.update(flowTypes="Add"))
    entra.upload(entra.user(1, title="Architect"), entra.user(2))
    assert (entra.person(1)["jobTitle"], len(entra.people())) == ("Engineer", 2)
    _change(entra, lambda objects: objects.update(flowTypes="Update, Delete"))
    entra.upload(entra.user(1, title="Architect"), entra.user(3))
    assert (entra.person(1)["jobTitle"], len(entra.people())) == ("Architect", 2)


def test_people_of_ad_are_moved_and_renamed(ad: Lab) -> None:
    base = "DC=ad,DC=sandbox,DC=example"
    _secrets(ad, ("SyncAgentADContainer", f"OU=New,{base}"))
    ad.upload(ad.user(1))
    assert ad.person(1)["distinguishedName"] == f"CN=Person {ad.mark} 1,OU=New,{base}"
    _map(ad, "parentDistinguishedName", f'Join("", "OU=", [{ENTERPRISE}:department], ",{base}")')
    _map(ad, "cn", "[displayName]")
    ad.upload(ad.user(1, displayName=f"New {ad.mark}", **_in("Sales")))
    assert ad.person(1)["distinguishedName"] == f"CN=New {ad.mark},OU=Sales,{base}"
    _map(ad, "parentDistinguishedName", '"OU=Elsewhere,DC=other"')
    ad.upload(ad.user(1))
    assert ad.last_entry()["provisioningStatusInfo"]["status"] == "failure"


def test_select_unique_value_looks_at_any_attribute(ad: Lab) -> None:
    rule = 'SelectUniqueValue([nickName], Append([nickName], "2"))'
    _map(ad, "description", rule, flowType="ObjectAddOnly")
    ad.upload(*(ad.user(number, nickName=f"Nick {ad.mark}") for number in (1, 2, 3)))
    assert [ad.person(number)["description"] for number in (1, 2)] == [f"Nick {ad.mark}", f"Nick {ad.mark}2"]
    assert f"{ad.mark}-3" not in ad.people()
    assert ad.last_entry()["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "EntryConflict"
    ad.upload(ad.user(4, nickName="Žofie"))
    reason = ad.last_entry()["provisioningStatusInfo"]["errorInformation"]["reason"]
    assert "NormalizeDiacritics" in reason


def test_too_many_deletes_wait_until_they_are_allowed(entra: Lab) -> None:
    _secrets(
        entra,
        (
            "SyncNotificationSettings",
            '{"Enabled":true,"Recipients":"a@b","DeleteThresholdEnabled":true,"DeleteThresholdValue":3}',
        ),
    )
    people = [entra.user(number) for number in range(5)]
    entra.upload(*people)
    entra.upload(*({**person, "active": False} for person in people[:4]), {**people[4], "title": "Architect"})
    actions = [entry["provisioningAction"] for entry in entra.log()[-5:]]
    assert actions == ["disable", "disable", "stageddelete", "stageddelete", "update"]
    staged = entra.log("provisioningAction eq 'stageddelete'")[0]
    assert staged["provisioningSteps"][-1]["name"] == "StagedDelete"
    assert staged["modifiedProperties"] == []
    assert _quarantine(entra) == "TooManyDeletes"
    enabled = [entra.person(number)["accountEnabled"] for number in range(5)]
    assert enabled == [False, False, True, True, True]
    # What is uploaded meanwhile waits behind them.
    entra.upload({**people[3], "title": "Late"})
    _restart(entra, "ForceDeletes")
    assert entra.person(2)["accountEnabled"] is False
    assert entra.person(3)["jobTitle"] == "Late"
    assert (_quarantine(entra), entra.person(3)["accountEnabled"]) == ("", True)
    # They were allowed once.
    entra.upload(*({**person, "active": True} for person in people))
    entra.upload(*({**person, "active": False} for person in people))
    assert _quarantine(entra) == "TooManyDeletes"
    _restart(entra, "Watermark, Escrows, QuarantineState")
    assert (_quarantine(entra), entra.person(4)["accountEnabled"]) == ("", True)


def test_too_many_failures_put_the_job_into_quarantine(entra: Lab) -> None:
    entra.settings(escrow_minimum=4, escrow_share=0.4)
    entra.upload(*(entra.user(number) for number in range(4)))
    entra.upload(*(entra.user(number, displayName=None) for number in range(10, 13)))
    assert _quarantine(entra) == ""
    entra.upload(entra.user(10), entra.user(13, displayName=None), entra.user(14, displayName=None))
    assert _quarantine(entra) == "EncounteredEscrowProportionThreshold"
    entra.upload(entra.user(5))
    assert f"{entra.mark}-5" not in entra.people()
    _restart(entra, "Watermark, Escrows, QuarantineState")
    entra.upload(entra.user(5), entra.user(15, displayName=None))
    assert (_quarantine(entra), f"{entra.mark}-5" in entra.people()) == ("", True)


@pytest.mark.parametrize(
    ("failing", "references", "linked", "reason"),
    [
        (4_999, 0, 0, None),
        (5_000, 0, 7_500, None),
        (5_000, 0, 7_499, "EncounteredEscrowProportionThreshold"),
        (0, 50_000, 100, None),
        (40_001, 0, 1_000_000, "EncounteredBaseEscrowThreshold"),
        (20_000, 40_001, 1_000_000, "EncounteredTotalEscrowThreshold"),
    ],
)
def test_thresholds_of_escrow(failing: int, references: int, linked: int, reason: str | None) -> None:
    trouble = escrow_trouble(failing, references, linked, Settings())
    assert (trouble.reason if trouble else None) == reason
