from __future__ import annotations

import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.workbench.conftest import MAPPING, Make

from scimport.errors import ConfigError, UsageError
from scimport.inputs import opened
from scimport.project import Project
from scimport.workbench.difference import compare_with
from scimport.workbench.preview import Preview, find_record, glass, sample_records
from scimport.workbench.watch import saves

ROWS = "Id,Team\nE1,IT\nE2, HR \nE3,IT\n"
PEOPLE = MAPPING.replace("  active: true", '  active: true\n  displayName: "{{ Id }}"\n  title: "{{ Team }}"')


def look(project: Project, wanted: str | int, where: str | None = None) -> Preview:
    pipeline = project.pipeline("people")
    with opened(project, pipeline, datetime.now(UTC)) as source:
        return glass(source, pipeline.config.app.target).preview(find_record(source, wanted, where))


def test_a_preview_says_where_each_value_comes_from_and_where_it_goes(make: Make) -> None:
    found = look(make("extends: base\nuser: { title: '{{ Team | lower }}' }\n", base=PEOPLE, rows=ROWS), "E2")
    assert (found.place, found.row, found.problems) == ("people.csv:3", {"Id": "E2", "Team": "HR"}, ())
    shown = {one.attribute: (one.value, one.columns, one.origin, one.becomes) for one in found.attributes}
    assert shown["title"] == ("hr", ("Team",), "mappings/people.yml:2", ("jobTitle",))
    assert shown["userName"] == (
        "e2@acme.example",
        ("Id",),
        "mappings/base.yml:4",
        ("mailNickname", "userPrincipalName"),
    )
    assert found.app["userPrincipalName"].startswith("e2@")
    assert (found.app["jobTitle"], found.app["accountEnabled"]) == ("hr", True)


def test_what_the_app_would_refuse_is_a_problem(make: Make) -> None:
    mapping = PEOPLE.replace("{{ Id | lower }}@", "{{ Id }} {{ Id }}@")
    assert [one.code for one in look(make(mapping, rows=ROWS), 1).problems] == ["record-rejected"]
    assert look(make(mapping, rows=ROWS, target="on-premises-ad"), 1).problems == ()


def test_records_are_chosen_by_a_condition(make: Make) -> None:
    project = make(PEOPLE, rows=ROWS)
    assert look(project, 2, "Team == 'IT'").place == "people.csv:4"
    with pytest.raises(UsageError, match="no record number 3"):
        look(project, 3, "Team == 'IT'")
    with pytest.raises(ConfigError, match="--where: the source has no column Taem"):
        look(project, 1, "Taem == 'IT'")


def test_a_sample_is_the_same_one_and_in_order(make: Make) -> None:
    project = make(PEOPLE, rows="Id,Team\n" + "".join(f"E{n:04},IT\n" for n in range(500)))
    with opened(project, project.pipeline("people"), datetime.now(UTC)) as source:
        keys = [record.key for record in sample_records(source, 20)]
        assert keys == [record.key for record in sample_records(source, 20)]
        assert keys == sorted(keys)
        assert len(set(keys)) == 20
        assert keys != [f"E{n:04}" for n in range(20)]
        assert [one.key for one in sample_records(source, 3, "Id in ['E0007', 'E0300']")] == [
            "E0007",
            "E0300",
        ]


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@acme.example")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_difference_to_a_revision(make: Make, tmp_path: Path) -> None:
    mapping = PEOPLE.replace("{{ Team }}", '{{ Team | lookup(\\"teams\\") }}').replace('\\"', "'")
    (tmp_path / "mappings" / "lookups").mkdir(parents=True)
    table = tmp_path / "mappings" / "lookups" / "teams.csv"
    table.write_text("id,name\nIT,Computers\nHR,People\n")
    project = make(mapping, rows=ROWS)
    pipeline = project.pipeline("people")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    assert compare_with(project, pipeline, "HEAD").changed == 0
    table.write_text("id,name\nIT,Machines\n")
    found = compare_with(project, pipeline, "HEAD")
    assert (found.read, found.changed, found.by_attribute) == (3, 3, {"title": 2, "user": 1})
    assert found.first[0].attributes == {"title": ("Computers", "Machines")}
    assert (found.first[1].key, found.first[1].attributes) == (
        "E2",
        {"user": ("a user", "expression-failed")},
    )
    for revision in ("nonsense", "--output=x"):
        with pytest.raises(UsageError):
            compare_with(project, pipeline, revision)


def test_a_save_is_seen_from_the_call_on(make: Make, tmp_path: Path) -> None:
    project, stop = make(PEOPLE, rows=ROWS), threading.Event()
    path = tmp_path / "mappings" / "people.yml"
    changes = saves(project.root, stop)
    for _ in range(2):
        path.write_text(path.read_text() + "# a comment\n")
        assert next(changes) == {path}
    stop.set()
    assert not list(changes)
