from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from scimport.errors import UsageError
from scimport.project import Project
from scimport.project.cases import load_cases
from scimport.workbench.cases import run_of
from scimport.workbench.example import _value, create_case

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("EMPLOYEES_CSV", "CONTRACTORS_DB"):
        monkeypatch.delenv(name, raising=False)
    for part in ("pipelines", "sources", "mappings", "sample_data"):
        shutil.copytree(ROOT / part, tmp_path / part)
    return Project(tmp_path)


def test_a_test_of_a_record_has_no_value_of_it_and_passes(project: Project) -> None:
    before = load_cases(project, "employees")
    file, line = create_case(project, "employees", "00107")
    after = load_cases(project, "employees")
    assert file == "mappings/tests/employees.yml"
    assert line == after.document.line(("tests", len(before.config.tests)))
    assert all(verdict.passed for verdict in run_of(project, after).verdicts())
    case = after.config.tests[-1]
    with (project.root / "sample_data" / "employees.csv").open(encoding="utf-8") as opened:
        row = next(row for row in csv.DictReader(opened) if row["WorkerID"] == "00107")
    same = {name for name, value in row.items() if value and case.given.get(name) == value}
    assert not same & {"FirstName", "LastName", "Email", "Phone", "Mobile", "Street", "City", "WorkerID"}
    text = yaml.safe_dump(case.model_dump(), allow_unicode=True)
    assert not [name for name in ("Łukasz", "Żółć", "zolc", "00107", "acme.example'") if name in text]


def test_a_file_is_made_when_there_is_none(project: Project) -> None:
    (project.root / "mappings" / "tests" / "contractors.yml").unlink()
    assert create_case(project, "contractors", "7007") == ("mappings/tests/contractors.yml", 2)
    cases = load_cases(project, "contractors")
    assert isinstance(cases.config.tests[0].given["ContractorID"], int)
    assert [verdict.differences for verdict in run_of(project, cases).verdicts()] == [()]


def test_a_record_that_is_out_of_scope_and_one_that_is_invalid(project: Project) -> None:
    with (project.root / "sample_data" / "employees.csv").open(encoding="utf-8") as opened:
        rows = [row for row in csv.DictReader(opened) if row["EmployeeClass"] == "Pensioner"]
    create_case(project, "employees", rows[0]["WorkerID"])
    assert load_cases(project, "employees").config.tests[-1].out_of_scope
    path = project.root / "sample_data" / "employees.csv"
    path.write_text(path.read_text("utf-8").replace("10.08.2020", "2020-08-10"), "utf-8")
    create_case(project, "employees", "00107")
    assert load_cases(project, "employees").config.tests[-1].invalid == "contract-format"
    assert all(one.passed for one in run_of(project, load_cases(project, "employees")).verdicts())


def test_a_file_that_does_not_end_with_its_tests_is_left_alone(project: Project) -> None:
    path = project.root / "mappings" / "tests" / "employees.yml"
    path.write_text("tests:\n  - { name: a, expect: {} }\ngiven: { WorkerID: 00001 }\n")
    before = path.read_text()
    with pytest.raises(UsageError, match="does not end with tests"):
        create_case(project, "employees", "00107")
    assert path.read_text() == before


def test_values_keep_their_shape() -> None:
    assert _value("BER-2-117", set(), {})[3] == "-"
    assert len(_value("Zoë O'Brien", set(), {})) == 11
    assert _value("A", {"A"}, {}) == "A"
    assert _value(True, set(), {}) is True
    assert isinstance(_value(4711, set(), {}), int)
    assert isinstance(_value(date(2020, 1, 1), set(), {}), date)
    day, month, year = _value("31.12.2020", set(), {}).split(".")
    assert (1 <= int(day) <= 12, 1 <= int(month) <= 12, len(year)) == (True, True, 4)
    assert _value("ann.lee@acme.example", set(), {}).endswith("@example.com")


def test_what_is_made_up_is_nothing_that_the_record_has() -> None:
    real = [f"000{digit}" for digit in "12345678"]
    assert {_value("0001", set(), {}, real) for _ in range(20)} == {"0009"}
    assert _value("-", set(), {}, ["-"]) == "-"
