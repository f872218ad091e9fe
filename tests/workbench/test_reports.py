from __future__ import annotations

from scimport.codes import Code
from scimport.model import Problem, Severity
from scimport.workbench.reports import github, sarif

PROBLEMS = [
    Problem(
        Code.UNKNOWN_COLUMN,
        "no column A,\nB: 100%",
        hint="Look.",
        file="mappings/a,b.yml",
        line=3,
        field="title",
    ),
    Problem(Code.UNUSED_VAR, "unused", severity=Severity.NOTE, file="mappings/a.yml"),
    Problem(Code.SOURCE_NOT_FOUND, "gone", severity=Severity.WARNING, file="https://host.example/a.csv"),
]


def test_annotations_of_github_escape_what_has_a_meaning() -> None:
    assert github(PROBLEMS).splitlines() == [
        (
            "::error file=mappings/a%2Cb.yml,line=3,title=scimport unknown-column"
            "::title: no column A,%0AB: 100%25 Look."
        ),
        "::notice file=mappings/a.yml,title=scimport unused-var::unused",
        "::warning file=https%3A//host.example/a.csv,title=scimport source-not-found::gone",
    ]
    assert github([]) == ""


def test_sarif_has_rules_levels_and_places() -> None:
    (run,) = sarif(PROBLEMS)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["source-not-found", "unknown-column", "unused-var"]
    assert [(one["level"], rules[one["ruleIndex"]] == one["ruleId"]) for one in run["results"]] == [
        ("error", True),
        ("note", True),
        ("warning", True),
    ]
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "mappings/a,b.yml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3},
            }
        }
    ]
    assert "locations" not in run["results"][2]
