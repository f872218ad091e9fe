"""Sending those again who were accepted and did not arrive, on the sample project's contractors."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import Command

GOOD = '{{ FirstName | ascii | lower | replace(" ", "") }}.c{{ ContractorID }}@{{ vars.domain }}'


def names(sample: Path, template: str) -> None:
    """Have the mapping make user names so."""
    path = sample / "mappings" / "contractors.yml"
    mapping = yaml.safe_load(path.read_text())
    mapping["user"]["userName"] = template
    path.write_text(yaml.safe_dump(mapping))


def refused(*numbers: int) -> str:
    """User names that Entra refuses for some contractors: there is a blank in them."""
    return (
        f'{{{{ "not good" if ContractorID in {list(numbers)} else "n" }}}}{{{{ ContractorID }}}}@acme.example'
    )


@pytest.fixture
def some(sample: Path, scimport: Command) -> list[int]:
    """Three contractors whom the service has rejected, of 120."""
    query = "SELECT id FROM contractors JOIN contracts ON contractor_id = id"
    with sqlite3.connect(sample / "sample_data" / "contractors.db") as connection:
        active = connection.execute(f"{query} WHERE status = 'open' AND NOT blocked ORDER BY id LIMIT 3")
        chosen = [row[0] for row in active]
    names(sample, refused(*chosen))
    assert scimport("run", "contractors", "--no-prefect").code in {0, 4}
    assert scimport("confirm", "contractors", "--json").json["rejected"] == 3
    return chosen


def attempts(found: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["key"], one["attempts"]) for one in found["standing_people"]]


def test_they_are_sent_again_until_they_were_sent_often_enough(scimport: Command, some: list[int]) -> None:
    again = scimport("run", "contractors", "--no-prefect", "--json").json
    assert (again["to_send"], again["unchanged"]) == (0, 120)
    for _ in range(2):
        found = scimport("retry", "contractors", "--json").json
        assert (found["again"], found["read"], found["accepted"], found["standing"]) == (3, 3, 3, 0)
    stands = scimport("retry", "contractors", "--json")
    assert (stands.code, stands.json["again"], stands.json["standing"]) == (4, 0, 3)
    assert attempts(stands.json) == [(str(number), 3) for number in some]
    assert stands.json["standing_people"][0]["code"] == "AzureActiveDirectoryInvalidUserPrincipalName"
    shown = scimport("status")
    assert "contractors: 3 people were sent as often as is allowed" in shown.out
    one = scimport("retry", "contractors", "--key", some[0], "--json").json
    assert (one["again"], one["accepted"]) == (1, 1)
    assert attempts(scimport("retry", "contractors", "--json").json)[0] == (str(some[0]), 4)


def test_a_record_that_changes_is_counted_anew_and_arrives(
    sample: Path, scimport: Command, some: list[int]
) -> None:
    scimport("retry", "contractors")
    names(sample, refused(some[0]))
    planned = scimport("retry", "contractors", "--plan", "--json").json
    assert (planned["to_send"], planned["movers"], planned["accepted"]) == (3, 2, 0)
    applied = scimport("apply", planned["plan_id"], "--json")
    assert applied.json["accepted"] == 3
    outcome = scimport("confirm", "contractors", "--json").json
    assert (outcome["provisioned"], outcome["rejected"]) == (119, 1)
    last = scimport("retry", "contractors", "--json").json
    assert (last["again"], last["standing"]) == (0, 1)


def test_who_has_left_is_sent_again_too(sample: Path, scimport: Command, some: list[int]) -> None:
    with sqlite3.connect(sample / "sample_data" / "contractors.db") as connection:
        connection.execute("DELETE FROM contracts WHERE contractor_id = ?", (some[0],))
    assert scimport("run", "contractors", "--no-prefect", "--json").json["leavers"] == 1
    assert scimport("confirm", "contractors", "--json").json["rejected"] == 3
    found = scimport("retry", "contractors", "--json").json
    assert (found["again"], found["read"], found["leavers"], found["accepted"]) == (3, 2, 1, 3)


def test_who_has_arrived_is_not(scimport: Command, some: list[int]) -> None:
    arrived = scimport("trace", some[-1] + 1, "--json")
    key = "nobody" if arrived.code else some[-1] + 1
    refused_key = scimport("retry", "contractors", "--key", key)
    assert refused_key.code == 2
    assert "unknown-record" in refused_key.err


def test_their_records_can_be_had_with_the_reasons(
    sample: Path, scimport: Command, some: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "again.csv"
    assert scimport("problems", "contractors", "--csv", file).code == 0
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert [row["ContractorID"] for row in rows] == [str(number) for number in some]
    assert {row["scimport_code"] for row in rows} == {"AzureActiveDirectoryInvalidUserPrincipalName"}
    assert all(row["scimport_reason"] and row["FirstName"] for row in rows)
    assert file.stat().st_mode & 0o077 == 0
    del sample


def test_invalid_records_can_be_mended_and_loaded_again(sample: Path, scimport: Command) -> None:
    source = sample / "sample_data" / "employees.csv"
    text = source.read_bytes().decode()
    lines = text.splitlines(keepends=True)
    source.write_bytes("".join([*lines, lines[-1].replace(lines[-1].split(",")[0], "x1", 1)]).encode())
    assert scimport("run", "employees", "--no-prefect").code == 4
    own = scimport("problems", "employees", "--csv", source)
    assert own.code == 2
    assert source.read_bytes().startswith(text.encode())
    file = sample / "again.csv"
    found = scimport("problems", "employees", "--csv", file, "--json").json
    assert found["records"] == 1
    again = file.read_text(encoding="utf-8")
    assert "contract-pattern" in again
    file.write_text(again.replace("x1,", "99999,"), encoding="utf-8")
    path = sample / "sources" / "employees.yml"
    path.write_text(
        path.read_text().replace("path: ${EMPLOYEES_CSV:-sample_data/employees.csv}", "path: again.csv")
    )
    assert scimport("plan", "employees", "--key", "99999", "--json").json["joiners"] == 1
