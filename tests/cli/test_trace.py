from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Command


@pytest.mark.usefixtures("sample")
def test_one_persons_story(scimport: Command) -> None:
    planned = scimport("plan", "employees", "--json").json
    before = scimport("trace", "00107", "--json").json["traces"]
    assert [(one["pipeline"], one["status"], one["accepted"]) for one in before] == [
        ("employees", "planned", None)
    ]
    assert planned["plan_id"] in before[0]["advice"]
    assert before[0]["source"] == "sample_data/employees.csv:4"
    run = scimport("run", "employees", "--no-prefect", "--json").json
    (sent,) = scimport("trace", "00107", "--json").json["traces"]
    assert sent["accepted"]["external_id"] == "00107"
    # The run has looked at the log, which may have had the person already.
    assert sent["status"] == "provisioned" or "scimport confirm employees" in sent["advice"]
    scimport("confirm", "employees")
    found = scimport("trace", "00107", "--json")
    (known,) = found.json["traces"]
    assert (known["status"], known["advice"]) == ("provisioned", "")
    assert known["accepted"]["logged_at"]
    assert known["mappings"][-1] == "mappings/employees.yml"
    last = known["steps"][-1]
    assert (last["plan_id"], last["kind"], last["status"]) == (run["plan_id"], "joiner", "provisioned")
    assert last["request"]["http_status"] == 202
    assert last["request"]["request_id"]
    assert last["request"] == known["accepted"]["request"]
    assert set(known["user"].values()) == {"***"}
    assert {"externalId", "name.givenName", "emails[work].value"} <= set(known["user"])
    shown = scimport("trace", "00107", "--show-values", "--json").json["traces"][0]["user"]
    assert shown["externalId"] == "00107"
    text = scimport("trace", "00107")
    assert last["request"]["request_id"] in text.out
    assert shown["name.familyName"] not in text.out + found.out + found.err


def test_invalid_and_rejected_people_and_those_who_are_named_by_external_id(
    sample: Path, scimport: Command
) -> None:
    day2 = sample / "sources" / "employees.yml"
    source = yaml.safe_load(day2.read_text())
    day2.write_text(yaml.safe_dump(source | {"path": "sample_data/day2/employees.csv"}))
    scimport("run", "--all", "--no-prefect")
    (invalid,) = scimport("trace", "00520", "--json").json["traces"]
    assert (invalid["status"], invalid["accepted"], invalid["user"]) == ("invalid", None, {})
    assert [one["code"] for one in invalid["problems"]] == ["contract-format"]
    assert invalid["problems"][0]["value"] == "***"
    by_id = scimport("trace", "C7003", "--json").json["traces"][0]
    assert (by_id["pipeline"], by_id["key"]) == ("contractors", "7003")
    assert by_id["source"].startswith("sources/contractors.yml row ")
    (sample / "sample_data" / "day2" / "employees.csv").unlink()
    assert scimport("trace", "00107", "--json").json["traces"][0]["source"] == "sources/employees.yml"


@pytest.mark.usefixtures("sample")
def test_nobody_of_that_key(scimport: Command) -> None:
    nobody = scimport("trace", "nobody")
    assert nobody.code == 2
    assert "unknown-record" in nobody.err
