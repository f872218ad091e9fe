"""``scimport app`` against a tenant: the sandbox, called as Graph is, at a URL of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.apps.conftest import Time
from tests.sites import NO_AUTHORITIES

from scimport.apps.delivery import Options, deliver
from scimport.sandbox import run_sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Result

NAME = "Provision-Contractors-From-SQL-to-Entra-ID"


@dataclass
class Tenant:
    """A tenant, and the project that manages its apps."""

    http: httpx.Client
    folder: Path
    scimport: Command

    def app(self, *arguments: object, code: int = 0) -> Result:
        result = self.scimport("app", *arguments)
        assert result.code == code, result.out + result.err
        return result

    def settings(self, **wishes: Any) -> None:
        assert self.http.put("/sandbox/settings", json=wishes).status_code == 200

    def fail(self, after: int, status: int, **more: Any) -> None:
        order = {"after": after, "next": 1, "status": status, **more}
        self.http.post("/sandbox/faults", json={"graph": order}).raise_for_status()

    def edit(self, before: str, after: str, name: str = "contractors") -> None:
        path = self.folder / "pipelines" / f"{name}.yml"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")

    def text(self, name: str = "contractors") -> str:
        return (self.folder / "pipelines" / f"{name}.yml").read_text("utf-8")

    def writes(self) -> list[str]:
        """The calls that changed something or might have, in order."""
        calls = self.http.get("/sandbox/requests").json()["value"]
        return [f"{call['method']} {call['path']}" for call in calls if call["method"] != "GET"]

    def principals(self, name: str = NAME) -> list[dict[str, Any]]:
        query = {"$filter": f"displayName eq '{name}'"}
        found: list[dict[str, Any]] = self.http.get("/v1.0/servicePrincipals", params=query).json()["value"]
        return found

    def sync(self, name: str = NAME) -> str:
        return f"/v1.0/servicePrincipals/{self.principals(name)[0]['id']}/synchronization"

    def job(self, name: str = NAME) -> str:
        sync = self.sync(name)
        return f"{sync}/jobs/{self.http.get(f'{sync}/jobs').json()['value'][0]['id']}"


@pytest.fixture
def tenant(sample: Path, scimport: Command, tmp_path: Path) -> Iterator[Tenant]:
    with (
        run_sandbox(tmp_path / "tenant") as sandbox,
        httpx.Client(base_url=sandbox.base_url, timeout=10, verify=NO_AUTHORITIES) as http,
    ):
        found = Tenant(http, sample, scimport)
        for name in ("contractors", "employees"):
            found.edit("endpoint: sandbox", f"endpoint: {sandbox.base_url} # no app yet", name)
        yield found


def test_from_nothing_to_two_running_apps(tenant: Tenant) -> None:
    assert "no app yet" in tenant.scimport("run", "contractors").err
    planned = tenant.app("plan", "contractors", code=2)
    assert "+ app Provision-Contractors" in planned.out
    assert tenant.writes() == []
    made = tenant.app("apply", "--all", "--start")
    assert made.out.count("started: it listens for uploads") == 2
    for name in ("contractors", "employees"):
        tenant.app("plan", name)
        assert "/bulkUpload # no app yet\n" in tenant.text(name)
        assert tenant.app("status", name, "--json").json["schedule"] == "Active"
    assert "# without it the app goes into quarantine" in tenant.text("employees")
    before = tenant.writes()
    again = tenant.app("apply", "--all", "--start")
    assert "as wanted" in again.out
    assert tenant.writes() == before
    assert tenant.scimport("run", "contractors").code == 0
    assert tenant.app("status", "contractors", "--json").json["people"] == [["User to User", 120]]
    assert tenant.scimport("app", "doctor", "contractors").code == 0
    assert tenant.scimport("app", "doctor", "employees").code == 0


def test_an_apply_that_failed_anywhere_is_continued(tenant: Tenant) -> None:
    failed = 0
    for calls in range(0, 30, 3):
        tenant.fail(calls, 403)
        result = tenant.scimport("app", "apply", "contractors", "--start")
        if result.code == 0:
            break
        failed += 1
        assert "permission-missing" in result.err
        tenant.app("apply", "contractors", "--start")
        tenant.app("plan", "contractors")
        assert len(tenant.principals()) == 1
        assert tenant.app("status", "contractors", "--json").json["code"] == "NotRun"
        tenant.app("delete", "contractors", "--yes")
        url = tenant.text().partition("endpoint: ")[2].partition(" ")[0]
        tenant.edit(url, url.partition("/v1.0")[0])
    assert failed > 3


CHANGES = [
    (
        "notification_email: idm@acme.example",
        "notification_email: new@acme.example",
        "~ setting notification_email",
    ),
    ("threshold: 20", "threshold: off", "~ setting accidental_deletion_threshold  20 -> off"),
    (
        "  notification_email",
        "  skip_out_of_scope_deletions: true\n  notification_email",
        "skip_out_of_scope",
    ),
    ("  notification_email", "  flow_nulls: [title]\n  notification_email", "+ nulls title"),
    ("flow_nulls: [title]", "flow_nulls: true", "~ mapping surname"),
    (f"name: {NAME}", "name: Contractors", f"~ name display name  {NAME} -> Contractors"),
    (
        "employeeType: ",
        "employeeType: '\"Contractor\"' #",
        '-> "Contractor"',
    ),
    ("facsimileTelephoneNumber: none", "", "+ mapping facsimileTelephoneNumber"),
    ("    companyName", '    jobTitle: ToUpper([title], "de")\n    companyName', "~ mapping jobTitle"),
    (
        "    companyName",
        "    city: { expression: '\"Bonn\"', when: create, default: x }\n    companyName",
        "(on create",
    ),
    (
        "  notification_email",
        "  scoping_filter:\n  - - {attribute: active, operator: IS TRUE}\n  notification_email",
        "+ scope scoping filter  (active IS TRUE)",
    ),
    (
        "  notification_email",
        "  custom_attributes: ['urn:x:y:1.0:User:Z']\n  notification_email",
        "+ attribute urn:x",
    ),
]


def test_every_difference_is_found_and_applied(tenant: Tenant) -> None:
    tenant.app("apply", "contractors", "--start")
    for before, after, shown in CHANGES:
        tenant.edit(before, after)
        planned = tenant.app("plan", "contractors", code=2)
        assert shown in planned.out
        tenant.app("apply", "contractors")
        tenant.app("plan", "contractors")
    assert "ToUpper" in tenant.app("mappings", "contractors").out
    text = tenant.text()
    tenant.edit("employeeType: ", "employeType: ")
    wrong = tenant.app("plan", "contractors", code=2)
    assert "unknown-attribute" in wrong.err
    assert "employeeType" in wrong.err
    (tenant.folder / "pipelines" / "contractors.yml").write_text(text.replace("ToUpper(", "ToUper("), "utf-8")
    assert "does not understand the expression" in tenant.app("apply", "contractors", code=2).err


def test_what_was_changed_in_the_portal_is_pulled(tenant: Tenant) -> None:
    tenant.app("apply", "contractors")
    url = f"{tenant.job()}/schema"
    schema = tenant.http.get(url).json()
    objects = schema["synchronizationRules"][0]["objectMappings"][0]
    objects["attributeMappings"] = [
        {**each, "flowType": "ObjectAddOnly"} if each["targetAttributeName"] == "surname" else each
        for each in objects["attributeMappings"]
        if each["targetAttributeName"] != "mobile"
    ]
    clause = {"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["x: y"]}}
    objects["scope"] = {"name": None, "groups": [{"name": "g", "clauses": [clause]}]}
    assert tenant.http.put(url, json=schema).status_code == 204
    email = json.dumps({"Enabled": True, "Recipients": "x@acme.example", "DeleteThresholdValue": 500})
    pairs = [{"key": "SyncNotificationSettings", "value": email}]
    assert tenant.http.put(f"{tenant.sync()}/secrets", json={"value": pairs}).status_code == 204
    tenant.app("plan", "contractors", code=2)
    pulled = tenant.app("pull", "contractors", "--json").json["changes"]
    assert pulled["notification_email"] == "x@acme.example"
    assert pulled["accidental_deletion_threshold"] is None
    assert pulled["attribute_mappings"]["mobile"] == "none"
    tenant.app("plan", "contractors")
    assert tenant.app("pull", "contractors", "--json").json["changes"] == {}
    assert "leavers: deactivate # the query drops old contracts" in tenant.text()


def test_mappings_of_before_are_put_back_and_again(tenant: Tenant) -> None:
    tenant.app("apply", "contractors")
    tenant.app("rollback", "contractors")
    assert "+ mapping employeeType" in tenant.app("plan", "contractors", code=2).out
    tenant.app("rollback", "contractors")
    tenant.app("plan", "contractors")
    assert "no schema to go back to" in tenant.app("rollback", "contractors", "--file", "x.json", code=2).err


def test_secrets_that_are_not_ours_stay(tenant: Tenant) -> None:
    tenant.app("apply", "contractors")
    sync = tenant.sync()
    pairs = [*tenant.http.get(f"{sync}/secrets").json()["value"], {"key": "SyncAll", "value": "false"}]
    tenant.http.put(f"{sync}/secrets", json={"value": pairs})
    tenant.edit("threshold: 20", "threshold: 30")
    tenant.app("apply", "contractors")
    there = {pair["key"]: pair["value"] for pair in tenant.http.get(f"{sync}/secrets").json()["value"]}
    assert there["SyncAll"] == "false"
    assert json.loads(there["SyncNotificationSettings"])["DeleteThresholdValue"] == 30


def test_the_gallery_app_is_found_by_name_or_chosen(tenant: Tenant) -> None:
    old = ("API-driven inbound user provisioning to Azure AD", "API-driven provisioning to on-premises AD")
    tenant.settings(gallery=old)
    assert old[0] in tenant.app("plan", "contractors", code=2).out
    tenant.settings(gallery=("Something else", "API-driven provisioning"))
    assert "no app for entra-id" in tenant.app("apply", "contractors", code=2).err.replace("\n", " ")
    tenant.settings(gallery=("API-driven one (Entra ID)", "API-driven two (Azure AD)"))
    assert "several apps for entra-id" in tenant.app("apply", "contractors", code=2).err.replace("\n", " ")
    tenant.settings(principal_delay=0.5)
    tenant.app("apply", "contractors", "--template", "api-driven ONE (entra id)")
    assert len(tenant.principals()) == 1


def test_an_ambiguous_name_is_said(tenant: Tenant) -> None:
    [template] = tenant.http.get(
        "/v1.0/applicationTemplates", params={"$filter": "contains(displayName,'Entra ID')"}
    ).json()["value"]
    for _ in range(2):
        url = f"/v1.0/applicationTemplates/{template['id']}/instantiate"
        tenant.http.post(url, json={"displayName": NAME}).raise_for_status()
    result = tenant.app("apply", "contractors", code=2)
    assert "ambiguous-app" in result.err
    assert all(each["id"] in result.err for each in tenant.principals())


def test_start_stop_and_restart(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Start it: scimport app start contractors" in tenant.app("apply", "contractors").out
    assert "until then uploads wait" in tenant.app("status", "contractors").out
    assert "Uploads wait" not in tenant.app("start", "contractors").out
    assert "runs already" in tenant.app("start", "contractors").out
    tenant.app("restart", "contractors")
    tenant.app("stop", "contractors")
    assert "was not running" in tenant.app("stop", "contractors").out
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert "nothing was restarted" in tenant.app("restart", "contractors", code=2).err
    purged = tenant.app("restart", "contractors", "--yes", "--reset", "Full", "--json").json
    assert purged == {"pipeline": "contractors", "reset": ["Full"], "purged": True}
    assert "cannot be reset" in tenant.app("restart", "contractors", "--reset", "Ful", code=2).err
    assert "nothing was deleted" in tenant.app("delete", "contractors", code=2).err
    tenant.app("delete", "contractors", "--job", "--yes")
    assert "no-app" in tenant.app("start", "contractors", code=2).err
    assert "scimport trace 00103" in tenant.app("demand", "contractors", "--key", "00103").out


def _clients(tenant: Tenant, **clients: list[str]) -> dict[str, str]:
    """Make API clients; returns the object ids of their service principals."""
    return {
        name: tenant.http.post("/sandbox/clients", json={"clientId": name, "permissions": granted}).json()[
            "id"
        ]
        for name, granted in clients.items()
    }


def test_a_client_gets_the_least_permissions(tenant: Tenant) -> None:
    tenant.app("apply", "contractors")
    [client] = _clients(tenant, hr=[]).values()
    done = tenant.app("grant", "contractors", "--principal", "hr", "--json").json["granted"]
    assert [(each["name"], each["done"]) for each in done] == [
        ("SynchronizationData-User.Upload", True),
        ("ProvisioningLog.Read.All", True),
    ]
    assert "was there" in tenant.app("grant", "contractors", "--principal", client).out
    assert "no service principal" in tenant.app("grant", "contractors", "--principal", "x", code=2).err
    tenant.settings(permissions=["Application.Read.All", "Synchronization.ReadWrite.All"])
    _clients(tenant, other=[])
    refused = tenant.app("grant", "contractors", "--principal", "other", code=1)
    assert "AppRoleAssignment.ReadWrite.All" in refused.err
    assert "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a  SynchronizationData-User.Upload" in refused.out


def test_who_made_the_app_gets_the_permission_for_its_own(tenant: Tenant) -> None:
    made = _clients(tenant, maker=["Application.ReadWrite.OwnedBy"])
    form = {
        "grant_type": "client_credentials",
        "client_id": "maker",
        "client_secret": "s",
        "scope": "https://graph.microsoft.com/.default",
    }
    token = tenant.http.post("/t/oauth2/v2.0/token", data=form).json()["access_token"]
    host = str(tenant.http.base_url.host)
    tenant.edit(
        "auth: none", f"auth: none\n  trusted_hosts: [{host}]\n  admin: {{ kind: token, token: {token} }}"
    )
    tenant.app("apply", "contractors")
    done = tenant.app("grant", "contractors", "--principal", made["maker"], "--json").json["granted"]
    assert done[0]["name"] == "SynchronizationData-User.Upload.OwnedBy"


Order = Callable[[Tenant], object]


def _secrets(tenant: Tenant, *pairs: dict[str, str]) -> None:
    tenant.http.put(f"{tenant.sync()}/secrets", json={"value": pairs}).raise_for_status()


def _no_email(tenant: Tenant) -> None:
    tenant.http.post(f"{tenant.job()}/pause")
    _secrets(tenant)


def _no_email_and_started(tenant: Tenant) -> None:
    _no_email(tenant)
    tenant.http.post(f"{tenant.job()}/start")


READER = ["Application.Read.All", "Synchronization.Read.All"]
PROBLEMS: dict[str, tuple[Order, str, tuple[str, ...]]] = {
    "no token": (
        lambda tenant: tenant.settings(require_token=True),
        "status",
        ("401", "auth: none", "Give the app an auth: block"),
    ),
    "no permission": (
        lambda tenant: tenant.settings(permissions=[]),
        "status",
        ("403", "Application.Read.All"),
    ),
    "no permission to change": (
        lambda tenant: tenant.settings(permissions=READER),
        "stop",
        ("403", "Synchronization.ReadWrite.All"),
    ),
    "deleted": (
        lambda tenant: tenant.http.delete(tenant.job()),
        "start",
        ("no-app", "scimport app apply contractors"),
    ),
    "no e-mail": (_no_email, "start", ("job-quarantined", "notification_email", "--start")),
    "throttled": (
        lambda tenant: tenant.fail(0, 429, retry_after=0, next=9),
        "status",
        ("429", "Try again later"),
    ),
    "down": (lambda tenant: tenant.fail(2, 503), "stop", ("503", "request-id")),
}


@pytest.mark.parametrize(("order", "command", "said"), PROBLEMS.values(), ids=list(PROBLEMS))
def test_a_problem_is_said_with_cause_and_remedy(
    tenant: Tenant, order: Order, command: str, said: tuple[str, ...]
) -> None:
    tenant.app("apply", "contractors", "--start")
    order(tenant)
    result = tenant.scimport("app", command, "contractors")
    assert result.code in (1, 2)
    for words in said:
        assert words in result.err


UPLOAD = "SynchronizationData-User.Upload"
ALL_BUT_UPLOAD = ["ProvisioningLog.Read.All", "Synchronization.ReadWrite.All"]


def _pause(tenant: Tenant) -> None:
    tenant.http.post(f"{tenant.job()}/pause").raise_for_status()


def _full_bucket(tenant: Tenant) -> None:
    _pause(tenant)
    tenant.settings(bucket_capacity=10)


def _blank_in_name(tenant: Tenant) -> None:
    path = tenant.folder / "mappings" / "contractors.yml"
    path.write_text(path.read_text("utf-8").replace(".c{{ ContractorID", " {{ ContractorID"), "utf-8")


def _throttled(tenant: Tenant, calls: int) -> None:
    tenant.http.post("/sandbox/faults", json={"throttle": {"next": calls, "retry_after": 0}})


def _paused_with_people_waiting(tenant: Tenant) -> None:
    _pause(tenant)
    assert tenant.scimport("run", "contractors", "--queue-anyway").code == 0


UPLOADS: dict[str, tuple[Order, tuple[str, ...], int, tuple[str, ...]]] = {
    "401": (lambda tenant: tenant.settings(require_token=True), ("run",), 1, ("401", "auth: block")),
    "403": (lambda tenant: tenant.settings(permissions=ALL_BUT_UPLOAD), ("run",), 1, ("(403)", UPLOAD)),
    "bucket full": (
        _full_bucket,
        ("run", "--queue-anyway"),
        1,
        ("queue (bucket) is still full", "scimport app status contractors", "resume contractors"),
    ),
    "throttled for a while": (
        lambda tenant: _throttled(tenant, 3),
        ("run",),
        0,
        ("3 calls throttled (429, the endpoint's limits) and sent again", "120 provisioned"),
    ),
    "throttled without end": (
        lambda tenant: _throttled(tenant, 1000),
        ("run",),
        1,
        ("endpoint-failing", "(429)", "40 calls in 5 seconds", "daily_calls", "scimport resume contractors"),
    ),
    "nothing in the log": (
        _paused_with_people_waiting,
        ("confirm",),
        0,
        ("job-paused", "nobody is provisioned", "scimport app start contractors"),
    ),
    "paused": (_pause, ("run",), 1, ("job-paused", "scimport app start contractors", "--queue-anyway")),
    "no e-mail": (
        _no_email_and_started,
        ("run",),
        1,
        ("job-quarantined", "no notification email", "set notification_email", "app status contractors"),
    ),
    "invalid user principal name": (
        _blank_in_name,
        ("confirm", "--json"),
        4,
        ("AzureActiveDirectoryInvalidUserPrincipalName", "Map userName without blanks"),
    ),
    "domain does not exist": (
        lambda tenant: tenant.settings(default_domain=""),
        ("confirm", "--json"),
        4,
        ("InvalidDomain", "verify it, or end userPrincipalName with DefaultDomain()"),
    ),
}


@pytest.fixture
def time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a delivery pass at once."""
    time = Time()
    options = Options(clock=time.clock, sleep=time.sleep)
    monkeypatch.setattr("scimport.stages.deliver", partial(deliver, options=options))


@pytest.mark.usefixtures("time_flies")
@pytest.mark.parametrize(("order", "command", "code", "said"), UPLOADS.values(), ids=list(UPLOADS))
def test_a_problem_of_an_upload_is_said_with_cause_and_remedy(
    tenant: Tenant, order: Order, command: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    tenant.app("apply", "contractors", "--start")
    order(tenant)
    name, *options = command
    if name == "confirm":
        tenant.scimport("run", "contractors", "--limit", 3)
    result = tenant.scimport(name, "contractors", *options)
    assert result.code == code
    for words in said:
        assert words in result.out + result.err


def test_an_agent_that_stops_is_said_with_cause_and_remedy(tenant: Tenant) -> None:
    tenant.app("apply", "employees", "--start")
    tenant.settings(agent="inactive")
    tenant.scimport("run", "employees", "--limit", 3)
    shown = " ".join(tenant.app("status", "employees").out.split())
    assert "EncounteredQuarantineException" in shown
    assert "No active provisioning agent" in shown
    assert "scimport app agents employees" in shown


AGENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"agent": "inactive"}, "none is active", "start the service"),
    ({"agent": "none"}, "none is registered", "install the Microsoft Entra provisioning agent"),
    (
        {"ad_domain": "other.example"},
        "'ad.sandbox.example' is not registered",
        "Correct domain in the pipeline",
    ),
    (
        {"permissions": ["Application.Read.All", "Synchronization.ReadWrite.All"]},
        "403",
        "signed-in people only",
    ),
]


@pytest.mark.parametrize(("settings", "cause", "remedy"), AGENTS)
def test_what_an_app_of_active_directory_lacks(
    tenant: Tenant, settings: dict[str, Any], cause: str, remedy: str
) -> None:
    tenant.app("apply", "employees", "--start")
    tenant.settings(**settings)
    found = tenant.app("doctor", "employees", code=1).out
    assert cause in found
    assert remedy in found
    if "permissions" not in settings:
        tenant.http.post(f"{tenant.job('Provision-Employees-From-CSV-to-AD')}/pause")
        assert "app-not-ready" in tenant.app("apply", "employees", code=1).err
        assert tenant.scimport("app", "agents", "employees").code == (1 if "agent" in settings else 0)


def test_drift_is_found(tenant: Tenant) -> None:
    tenant.app("apply", "contractors", "--start")
    tenant.edit('    employeeType: "[userType]"\n', "")
    tenant.edit("    companyName", '    jobTitle: "ToUpper([nickName])"\n    companyName')
    tenant.app("apply", "contractors")
    found = tenant.app("doctor", "contractors", "--json", code=2).json["checks"]
    different = {check["check"]: check["found"] for check in found if check["result"] == "different"}
    assert different["attributes that we send"] == "no mapping takes title, userType"
    assert different["attributes that mappings need"] == "we do not send jobTitle (nickName)"


def test_a_pipeline_that_does_not_describe_its_app_is_left_alone(tenant: Tenant) -> None:
    tenant.edit(f"  name: {NAME}\n", "")
    assert "app-not-managed" in tenant.app("plan", "contractors", code=2).err
    assert "contractors" not in tenant.app("apply", "--all").out
    tenant.edit("  notification_email: idm@acme.example", "  name: X")
    assert "notification_email" in tenant.scimport("check").err + tenant.scimport("check").out
