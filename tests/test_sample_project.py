"""The sample project, with the real parts: what a newcomer copies has to work, and to do what it says."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from scimport.errors import SourceError
from scimport.inputs import opened
from scimport.mappings import OUT_OF_SCOPE, Fault, UserValidator
from scimport.model import Problem
from scimport.plan import Selection
from scimport.project import Project
from scimport.project.editor import editor_schemas
from scimport.stages import PipelineRun

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"
PARTS = ("pipelines", "sources", "mappings", "sample_data")
NOW = datetime(2026, 9, 1, 5, tzinfo=UTC)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ACME = "urn:ietf:params:scim:schemas:extension:acme:1.0:User"


@dataclass
class People:
    """What a pipeline's source and mapping make of one day."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    invalid: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    rows: int = 0
    out_of_scope: int = 0

    def add(self, key: str, checked: tuple[Problem, ...], user: Any, validator: UserValidator) -> None:
        self.rows += 1
        if checked or isinstance(user, Fault):
            self.invalid[key] = checked or user.problems
        elif user is OUT_OF_SCOPE:
            self.out_of_scope += 1
        elif problems := () if validator.is_valid(user) else validator.explain(user):
            self.invalid[key] = problems
        else:
            self.users[key] = user


Load = Callable[..., People]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Reads, checks, maps and validates a pipeline's people."""

    def load_people(name: str, *, day2: bool = False, project: Project | None = None) -> People:
        folder = "sample_data/day2" if day2 else "sample_data"
        monkeypatch.setenv("EMPLOYEES_CSV", f"{folder}/employees.csv")
        monkeypatch.setenv("CONTRACTORS_DB", f"{folder}/contractors.db")
        return people_of(project or Project(ROOT), name)

    return load_people


def people_of(project: Project, name: str) -> People:
    people = People()
    with opened(project, project.pipeline(name), NOW) as parts:
        place = {column: n for n, column in enumerate(parts.source.columns)}
        for batch in parts.source.batches(100):
            users = parts.mapping.users(
                [[row[place[c]] for c in parts.mapping.columns] for row in batch.rows]
            )
            for row, user in zip(batch.rows, users, strict=True):
                checked = parts.contract.check([row[place[c]] for c in parts.contract.columns])
                people.add(str(row[place[parts.key]]), checked, user, parts.validator)
    return people


def table(file: Path, heading: str) -> list[list[str]]:
    """The cells of the rows of the table in a Markdown file whose first heading is `heading`."""
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(rf"\| {re.escape(heading)} *\|", line))
    body = lines[start + 2 :]
    end = next((n for n, line in enumerate(body) if not line.startswith("|")), len(body))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body[:end]]


def numbers(cells: list[str]) -> list[int]:
    """The number that each cell begins with; none is 0."""
    return [int(cell.split()[0]) if cell[0].isdigit() else 0 for cell in cells]


def test_nothing_is_wrong_with_the_files() -> None:
    project = Project(ROOT)
    assert project.check() == ()
    assert project.pipeline_names == ("contractors", "employees")
    descriptions = [project.pipeline(name).config.description for name in project.pipeline_names]
    assert descriptions == [
        "Provision-Contractors-From-SQL-to-Entra-ID",
        "Provision-Employees-From-CSV-to-AD",
    ]


@pytest.mark.parametrize("folder", PARTS[:3])
def test_editors_are_told_the_schema_of_each_file(folder: str) -> None:
    schema = f"{folder.removesuffix('s')}.schema.json"
    assert schema in editor_schemas()
    for file in (ROOT / "mappings" / "tests").glob("*.yml"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../../.scimport/schemas/tests.schema.json", file
    for file in (ROOT / folder).glob("*.yml"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema=../.scimport/schemas/{schema}", file


def test_the_example_environment_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMPLOYEES_CSV", "CONTRACTORS_DB"):
        monkeypatch.delenv(name, raising=False)
    for part in PARTS[:3]:
        shutil.copytree(ROOT / part, tmp_path / part)
    without = [Project(tmp_path).source(name).config for name in ("employees", "contractors")]
    shutil.copyfile(ROOT / ".env.example", tmp_path / ".env")
    assert [Project(tmp_path).source(name).config for name in ("employees", "contractors")] == without


@pytest.mark.parametrize("name", ["employees", "contractors"])
def test_everybody_of_day_one_is_valid(load: Load, name: str) -> None:
    people = load(name)
    assert people.invalid == {}
    active = sum(user["active"] for user in people.users.values())
    told = {cells[0]: cells[1:] for cells in table(SAMPLE / "README.md", "day one")}[name]
    assert numbers(told) == [people.rows, people.out_of_scope, len(people.users), active]


@pytest.mark.parametrize("name", ["employees", "contractors"])
def test_day_two_brings_what_the_readme_says(load: Load, name: str) -> None:
    before, after = load(name), load(name, day2=True)
    known = before.users.keys() & after.users.keys()
    changed = [key for key in known if before.users[key] != after.users[key]]
    inactive = [key for key in changed if not after.users[key]["active"]]
    assert all(before.users[key]["active"] for key in inactive)
    found = [
        len(after.users.keys() - before.users.keys()),
        len(changed) - len(inactive),
        len(inactive),
        len(before.users.keys() - after.users.keys() - after.invalid.keys()),
        len(after.invalid),
    ]
    told = {cells[0]: cells[1:] for cells in table(SAMPLE / "README.md", "day two")}[name]
    assert found == numbers(told)


def test_exactly_three_employees_of_day_two_are_invalid(load: Load) -> None:
    before, after = load("employees"), load("employees", day2=True)
    found = {(p.field, str(p.code)) for problems in after.invalid.values() for p in problems}
    told = {(cells[1].strip("`"), cells[3].strip("`")) for cells in table(SAMPLE / "README.md", "who")}
    assert len(after.invalid) == 3
    assert found == told
    assert len(after.invalid.keys() & before.users.keys()) == 2


@pytest.mark.parametrize("name", ["employees", "contractors"])
@pytest.mark.parametrize("day2", [False, True])
def test_user_names_are_unique_and_ascii(load: Load, name: str, day2: bool) -> None:
    users = load(name, day2=day2).users.values()
    names = Counter(user["userName"].lower() for user in users)
    assert names.most_common(1)[0][1] == 1
    assert all(re.fullmatch(r"[a-z-]+\.c?\d+@acme\.example", name) for name in names)
    assert len({user["externalId"] for user in users}) == len(users)


@pytest.mark.parametrize("name", ["employees", "contractors"])
def test_managers_are_people_of_the_same_app(load: Load, name: str) -> None:
    users = load(name).users.values()
    known = {user["externalId"] for user in users}
    managers = {user[ENTERPRISE]["manager"]["value"] for user in users if "manager" in user[ENTERPRISE]}
    assert managers
    assert managers <= known


def test_an_employee_in_full(load: Load) -> None:
    user = load("employees").users["00110"]
    assert user["name"] == {"familyName": "O'Brien", "givenName": "Siobhán"}
    assert user["displayName"] == "Siobhán O'Brien"
    assert user["active"] is True
    assert user["schemas"][2:] == [ACME]
    assert user["emails"][0]["type"] == "work"
    assert user["addresses"][0]["formatted"].startswith("DUB-")
    assert user[ENTERPRISE]["employeeNumber"] == "00110"
    assert len(user[ENTERPRISE]["costCenter"]) == 4
    assert user[ACME]["HireDate"].endswith("T00:00:00Z")
    assert user[ACME]["Building"] == "DUB"


def test_a_contractor_in_full(load: Load) -> None:
    user = load("contractors").users["7002"]
    assert user == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE, ACME],
        "externalId": "C7002",
        "userName": "agnieszka.c7002@acme.example",
        "name": {"familyName": "Jabłoński", "givenName": "Agnieszka"},
        "displayName": "Agnieszka Jabłoński",
        "title": "Interim Controller",
        "userType": "Contractor",
        "preferredLanguage": "pl-PL",
        "active": True,
        ENTERPRISE: {"organization": "Delta Staffing, Inc.", "department": "Finance"},
        ACME: {"HireDate": "2025-09-02T00:00:00Z", "LeaveDate": "2027-09-02T00:00:00Z"},
    }


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The sample project in a folder of its own."""
    monkeypatch.delenv("SCIMPORT_STATE_URL", raising=False)
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part)
    return Project(tmp_path)


@pytest.mark.parametrize("server", ["postgresql_url", "mariadb_url"])
def test_contractors_are_the_same_from_a_server(
    load: Load, copy: Project, server: str, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue(server)
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (SAMPLE / "contractors.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()
    file = copy.root / "sources" / "contractors.yml"
    file.write_text(
        re.sub(r"(?m)^url: .*$", f"url: {url}", file.read_text(encoding="utf-8")), encoding="utf-8"
    )
    assert load("contractors", project=copy) == load("contractors")


@pytest.mark.parametrize(
    ("file", "codes"), [(row[0], row[2]) for row in table(SAMPLE / "bad/README.md", "file")]
)
def test_a_bad_file_gives_the_codes_in_its_table(
    copy: Project, monkeypatch: pytest.MonkeyPatch, file: str, codes: str
) -> None:
    monkeypatch.setenv("EMPLOYEES_CSV", f"sample_data/bad/{file.strip('`')}")
    expected = set() if codes == "none" else set(codes.replace("`", "").split(", "))
    assert _codes_of_a_plan(copy) == expected


def _codes_of_a_plan(project: Project) -> set[str]:
    with PipelineRun(project, "employees", Selection()) as run:
        try:
            while run.extract():
                pass
            run.plan()
        except SourceError as error:
            return {str(problem.code) for problem in error.problems}
        if not run.summary.problems_file:
            return set()
        with (project.root / run.summary.problems_file).open(encoding="utf-8", newline="") as file:
            return {row["code"] for row in csv.DictReader(file)}


def test_every_bad_file_is_in_the_table() -> None:
    told = {row[0].strip("`") for row in table(SAMPLE / "bad/README.md", "file")}
    assert told == {path.name for path in (SAMPLE / "bad").glob("*.csv")}
