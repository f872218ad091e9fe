"""One running sandbox for all tests of the package; each test has an app and people of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from scimport.sandbox import run_sandbox
from scimport.sandbox.bulk import BULK_REQUEST, CORE, ENTERPRISE
from scimport.sandbox.settings import Settings

_numbers = count(1)
UNLIMITED = Settings(burst_calls=0, daily_calls=0, log_calls=0, jobs_per_target=0)
SCIM = {"content-type": "application/scim+json"}


@dataclass
class Lab:
    """An app of a sandbox, and what a test does to it.

    Attributes:
        http: A client of the sandbox.
        app: What ``POST /sandbox/apps`` answered.
        mark: In every id and name, so that tests do not share people.
    """

    http: httpx.Client
    app: dict[str, Any]
    mark: str = field(default_factory=lambda: f"t{next(_numbers)}")

    @property
    def job_url(self) -> str:
        return str(self.app["endpoint"]).removesuffix("/bulkUpload")

    def user(self, number: int, **changes: Any) -> dict[str, Any]:
        """A full user; ``changes`` replace attributes, and None removes one."""
        user = {
            "schemas": [CORE, ENTERPRISE],
            "externalId": f"{self.mark}-{number}",
            "userName": f"{self.mark}.p{number}@acme.example",
            "active": True,
            "displayName": f"Person {self.mark} {number}",
            "name": {"givenName": "Per", "familyName": f"Son{number}"},
            "title": "Engineer",
            "emails": [{"type": "work", "value": f"p{number}@acme.example"}],
            ENTERPRISE: {"department": "R&D", "organization": "Acme"},
        }
        return {name: value for name, value in {**user, **changes}.items() if value is not None}

    def manager(self, number: int) -> dict[str, Any]:
        """Extension data that names a manager."""
        return {ENTERPRISE: {"department": "R&D", "manager": {"value": f"{self.mark}-{number}"}}}

    def request(self, users: Sequence[Any]) -> dict[str, Any]:
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": f"b{index}", "data": user}
            for index, user in enumerate(users)
        ]
        return {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None}

    def post(self, request: Any, **headers: str) -> httpx.Response:
        return self.http.post(self.app["endpoint"], json=request, headers={**SCIM, **headers})

    def upload(self, *users: dict[str, Any]) -> httpx.Response:
        answer = self.post(self.request(users))
        assert answer.status_code == 202, answer.text
        return answer

    def settings(self, **wishes: Any) -> None:
        assert self.http.put("/sandbox/settings", json=wishes).status_code == 200

    def faults(self, **wishes: Any) -> None:
        assert self.http.post("/sandbox/faults", json=wishes).status_code == 200

    def people(self) -> dict[str, dict[str, Any]]:
        """Attributes of the directory by externalId."""
        page = self.http.get(f"/sandbox/apps/{self.app['jobId']}/users", params={"top": 1000}).json()
        return {person["externalId"]: person["attributes"] for person in page["value"]}

    def person(self, number: int) -> dict[str, Any]:
        return self.people()[f"{self.mark}-{number}"]

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"/sandbox/apps/{self.app['jobId']}/calls").json()[
            "value"
        ]
        return found

    def log(self, condition: str = "", version: str = "v1.0", **parameters: str) -> list[dict[str, Any]]:
        """Entries of the app, oldest first."""
        wanted = f"jobId eq '{self.app['jobId']}'" + (f" and {condition}" if condition else "")
        query = {"$filter": wanted, "$orderby": "activityDateTime asc", **parameters}
        answer = self.http.get(f"/{version}/auditLogs/provisioning", params=query)
        assert answer.status_code == 200, answer.text
        entries: list[dict[str, Any]] = answer.json()["value"]
        return entries

    def last_entry(self) -> dict[str, Any]:
        return self.log()[-1]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the shared sandbox; making one costs 20 ms, for it loads the certificates of the world."""
    folder = tmp_path_factory.mktemp("sandbox")
    with run_sandbox(folder) as sandbox, httpx.Client(base_url=sandbox.base_url, timeout=10) as client:
        yield client


@pytest.fixture
def http(client: httpx.Client) -> httpx.Client:
    """The client, with the limits and the faults of the sandbox off."""
    client.put("/sandbox/settings", json=UNLIMITED.model_dump())
    client.delete("/sandbox/faults")
    return client


def _lab(http: httpx.Client, target: str) -> Lab:
    name = f"App {next(_numbers)}"
    return Lab(http, http.post("/sandbox/apps", json={"name": name, "target": target}).json())


@pytest.fixture
def entra(http: httpx.Client) -> Lab:
    """An app that provisions into Entra ID."""
    return _lab(http, "entra-id")


@pytest.fixture
def ad(http: httpx.Client) -> Lab:
    """An app that provisions into Active Directory."""
    return _lab(http, "on-premises-ad")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Lab]:
    """An app of a sandbox of the test's own, with the limits on."""
    with run_sandbox(tmp_path) as sandbox, httpx.Client(base_url=sandbox.base_url, timeout=10) as client:
        yield _lab(client, "entra-id")
