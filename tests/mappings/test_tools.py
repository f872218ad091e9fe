"""What expressions may use beside columns and filters: ``let``, tables, functions of the project's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.mappings.conftest import Load

from scimport.errors import ConfigError
from scimport.mappings import Fault, Mapping, compile_mapping
from scimport.mappings.lookups import read_table
from scimport.model import Problem

USER = """
user:
  externalId: "{{ Id }}"
  userName: "{{ Id }}"
  active: true
"""
OFFICES = "code,city,country\nBER,Berlin,DE\nWRO,Wrocław,PL\n"


class Project:
    """A folder with tables and functions, and mappings that are compiled in it."""

    def __init__(self, root: Path, load: Load, now: Any) -> None:
        self.root, self._load, self._now = root, load, now
        (root / "mappings" / "lookups").mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        (self.root / "mappings" / name).write_text(text, "utf-8")

    def make(self, *texts: str, columns: Sequence[str] | None = None) -> Mapping:
        chain = [self._load(text, f"m{number}") for number, text in enumerate(texts)]
        return compile_mapping(chain, columns, now=self._now, root=self.root)

    def wrong(self, *texts: str, **options: Any) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as caught:
            self.make(*texts, **options)
        return caught.value.problems


@pytest.fixture
def project(tmp_path: Path, load: Load, now: Any) -> Project:
    return Project(tmp_path, load, now)


def title(mapping: Mapping, **row: object) -> Any:
    (user,) = mapping.users([[row[name] for name in mapping.columns]])
    assert isinstance(user, dict), user
    return user.get("title")


# let


def test_let_is_used_like_a_column_and_knows_what_it_reads(project: Project) -> None:
    text = (
        USER + '  title: "{{ both }} ({{ low }})"\nlet:\n  low: First | lower\n  both: "{{ low ~ Last }}"\n'
    )
    mapping = project.make(text, columns=["Id", "First", "Last"])
    assert title(mapping, Id="1", First="ANN", Last="Lee") == "annLee (ann)"
    (leaf,) = [leaf for leaf in mapping.leaves if leaf.path == "title"]
    assert leaf.columns == ("First", "Last")
    assert mapping.explain(["ANN", "1", "Lee"]).leaves[2].value == "annLee (ann)"


def test_let_is_computed_once(project: Project) -> None:
    project.write("functions.py", "calls = []\ndef slow(value):\n    calls.append(value)\n    return value\n")
    text = USER + '  title: "{{ part }}"\n  nickName: "{{ part }}"\n  displayName: "{{ part ~ 1 }}"\n'
    mapping = project.make(text + "functions: [slow]\nlet: { part: 'Name | slow' }\n")
    assert title(mapping, Id="1", Name="x") == "x"
    calls = mapping._parts.functions.by_name["slow"].__globals__["calls"]
    assert calls == ["x"]


def test_let_is_merged_and_a_constant_is_one(project: Project) -> None:
    base = USER + '  title: "{{ a }}-{{ b }}"\nlet: { a: Id, b: 7, c: Nowhere }\n'
    assert title(project.make(base), Id="1", Nowhere="") == "1-7"
    derived = project.make(base, "let: { a: '\"x\"', c: null }\n", columns=["Id"])
    assert title(derived, Id="1") == "x-7"


@pytest.mark.parametrize(
    ("let", "code", "message"),
    [
        ("{ a: Nowhere }", "unknown-column", "no column Nowhere"),
        ("{ a: b, b: Id }", "unknown-column", "no column b"),
        ("{ a: a }", "unknown-column", "no column a"),
        ("{ Id: 1 }", "bad-value", "has the name of a column"),
        ("{ a: 'Id | nofilter' }", "unknown-filter", "no filter nofilter"),
        ("{ a: '{{ Id }} x' }", "template-syntax", "mistake"),
    ],
)
def test_mistakes_in_let(project: Project, let: str, code: str, message: str) -> None:
    problems = project.wrong(USER + f"let: {let}\n", columns=["Id"])
    assert [(one.code, one.field.split(".")[0], one.line) for one in problems] == [(code, "let", 6)]
    assert message in problems[0].message


def test_let_cannot_grow_without_bounds(project: Project) -> None:
    names = "\n".join(f"  n{number}: n{number - 1} ~ n{number - 1}" for number in range(1, 40))
    assert {one.code for one in project.wrong(USER + f"let:\n  n0: Id\n{names}\n")} == {"template-syntax"}


def test_a_let_that_changes_makes_another_mapping(project: Project) -> None:
    text = USER + '  title: "{{ a }}"\nlet: { a: %s, unused: %s }\n'
    first = project.make(text % ("Id", 1)).fingerprint
    assert project.make(text % ("Id", 2)).fingerprint == first
    assert project.make(text % ("'Id | lower'", 1)).fingerprint != first


# lookup


def test_lookup_gives_a_column_of_the_line(project: Project) -> None:
    project.write("lookups/offices.csv", OFFICES)
    text = USER + "  title: '{{ Office | lookup(\"offices\"%s) }}'\n"
    assert title(project.make(text % ""), Id="1", Office="WRO") == "Wrocław"
    assert title(project.make(text % ', "country"'), Id="1", Office="WRO") == "PL"
    assert title(project.make(text % ', default="?"'), Id="1", Office="X") == "?"
    assert title(project.make(text % ""), Id="1", Office="") is None
    (fault,) = project.make(text % "").users([["1", "X"]])
    assert isinstance(fault, Fault)
    assert "it is not in mappings/lookups/offices.csv" in fault.problems[0].message


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('lookup("office")', "missing-reference"),
        ('lookup("../secret")', "missing-reference"),
        ('lookup("offices", "code")', "unknown-column"),
        ('lookup("offices", "town")', "unknown-column"),
        ("lookup(Table)", "template-syntax"),
        ('lookup("offices", Column)', "template-syntax"),
        ("lookup", "template-syntax"),
        ('lookup("broken")', "bad-value"),
    ],
)
def test_mistakes_in_a_lookup(project: Project, call: str, code: str) -> None:
    project.write("lookups/offices.csv", OFFICES)
    project.write("lookups/broken.csv", "code,city\nBER\n")
    problems = project.wrong(USER + f"  title: '{{{{ Office | {call} }}}}'\n")
    assert [(one.code, one.line) for one in problems] == [(code, 6)]


def test_a_table_that_changes_makes_another_mapping(project: Project) -> None:
    project.write("lookups/offices.csv", OFFICES)
    text = USER + "  title: '{{ Office | lookup(\"offices\") }}'\n"
    before = project.make(text).fingerprint
    project.write("lookups/other.csv", OFFICES)
    assert project.make(text).fingerprint == before
    project.write("lookups/offices.csv", OFFICES.replace("Berlin", "Bonn"))
    assert project.make(text).fingerprint != before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("one\n", 1),
        ("a,a\n", 1),
        ("a,\n", 1),
        ("a,b\n1\n", 2),
        ("a,b\n1,x\n1,y\n", 3),
        ('a,b\n"1,x\n', None),
    ],
)
def test_tables_that_are_wrong(text: str, line: int | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(text, "mappings/lookups/t.csv")
    assert [one.line for one in caught.value.problems] == [line]


# functions


def test_functions_of_the_project_are_filters(project: Project) -> None:
    project.write("functions.py", "def initials(value, last=''):\n    return value[:1] + last[:1]\n")
    text = USER + '  title: "{{ First | initials(Last) }}"\n'
    mapping = project.make("functions: [initials]\n", text)
    assert title(mapping, Id="1", First="Ann", Last="Lee") == "AL"
    assert [one.code for one in project.wrong(text)] == ["unknown-filter"]
    wrong = project.wrong(text.replace("(Last)", "(Last, 1, 2)") + "functions: [initials]\n")
    assert [(one.code, one.line) for one in wrong] == [("template-syntax", 6)]


def test_what_a_function_raises_does_not_show_its_text(project: Project) -> None:
    project.write("functions.py", "def bad(value):\n    raise ValueError('Xanthippe')\n")
    mapping = project.make(USER + '  title: "{{ Name | bad }}"\nfunctions: [bad]\n')
    (fault,) = mapping.users([["1", "x"]])
    assert isinstance(fault, Fault)
    assert "Xanthippe" not in fault.problems[0].message


@pytest.mark.parametrize(
    ("functions", "source", "code", "place"),
    [
        ("[nope]", "def yes(value): return value\n", "missing-reference", ("mappings/m0.yml", 6)),
        ("[lower]", "def lower(value): return value\n", "bad-value", ("mappings/m0.yml", 6)),
        ("[_x]", "def _x(value): return value\n", "missing-reference", ("mappings/m0.yml", 6)),
        ("[x]", "def x(value:\n", "bad-value", ("mappings/functions.py", 1)),
        ("[x]", "\n1 / 0\n", "bad-value", ("mappings/functions.py", 2)),
    ],
)
def test_mistakes_with_functions(
    project: Project, functions: str, source: str, code: str, place: tuple[str, int]
) -> None:
    project.write("functions.py", source)
    (problem,) = project.wrong(USER + f"functions: {functions}\n")
    assert (problem.code, (problem.file, problem.line)) == (code, place)


def test_without_a_name_nothing_is_run_and_a_change_makes_another_mapping(project: Project) -> None:
    assert [one.code for one in project.wrong(USER + "functions: [x]\n")] == ["missing-reference"]
    project.write("functions.py", "raise RuntimeError\n")
    plain = project.make(USER).fingerprint
    project.write("functions.py", "def x(value): return 1\n")
    assert project.make(USER).fingerprint == plain
    text = USER + '  title: "{{ Id | x }}"\nfunctions: [x]\n'
    before = project.make(text).fingerprint
    project.write("functions.py", "def x(value): return 2\n")
    assert project.make(text).fingerprint != before


def test_what_is_saved_again_within_a_second_is_what_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = USER + '  title: "{{ Id | x }}"\nfunctions: [x]\n'
    for number in (1, 2):
        project.write("functions.py", f"def x(value): return 'v{number}'\n")
        os.utime(project.root / "mappings" / "functions.py", (1_700_000_000, 1_700_000_000))
        assert title(project.make(text), Id="1") == f"v{number}"
