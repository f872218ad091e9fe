from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.processing import process
from scimport.sandbox.settings import Settings
from scimport.sandbox.tenant import Tenant

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def _error(entry: dict[str, Any]) -> str:
    assert entry["provisioningStatusInfo"]["status"] in ("failure", "skipped")
    return str(entry["provisioningStatusInfo"]["errorInformation"]["errorCode"])


def test_a_user_is_created_in_entra(entra: Lab) -> None:
    entra.upload(entra.user(1))
    assert entra.person(1) == {
        "employeeId": f"{entra.mark}-1",
        "accountEnabled": True,
        "department": "R&D",
        "displayName": f"Person {entra.mark} 1",
        "givenName": "Per",
        "surname": "Son1",
        "jobTitle": "Engineer",
        "mailNickname": f"{entra.mark}.p1",
        "userPrincipalName": f"{entra.mark}.p1@sandbox.example",
    }
    entry = entra.last_entry()
    assert (entry["provisioningAction"], entry["provisioningStatusInfo"]["status"]) == ("create", "success")
    names = [step["name"] for step in entry["provisioningSteps"]]
    assert names == [
        "EntryImportAdd",
        "EntrySynchronizationScoping",
        "EntrySynchronizationAdd",
        "EntryExportAdd",
    ]
    assert entry["provisioningSteps"][0]["details"]["ExternalId"] == f"{entra.mark}-1"


def test_a_user_is_created_in_ad(ad: Lab) -> None:
    address = {
        "type": "work",
        "streetAddress": "Main 1",
        "locality": "Brno",
        "region": "JMK",
        "country": "CZ",
    }
    ad.upload(
        ad.user(1, addresses=[{"type": "home", "locality": "Wien"}, address], displayName=f"{ad.mark}, P")
    )
    person = ad.person(1)
    assert person["distinguishedName"] == rf"CN={ad.mark}\, P,OU=People,DC=ad,DC=sandbox,DC=example"
    assert (person["accountDisabled"], person["sAMAccountName"]) == (False, f"{ad.mark}.p1")
    assert (person["l"], person["st"], person["co"], person["company"]) == ("Brno", "JMK", "CZ", "Acme")


def test_only_what_changed_is_updated(entra: Lab) -> None:
    entra.upload(entra.user(1))
    entra.upload(entra.user(1, title="Architect"))
    assert entra.person(1)["jobTitle"] == "Architect"
    entry = entra.last_entry()
    assert entry["provisioningAction"] == "update"
    assert entry["modifiedProperties"] == [
        {"displayName": "jobTitle", "oldValue": "Engineer", "newValue": "Architect"}
    ]
    assert entry["provisioningSteps"][-1]["name"] == "EntryExportUpdate"


def test_an_equal_user_is_skipped(entra: Lab) -> None:
    entra.upload(entra.user(1))
    entra.upload(entra.user(1))
    entry = entra.last_entry()
    assert (entry["provisioningAction"], entry["provisioningStatusInfo"]["status"]) == ("other", "skipped")
    assert entry["provisioningSteps"][-1]["details"] == {"SkipReason": "RedundantExport"}


def test_names_in_ad_are_given_once(ad: Lab) -> None:
    ad.upload(ad.user(1))
    before = ad.person(1)
    ad.upload(ad.user(1, userName="new@acme.example", displayName="New Name"))
    after = ad.person(1)
    assert after["displayName"] == "New Name"
    assert {name for name in after if after[name] != before[name]} == {"displayName"}


@pytest.mark.parametrize(
    ("lab", "attribute", "disabled"), [("entra", "accountEnabled", False), ("ad", "accountDisabled", True)]
)
def test_inactive_is_disabled(
    lab: str, attribute: str, disabled: bool, request: pytest.FixtureRequest
) -> None:
    app: Lab = request.getfixturevalue(lab)
    app.upload(app.user(1))
    app.upload(app.user(1, active=False))
    assert app.person(1)[attribute] is disabled
    assert app.last_entry()["provisioningAction"] == "disable"
    app.upload(app.user(1, active=True))
    assert app.person(1)[attribute] is not disabled


def test_active_omitted(entra: Lab) -> None:
    entra.upload(entra.user(1, active=None))
    assert entra.person(1)["accountEnabled"] is True
    entra.upload(entra.user(1, active=False))
    entra.upload(entra.user(1, active=None))
    assert entra.person(1)["accountEnabled"] is False
    entra.settings(omitted_active="disable")
    entra.upload(entra.user(2, active=None))
    assert entra.person(2)["accountEnabled"] is False


def test_apps_of_one_target_share_the_directory(entra: Lab) -> None:
    other = entra.http.post("/sandbox/apps", json={"name": f"{entra.mark} B", "target": "entra-id"}).json()
    entra.upload(entra.user(1))
    second = type(entra)(entra.http, other, entra.mark)
    second.upload(second.user(1, title="Architect"))
    assert entra.person(1)["jobTitle"] == "Architect"
    assert second.last_entry()["provisioningAction"] == "update"


def test_a_manager_may_come_before_or_after_in_the_request_but_not_in_a_later_one(entra: Lab) -> None:
    boss = "manager"
    entra.upload(entra.user(1, **entra.manager(2)), entra.user(2), entra.user(3, **entra.manager(1)))
    ids = _object_ids(entra)
    assert entra.person(1)[boss] == ids[f"{entra.mark}-2"]
    assert entra.person(3)[boss] == ids[f"{entra.mark}-1"]
    entra.upload(entra.user(4, **entra.manager(9)))
    steps = entra.last_entry()["provisioningSteps"]
    assert [step["status"] for step in steps if step["provisioningStepType"] == "referenceResolution"] == [
        "skipped"
    ]
    entra.upload(entra.user(9))
    assert boss not in entra.person(4)
    entra.upload(entra.user(4, **entra.manager(9)))
    assert entra.person(4)[boss] == _object_ids(entra)[f"{entra.mark}-9"]
    assert entra.last_entry()["provisioningAction"] == "update"


def test_a_manager_in_ad_is_a_distinguished_name(ad: Lab) -> None:
    ad.upload(ad.user(1), ad.user(2, **ad.manager(1)))
    assert ad.person(2)["manager"] == ad.person(1)["distinguishedName"]


def _object_ids(lab: Lab) -> dict[str, str]:
    page = lab.http.get(f"/sandbox/apps/{lab.app['jobId']}/users").json()["value"]
    return {person["externalId"]: person["id"] for person in page}


def test_a_principal_name_that_is_taken_fails_in_entra(entra: Lab) -> None:
    entra.upload(
        entra.user(1, userName=f"{entra.mark}@a.example"), entra.user(2, userName=f"{entra.mark}@b.example")
    )
    assert list(entra.people()) == [f"{entra.mark}-1"]
    entry = entra.last_entry()
    assert _error(entry) == "EntryConflict"
    assert entry["targetIdentity"]["id"] == ""
    entra.upload(entra.user(3))
    entra.upload(entra.user(3, userName=f"{entra.mark}@c.example"))
    entry = entra.last_entry()
    assert (_error(entry), entry["provisioningAction"]) == ("EntryConflict", "update")


def test_names_in_ad_get_a_number_or_fail(ad: Lab) -> None:
    same = {"userName": f"{ad.mark}@a.example", "displayName": f"Same {ad.mark}"}
    ad.upload(ad.user(1, **same), ad.user(2, **same))
    assert ad.person(2)["sAMAccountName"] == f"{ad.mark}2"
    assert ad.person(2)["cn"] == f"Same {ad.mark} 2"
    ad.settings(number_names=False)
    ad.upload(ad.user(3, **same))
    assert _error(ad.last_entry()) == "EntryConflict"


def test_what_a_directory_needs(entra: Lab) -> None:
    entra.upload(entra.user(1, displayName=None), entra.user(2, userName=None))
    reasons = [entry["provisioningStatusInfo"]["errorInformation"]["reason"] for entry in entra.log()]
    assert reasons == ["Missing: displayName.", "Missing: mailNickname."]
    assert {_error(entry) for entry in entra.log()} == {"MandatoryFieldsMissing"}


def test_without_the_matching_attribute_the_import_is_skipped(entra: Lab) -> None:
    entra.settings(strict=False)
    entra.upload(entra.user(1, externalId=None))
    entry = entra.last_entry()
    assert _error(entry) == "ImportSkipped"
    assert [step["status"] for step in entry["provisioningSteps"]] == ["skipped"]


def test_two_operations_for_one_person(entra: Lab) -> None:
    entra.upload(entra.user(1), entra.user(1, title="Architect"))
    assert entra.person(1)["jobTitle"] == "Architect"
    entra.settings(repeated_external_id="fail")
    entra.upload(entra.user(1, title="A"), entra.user(1, title="B"))
    assert entra.person(1)["jobTitle"] == "A"
    assert _error(entra.last_entry()) == "DuplicateSourceEntries"


def test_nothing_is_ignored_while_nulls_do_not_flow(entra: Lab) -> None:
    entra.upload(entra.user(1))
    entra.upload({**entra.user(1), "title": None, "name": {"givenName": ""}})
    assert (entra.person(1)["jobTitle"], entra.person(1)["givenName"]) == ("Engineer", "Per")


def test_an_empty_string_fails_in_ad(ad: Lab) -> None:
    ad.upload(ad.user(1, title=""))
    assert _error(ad.last_entry()) == "InvalidAttributeSyntax-LdapErr"
    ad.settings(empty_strings="ignore")
    ad.upload(ad.user(1, title=""))
    assert "title" not in ad.person(1)


def test_nulls_flow_when_the_gates_are_open(entra: Lab) -> None:
    manager = entra.manager(1)
    entra.upload(entra.user(1, **manager, preferredLanguage="cs"))
    entra.settings(flow_nulls=True)
    entra.upload({**entra.user(1, name=None), "title": None, ENTERPRISE: {"department": ""}})
    person = entra.person(1)
    assert not {"jobTitle", "preferredLanguage", "department", "manager"} & person.keys()
    # Neither was part of an object that was sent.
    assert person["givenName"] == "Per"
    assert person["employeeId"] == f"{entra.mark}-1"
    changes = {item["displayName"]: item["newValue"] for item in entra.last_entry()["modifiedProperties"]}
    assert changes == {"jobTitle": None, "preferredLanguage": None, "department": None, "manager": None}
    entra.upload(entra.user(1, active=None))
    assert entra.person(1)["accountEnabled"] is False


def test_several_users_with_the_matching_value(fresh: Lab, tmp_path: Path) -> None:
    fresh.upload(fresh.user(1))
    tenant = Tenant(tmp_path)
    with tenant.store.transaction() as connection:
        connection.execute(
            "INSERT INTO user SELECT 99, directory, 'x', match, 'x', NULL, NULL, NULL, 0, 0, attributes"
            " FROM user"
        )
        connection.execute("DELETE FROM link")
    tenant.close()
    fresh.upload(fresh.user(1))
    assert _error(fresh.last_entry()) == "DuplicateTargetEntries"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "value"]), inner),
    max_leaves=4,
)
_USERS = st.dictionaries(
    st.sampled_from(
        [
            "externalId",
            "userName",
            "displayName",
            "active",
            "name",
            "emails",
            "addresses",
            "title",
            ENTERPRISE,
        ]
    ),
    _VALUES | st.dictionaries(st.sampled_from(["givenName", "department", "manager"]), _VALUES),
)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Any:
    tenant = Tenant(tmp_path_factory.mktemp("tenant"))
    yield tenant
    tenant.close()


@given(users=st.lists(_USERS, min_size=1, max_size=4), nulls=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("target", ["entra-id", "on-premises-ad"])
def test_no_user_stops_the_service(tenant: Tenant, target: str, users: list[Any], nulls: bool) -> None:
    app = tenant.create_app(target, target)
    with tenant.store.transaction() as connection:
        work = process(connection, app, users, Settings(flow_nulls=nulls), 0)
    assert len(work.entries) == len(users)
