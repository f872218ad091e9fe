from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scimport.errors import ConfigError
from scimport.project import Project
from scimport.project.cases import load_cases
from scimport.workbench.cases import Difference, Verdict, run_of

MAPPING = """
where: Kind != "Guest"
user:
  externalId: "{{ Id }}"
  userName: "{{ Id | lower }}@acme.example"
  active: '{{ Status == "A" }}'
  emails:
    - { type: work, value: "{{ Mail }}" }
    - { type: home, value: "{{ Home }}" }
  meta_date: null
  enterprise: { department: "{{ Team }}" }
"""
PIPELINE = "{ source: people, mapping: people, app: { target: entra-id, endpoint: sandbox } }"
SOURCE = """
kind: csv
path: nowhere.csv
key: Id
columns: { Id: { required: true, pattern: "[A-Z][0-9]" }, Status: { values: [A, T] } }
"""

Try = Callable[..., tuple[Verdict, ...]]


@pytest.fixture
def run(tmp_path: Path) -> Try:
    """Runs tests of the mapping above; returns what each came to."""
    for name, text in {
        "pipelines/people.yml": PIPELINE,
        "sources/people.yml": SOURCE,
        "mappings/people.yml": MAPPING,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def run(tests: str, *, mapping: str = MAPPING, source: str = SOURCE) -> tuple[Verdict, ...]:
        folder = tmp_path / "mappings" / "tests"
        folder.mkdir(exist_ok=True)
        (folder / "people.yml").write_text(tests)
        (tmp_path / "mappings" / "people.yml").write_text(mapping)
        (tmp_path / "sources" / "people.yml").write_text(source)
        project = Project(tmp_path)
        return tuple(run_of(project, load_cases(project, "people")).verdicts())

    return run


def only(verdicts: tuple[Verdict, ...]) -> list[tuple[int | None, str, str, str]]:
    (verdict,) = verdicts
    return [(one.line, one.attribute, one.expected, one.got) for one in verdict.differences]


def test_what_is_as_expected_passes(run: Try) -> None:
    verdicts = run("""
given: { Id: E1, Status: A }
tests:
  - { name: subset, expect: { active: true, enterprise: { department: null } } }
  - name: of its type
    given: { Home: a@b.example }
    expect: { emails: [{ type: home, value: a@b.example }] }
  - { name: scope, given: { Kind: Guest }, out_of_scope: true }
  - { name: contract, given: { Status: X }, invalid: contract-values, field: Status }
  - { name: schema, given: { Mail: nonsense }, invalid: invalid-user, field: "emails[0].value" }
  - { name: no key, given: { Id: "" }, invalid: key-blank }
  - name: exact
    exact: true
    expect: { externalId: E1, userName: e1@acme.example, active: true }
""")
    assert [verdict.differences for verdict in verdicts] == [()] * 7


def test_differences_say_where_what_and_by_which_expression(run: Try) -> None:
    (verdict,) = run("""
tests:
  - name: two things
    given: { Id: E1, Team: IT }
    expect:
      active: true
      enterprise:
        department: HR
""")
    assert verdict.differences == (
        Difference(
            "mappings/tests/people.yml",
            6,
            "active",
            "true",
            "false",
            '{{ Status == "A" }}  (mappings/people.yml:6)',
        ),
        Difference(
            "mappings/tests/people.yml",
            8,
            "enterprise.department",
            '"HR"',
            '"IT"',
            "{{ Team }}  (mappings/people.yml:11)",
        ),
    )


@pytest.mark.parametrize(
    ("test", "difference"),
    [
        ("expect: { title: x }", (3, "title", '"x"', "nothing")),
        ("expect: { active: 0 }", (3, "active", "0", "false")),
        ("expect: { emails: [{ type: work }] }", (3, "emails", '[{"type": "work"}]', "nothing")),
        (
            "given: { Home: a@b.example }, expect: { emails: [{ type: work, value: b@b.example }] }",
            (3, "emails[0]", '{"type": "work", "value": "b@b.example"}', "nothing"),
        ),
        ("out_of_scope: true", (3, "out of scope", "out of scope", "a user")),
        ("invalid: contract-values", (3, "invalid", "contract-values", "a user")),
        (
            "given: { Status: X }, expect: {}",
            (3, "user", "a user", "contract-values of Status: 'Status' is not one of the allowed values"),
        ),
        (
            "given: { Status: X }, invalid: contract-values, field: Id",
            (
                3,
                "invalid",
                "contract-values of Id",
                "contract-values of Status: 'Status' is not one of the allowed values",
            ),
        ),
        ("given: { Kind: Guest }, expect: {}", (3, "user", "a user", "out of scope")),
        (
            "exact: true, expect: { externalId: E1, userName: e1@acme.example }",
            (3, "active", "nothing", "false"),
        ),
    ],
)
def test_each_way_to_fail(run: Try, test: str, difference: tuple[object, ...]) -> None:
    assert only(run(f"given: {{ Id: E1 }}\ntests:\n  - {{ name: a, {test} }}\n")) == [difference]


@pytest.mark.parametrize(
    ("tests", "code", "message"),
    [
        (
            "tests: [{ name: a, given: { Statsu: A }, expect: {} }]\n",
            "unknown-column",
            "neither the mapping nor the contract has a column Statsu",
        ),
        (
            "tests: [{ name: a, expect: { tittle: x } }]\n",
            "unknown-attribute",
            "SCIM has no attribute tittle",
        ),
        ("tests: [{ name: a }]\n", "bad-value", "needs one of expect, invalid and out_of_scope"),
        ("tests: [{ name: a, invalid: wrong }]\n", "bad-value", "is not the code of a problem"),
        (
            "mapping: peple\ntests: []\n",
            "missing-reference",
            "'mapping' names peple, and there is no mappings/peple.yml",
        ),
        ("now: noon\ntests: []\n", "bad-value", "is not a time with a zone"),
        ("given: { Id: [1] }\ntests: []\n", "bad-value", "must be one value"),
    ],
)
def test_mistakes_of_the_file(run: Try, tests: str, code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tests)
    assert [(one.code, message in one.message) for one in caught.value.problems] == [(code, True)]
    assert caught.value.problems[0].line


def test_values_are_as_the_source_would_give_them(run: Try) -> None:
    mapping = MAPPING.replace("{{ Team }}", "{{ Team }} {{ Team is string }} {{ Start is string }}")
    tests = """
given: { Id: E1, Team: 7, Start: 2026-02-01 }
tests: [{ name: a, expect: { enterprise: { department: %s } } }]
"""
    assert run(tests % "7 true true", mapping=mapping)[0].passed
    sql = "kind: sql\nurl: sqlite:///x.db\nquery: SELECT 1\nkey: Id\ncolumns: { Start: { type: date } }\n"
    assert run(tests % "7 false false", mapping=mapping, source=sql)[0].passed


def test_the_clock_stands_still(run: Try) -> None:
    mapping = MAPPING.replace("{{ Team }}", "{{ today | text }}")
    tests = "tests: [{ name: a, given: { Id: E1 }, expect: { enterprise: { department: %s } } }]\n"
    assert run(tests % "2026-01-01", mapping=mapping)[0].passed
    assert run("now: 2030-05-06T23:00:00-05:00\n" + tests % "2030-05-07", mapping=mapping)[0].passed
