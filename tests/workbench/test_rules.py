from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.workbench.conftest import MAPPING, SOURCE, Make

from scimport.model import Severity
from scimport.project import Project
from scimport.workbench.checks import check_pipeline
from scimport.workbench.rules import RULES

ROOT = Path(__file__).parents[2]
CONTRACT = SOURCE + "columns:\n  Id:\n"


def found(project: Project) -> list[tuple[str, str, int | None]]:
    """Rule, place and line of each finding but that columns are not in the contract."""
    problems = check_pipeline(project, project.pipeline("people"), opens=False)
    return [
        (one.code, one.field, one.line)
        for one in problems
        if one.code not in ("column-not-in-contract", "source-not-found")
    ]


def test_a_good_mapping_has_no_findings(make: Make) -> None:
    assert found(make()) == []


@pytest.mark.parametrize(
    ("leaf", "columns", "expected"),
    [
        ("active: '{{ Status == \"A\" }}'", "  Status:\n", [("active-on-blank", "active", 2)]),
        ("active: '{{ Status == \"A\" }}'", "  Status: { required: true, values: [A] }\n", []),
        ("active: '{{ Status != \"T\" }}'", "  Status:\n", []),
        ("active: '{{ Status | bool }}'", "  Status:\n", []),
        ('title: "{{ Grade | int + 1 }}"', "  Grade: { type: integer }\n", [("fails-on-blank", "title", 2)]),
        ('title: "{{ Grade | default(0) | int + 1 }}"', "  Grade: { type: integer }\n", []),
        ('title: "{{ Grade | int + 1 }}"', "  Grade: { type: integer, required: true }\n", []),
        ('nickName: "{{ X }}@acme.example"', "  X:\n", [("hard-coded-domain", "nickName", 2)]),
        ("nickName: '{{ X ~ \"@a.example\" }}'", "  X:\n", [("hard-coded-domain", "nickName", 2)]),
        ('nickName: "{{ X }}@{{ vars.domain }}"', "  X:\n", []),
        ('nickName: "{{ X | date }}"', "  X:\n", [("date-without-time", "nickName", 2)]),
        ('nickName: "{{ X | datetime }}"', "  X:\n", []),
        ('emails: [{ type: home, value: "{{ X }}" }]', "  X:\n", [("ignored-type", "emails[0].type", 2)]),
        ('phoneNumbers: [{ type: mobile, value: "{{ X }}" }]', "  X:\n", []),
    ],
)
def test_rules_of_leaves(
    make: Make, leaf: str, columns: str, expected: list[tuple[str, str, int | None]]
) -> None:
    mapping = f"user:\n  {leaf}\n" + MAPPING.removeprefix("\nuser:\n")
    if leaf.startswith("active"):
        mapping = mapping.replace("  active: true\n", "")
    rows = "Id,Status,Grade,X\nE1,A,1,x\n"
    result = found(make(mapping, CONTRACT + columns, rows=rows))
    assert [one for one in result if one[0] not in ("unmapped-attribute", "unused-column")] == expected


def test_what_the_app_does_not_take_depends_on_the_app(make: Make) -> None:
    mapping = MAPPING.replace(
        "  active: true\n", "  active: true\n  userType: X\n  enterprise: { division: Y }\n"
    )
    assert found(make(mapping)) == [
        ("unmapped-attribute", "userType", 6),
        ("unmapped-attribute", "enterprise.division", 7),
    ]
    assert found(make(mapping, target="on-premises-ad")) == [("unmapped-attribute", "userType", 6)]


def test_rules_of_vars(make: Make) -> None:
    base = "vars: { domain: a.example, unused: 1, elsewhere: 2 }\n"
    mapping = "extends: base\n" + MAPPING
    other = "extends: people\nuser: { title: \"{{ vars['elsewhere'] }}\" }\n"
    assert found(make(mapping, base=base, other=other)) == [
        ("unused-var", "vars.unused", 1),
        ("overridden-var", "vars.domain", 7),
    ]


def test_rules_of_columns(make: Make) -> None:
    project = make(
        source=CONTRACT + "  Spare:\n  Ruled: { required: true }\n", rows="Id,Spare,Ruled\nE1,,x\n"
    )
    assert found(project) == [("unused-column", "columns.Spare", 6)]
    mapping = MAPPING.replace("  active: true", '  active: true\n  displayName: "{{ Name }}"')
    project = make(mapping, CONTRACT.replace("  Id:", "  Names:"), rows="Id,Name,Names\nE1,a,b\n")
    problems = list(check_pipeline(project, project.pipeline("people"), opens=False))
    assert [(one.code, one.hint) for one in problems] == [
        ("column-not-in-contract", "Did you mean 'Names'?"),
        ("unused-column", "Remove it, or use it."),
    ]


def test_a_finding_is_switched_off_with_a_reason(make: Make) -> None:
    mapping = MAPPING.replace("  active: true", "  active: '{{ Status == \"A\" }}'")
    rows = "Id,Status\nE1,A\n"
    allow = "allow:\n  - { rule: active-on-blank, at: active, reason: because }\n"
    assert found(make(mapping, rows=rows)) == [("active-on-blank", "active", 5)]
    assert found(make(mapping + allow, rows=rows)) == []
    assert found(make(mapping + allow.replace("at: active", "at: userName"), rows=rows)) == [
        ("active-on-blank", "active", 5),
        ("unused-allow", "userName", 8),
    ]
    assert found(make(mapping + allow.replace("active-on", "active-if"), rows=rows)) == [
        ("active-on-blank", "active", 5),
        ("bad-value", "", 8),
    ]
    assert found(make("extends: base\n" + mapping, rows=rows, base=allow)) == []


def test_a_table_has_every_value_that_the_contract_allows(make: Make, tmp_path: Path) -> None:
    mapping = MAPPING.replace(
        "  active: true", "  active: true\n  title: '{{ Kind | upper | lookup(\"kinds\") }}'"
    )
    source = SOURCE + "columns: { Kind: { values: [a, b, c] } }\n"
    (tmp_path / "mappings" / "lookups").mkdir(parents=True)
    table = tmp_path / "mappings" / "lookups" / "kinds.csv"
    table.write_text("key,value\nA,One\nC,Two\n")
    project = make(mapping, source, rows="Id,Kind\nE1,a\n")
    (problem,) = check_pipeline(project, project.pipeline("people"), opens=False)
    assert (problem.code, problem.line) == ("lookup-missing-keys", 6)
    assert "does not have b," in problem.message
    table.write_text("key,value\nA,One\nB,Three\nC,Two\n")
    assert found(project) == []


def test_every_rule_is_documented_with_its_severity() -> None:
    text = (ROOT / "docs" / "mappings.md").read_text("utf-8")
    assert dict(
        re.findall(r"^\| \[`([a-z-]+)`\]\(problems.md#[a-z-]+\) \| (\w+) \|", text, re.MULTILINE)
    ) == {str(rule): str(severity) for rule, severity in RULES.items()}
    assert Severity.ERROR not in RULES.values()
