from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.cli.conftest import Command


def test_check_prints_errors_and_warnings_and_notes_when_asked(sample: Path, scimport: Command) -> None:
    assert scimport("check", "--json").json == []
    notes = scimport("check", "--json", "--notes").json
    assert {one["severity"] for one in notes} == {"note"}
    assert scimport("check", "--notes").code == 0
    (sample / "mappings" / "base.yml").write_text("vars: { spare: 1 }\nuser: { tittle: x }\n")
    result = scimport("check", "--format", "github")
    assert result.code == 2
    assert "::error file=mappings/base.yml,line=2,title=scimport unknown-attribute::tittle: " in result.out
    document = json.loads(scimport("check", "--format", "sarif").out)
    assert document["version"] == "2.1.0"
    assert {one["level"] for one in document["runs"][0]["results"]} == {"error"}


def test_check_maps_the_first_records(sample: Path, scimport: Command) -> None:
    assert scimport("check", "--data", "400").code == 0
    shutil.copyfile(sample / "sample_data/day2/employees.csv", sample / "sample_data/employees.csv")
    assert scimport("check", "employees", "--data", "1").code == 0
    result = scimport("check", "employees", "--data", "400", "--json")
    assert (result.code, len(result.json)) == (4, 3)
    assert {one["value"] for one in result.json} <= {"", "***"}
    assert all(one["key"] for one in result.json)


def test_check_counts_what_repeats(sample: Path, scimport: Command) -> None:
    path = sample / "sources" / "employees.yml"
    path.write_text(path.read_text().replace("values: [A, L, T]", "values: [Z]"))
    result = scimport("check", "employees", "--data", "50", "--json")
    assert result.code == 4
    assert [one["message"] for one in result.json][-1].endswith(
        "more records of the first 50 have this problem"
    )
    assert len(result.json) == 4
