from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml
from tests.cli.conftest import Command

from scimport.sandbox import run_sandbox
from scimport.sandbox.settings import Settings


@pytest.mark.usefixtures("sample")
def test_what_became_of_everybody(scimport: Command) -> None:
    nobody = scimport("confirm", "--json")
    assert (nobody.code, nobody.json) == (0, {"pipelines": []})
    assert "Nobody was delivered yet." in nobody.err
    shown = scimport("run", "employees", "--no-prefect", "--wait", "--json")
    ran = shown.json
    assert (ran["outcomes"]["provisioned"], ran["outcomes"]["waiting"], ran["degraded"]) == (296, 0, [])
    assert "The endpoint's log says: 296 provisioned." in shown.err
    one = scimport("confirm", "employees", "--json")
    assert one.code == 0
    assert (one.json["provisioned"], one.json["waiting"], one.json["rejected_people"]) == (296, 0, [])
    everything = scimport("confirm", "--wait", "--json")
    assert [found["pipeline"] for found in everything.json["pipelines"]] == ["employees"]
    by_run = scimport("confirm", ran["run_id"], "--json").json
    assert (by_run["run_id"], by_run["provisioned"]) == (ran["run_id"], 296)
    assert scimport("status", "employees", "--json").json["outcomes"]["provisioned"] == 296
    text = scimport("status").out
    assert "unconfirmed" in text
    unknown = scimport("confirm", "nobody")
    assert unknown.code == 2
    assert "unknown-run" in unknown.err


def _refuse_everybody(sample: Path) -> None:
    """Let the endpoint take everybody, and the directory nobody."""
    path = sample / "mappings" / "contractors.yml"
    mapping = yaml.safe_load(path.read_text())
    mapping["user"]["userName"] = "{{ ContractorID }} Secretname@acme.example"
    path.write_text(yaml.safe_dump(mapping))


def test_rejected_people_are_named_and_the_code_is_4(sample: Path, scimport: Command) -> None:
    _refuse_everybody(sample)
    ran = scimport("run", "contractors", "--no-prefect", "--json")
    assert (ran.code, ran.json["degraded"]) == (4, ["120 rejected"])
    pipeline = sample / "pipelines" / "contractors.yml"
    lax = pipeline.read_text()
    pipeline.write_text(lax + "max_rejected: 120\n")
    assert scimport("confirm", "contractors").code == 0
    pipeline.write_text(lax + "max_rejected: 119\n")
    found = scimport("confirm", "contractors", "--json")
    assert found.code == 4
    assert (found.json["rejected"], len(found.json["rejected_people"])) == (120, 20)
    first = found.json["rejected_people"][0]
    assert first["status"] == "rejected"
    assert first["code"] == "AzureActiveDirectoryInvalidUserPrincipalName"
    assert first["reason"] == "Property userPrincipalName is invalid."
    text = scimport("confirm", "contractors")
    assert text.code == 4
    assert first["key"] in text.out
    assert "120 rejected, the first 20" in text.out
    assert "Secretname" not in text.out + text.err + found.out + found.err


def test_one_pipeline_that_cannot_be_read_does_not_keep_the_others(sample: Path, scimport: Command) -> None:
    with run_sandbox(sample / "elsewhere", settings=Settings(permissions=())) as sandbox:
        wanted = {"name": "contractors", "target": "entra-id"}
        app = httpx.post(f"{sandbox.base_url}/sandbox/apps", json=wanted).json()
        assert scimport("run", "--all", "--no-prefect").code == 0
        path = sample / "pipelines" / "contractors.yml"
        pipeline = yaml.safe_load(path.read_text())
        pipeline["app"] |= {"endpoint": app["endpoint"], "auth": "none"}
        path.write_text(yaml.safe_dump(pipeline))
        found = scimport("confirm", "--json")
    assert found.code == 1
    contractors, employees = found.json["pipelines"]
    assert [one["code"] for one in contractors["error"]] == ["permission-missing"]
    assert employees["provisioned"] == 296
