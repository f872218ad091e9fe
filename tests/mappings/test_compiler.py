from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scimport.codes import Code
from scimport.mappings.scim import ENTERPRISE_URN

ACME = "urn:acme:2.0:User"
SCHEMAS = {
    "mappings/schemas/acme.json": {
        "id": ACME,
        "attributes": [
            {"name": "badge", "type": "integer"},
            {"name": "share", "type": "decimal"},
            {"name": "start", "type": "dateTime"},
            {"name": "key", "type": "binary"},
            {"name": "skills", "multiValued": True},
        ],
    }
}
NEEDED = "user:\n  externalId: '{{ Id }}'\n  userName: '{{ Id }}'\n  active: true\n"


def test_all_problems_come_at_once_in_the_order_of_the_file(wrong: Any) -> None:
    problems = wrong(
        "vars: {a: '{{ b }}'}\nwhere: Statsu == 'A'\nclear: [titel]\n"
        "user:\n  externalId: '{{ Id | uper }}'\n"
        "  userName: '{{ Id'\n  active: 'yes'\n  nick: a\n"
        "  emails:\n  - value: '{{ Mail }}'\n  title: {a: b}\n",
        columns=["Id", "Status", "Email"],
    )
    assert [(problem.code, problem.line, problem.field) for problem in problems] == [
        (Code.BAD_VALUE, 1, "vars.a"),
        (Code.UNKNOWN_COLUMN, 2, "where"),
        (Code.UNKNOWN_ATTRIBUTE, 3, "titel"),
        (Code.UNKNOWN_FILTER, 5, "externalId"),
        (Code.TEMPLATE_SYNTAX, 6, "userName"),
        (Code.WRONG_TYPE, 7, "active"),
        (Code.UNKNOWN_ATTRIBUTE, 8, "nick"),
        (Code.UNKNOWN_COLUMN, 10, "emails[0].value"),
        (Code.SIMPLE_ATTRIBUTE, 11, "title"),
    ]
    assert {problem.file for problem in problems} == {"mappings/m0.yml"}
    assert all(problem.hint for problem in problems if problem.line != 6)


def test_a_problem_is_where_it_was_written(wrong: Any) -> None:
    base = NEEDED + "  title: '{{ Titel }}'\n"
    (problem,) = wrong(base, "user: {nickName: a}", columns=["Id", "Title"])
    assert (problem.file, problem.line, problem.field) == ("mappings/m0.yml", 5, "title")
    assert problem.hint == "Did you mean 'Title'?"
    (problem,) = wrong(NEEDED, "user:\n  title: '{{ Titel }}'\n", columns=["Id", "Title"])
    assert (problem.file, problem.line) == ("mappings/m1.yml", 2)


def test_what_a_derived_file_removes_is_not_looked_at(make: Any) -> None:
    make(NEEDED + "  title: '{{ Titel }}'\n", "user: {title: }", columns=["Id"])


def test_a_mistake_in_a_block_has_the_line_of_the_block(wrong: Any) -> None:
    (problem,) = wrong(NEEDED + "  title: |\n    {{ Id }}\n    {{ Titel }}\n", columns=["Id"])
    assert problem.line == 7
    (problem,) = wrong(NEEDED + "  title: >-\n    {{ Id }}\n    {{ Titel }}\n", columns=["Id"])
    assert problem.line == 5


@pytest.mark.parametrize(
    ("user", "code", "message"),
    [
        ("  active: 'true'\n", Code.WRONG_TYPE, "active takes true or false"),
        ("  active: '{{ A }}x'\n", Code.WRONG_TYPE, "active takes true or false, and text around"),
        ("  active: '{{ A ~ B }}'\n", Code.WRONG_TYPE, "text around an expression makes a text"),
        ("  title: true\n", Code.WRONG_TYPE, "title takes a text"),
        (f"  {ACME}: {{badge: 1.5}}\n", Code.WRONG_TYPE, "badge takes an integer"),
        (f"  {ACME}: {{badge: '1'}}\n", Code.WRONG_TYPE, "badge takes an integer"),
        (f"  {ACME}: {{badge: '{{{{ A }}}} '}}\n", None, ""),
        (
            f"  {ACME}: {{badge: '{{{{ A }}}}1'}}\n",
            Code.WRONG_TYPE,
            "badge takes an integer, and text around",
        ),
        (f"  {ACME}: {{share: '1'}}\n", Code.WRONG_TYPE, "share takes a number"),
        (f"  {ACME}: {{start: soon}}\n", Code.WRONG_TYPE, "start takes a date and time"),
        (f"  {ACME}: {{start: 2026-02-30}}\n", Code.WRONG_TYPE, "start takes a date and time"),
        (f"  {ACME}: {{start: '2026-02-03T08:00'}}\n", Code.WRONG_TYPE, "start takes a date and time"),
        (f"  {ACME}: {{start: 7}}\n", Code.WRONG_TYPE, "start takes a date and time"),
        (f"  {ACME}: {{start: 2026-02-03}}\n", None, ""),
        (f"  {ACME}: {{start: '2026-02-03T08:00:00+01:00'}}\n", None, ""),
        (
            f"  {ACME}: {{skills: '{{{{ A }}}},{{{{ B }}}}'}}\n",
            Code.LIST_EXPECTED,
            "skills takes a list, and text",
        ),
        (f"  {ACME}: {{skills: '{{{{ A }}}}'}}\n", None, ""),
        ("  externalId: '{{ vars.none }}'\n", Code.REQUIRED_ATTRIBUTE, "externalId is blank"),
    ],
)
def test_values_that_do_not_suit(make: Any, wrong: Any, user: str, code: Code | None, message: str) -> None:
    text = f"vars: {{none: }}\nuser:\n{user}"
    if code is None:
        make(NEEDED, text, schemas=SCHEMAS)
        return
    (problem,) = wrong(NEEDED, text, schemas=SCHEMAS)
    assert problem.code == code
    assert message in problem.message
    assert (problem.file, problem.line) == ("mappings/m1.yml", 3)
    assert problem.hint


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("titel", Code.UNKNOWN_ATTRIBUTE, "SCIM has no attribute titel"),
        ("", Code.UNKNOWN_ATTRIBUTE, "SCIM has no attribute"),
        ("emails", Code.SINGLE_EXPECTED, "emails belongs to a list"),
        ("emails.value", Code.SINGLE_EXPECTED, "emails.value belongs to a list"),
        ('emails[type eq "work"].value', Code.SINGLE_EXPECTED, "emails.value belongs to a list"),
        ("active", Code.BAD_VALUE, "active cannot be cleared"),
        ("enterprise", Code.BAD_VALUE, "enterprise cannot be cleared"),
        ("id", Code.BAD_VALUE, "id cannot be cleared"),
        ("title", Code.BAD_VALUE, "'clear' names title, which 'user' does not set"),
        ("name.familyName", Code.BAD_VALUE, "'clear' names name.familyName, which 'user' does not set"),
    ],
)
def test_what_cannot_be_cleared(wrong: Any, path: str, code: Code, message: str) -> None:
    text = f"clear: ['{path}']\n{NEEDED}  name: {{givenName: '{{{{ A }}}}'}}\n"
    if not path:
        text = text.replace("''", "'.'")
    (problem,) = wrong(text)
    assert problem.code == code
    assert message in problem.message
    assert problem.line == 1


def test_schema_files_are_checked(wrong: Any) -> None:
    (problem, *_) = wrong(
        NEEDED, schemas={"mappings/schemas/x.json": {"id": "x", "attributes": [{"name": "a"}]}}
    )
    assert problem.code == Code.BAD_SCHEMA


def leaves(mapping: Any) -> list[tuple[Any, ...]]:
    return [(leaf.path, leaf.expression, leaf.columns, leaf.file[-6:], leaf.line) for leaf in mapping.leaves]


def test_leaves_say_where_each_attribute_comes_from(make: Any) -> None:
    mapping = make(
        NEEDED + "  enterprise: {department: '{{ B ~ A }}'}\n",
        "user:\n  title: x\n  emails:\n  - type: work\n    value: '{{ row[\"My Mail\"] | lower }}'\n",
    )
    assert leaves(mapping) == [
        ("externalId", "{{ Id }}", ("Id",), "m0.yml", 2),
        ("userName", "{{ Id }}", ("Id",), "m0.yml", 3),
        ("title", "x", (), "m1.yml", 2),
        ("active", "True", (), "m0.yml", 4),
        ("emails[0].value", '{{ row["My Mail"] | lower }}', ("My Mail",), "m1.yml", 5),
        ("emails[0].type", "work", (), "m1.yml", 4),
        ("enterprise.department", "{{ B ~ A }}", ("A", "B"), "m0.yml", 5),
    ]
    assert [leaf.path for leaf in mapping.leaves if leaf.is_constant] == ["title", "active", "emails[0].type"]
    assert mapping.columns == ("A", "B", "Id", "My Mail")


BASE = """
description: d
vars: {a: x, b: y, t: {p: 1}}
where: Class != "x"
clear: [title]
user:
  externalId: "{{ Id }}"
  userName: "{{ Id }}@{{ vars.a }}"
  active: true
  title: "{{ Title }}"
  name: {givenName: "{{ First }}", familyName: "{{ Last }}"}
"""


def test_a_fingerprint_is_16_bytes_and_repeats(make: Any) -> None:
    assert len(make(BASE).fingerprint) == 16
    assert make(BASE).fingerprint == make(BASE).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: d", "description: other"),
        ("user:", "# comment\n\nuser:"),
        ("{a: x, b: y, t: {p: 1}}", "{b: y, a: x, t: {p: 1}}"),
        ("b: y", "b: z"),
        ("{p: 1}", "{p: 2}"),
        ("vars: {a", "vars: {new: 1, a"),
        (
            '{givenName: "{{ First }}", familyName: "{{ Last }}"}',
            '{familyName: "{{ Last }}", givenName: "{{ First }}"}',
        ),
        ('  externalId: "{{ Id }}"\n', ""),
        ('"{{ Title }}"', "'{{ Title }}'"),
        ('where: Class != "x"', "where: 'Class != \"x\"'"),
        ("  active: true\n", "  active: true\n  nickName:\n"),
    ],
)
def test_a_fingerprint_stays_when_no_result_changes(make: Any, old: str, new: str) -> None:
    assert old in BASE
    changed = BASE.replace(old, new)
    if "externalId" not in changed:
        changed += old
    assert make(changed).fingerprint == make(BASE).fingerprint


def test_a_fingerprint_does_not_tell_how_files_are_split(make: Any) -> None:
    derived = make(BASE.replace("true", "false"), "user: {active: true}")
    assert derived.fingerprint == make(BASE).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{{ First }}", "{{ First | lower }}"),
        ("{{ First }}", "{{ row['First Name'] }}"),
        ("active: true", "active: false"),
        ("active: true", "active: '{{ true if Id }}'"),
        ("a: x", "a: z"),
        ('"x"', '"y"'),
        ('where: Class != "x"', ""),
        ("clear: [title]", ""),
        ("clear: [title]", "clear: [name]"),
        ("clear: [title]", "clear: [title, name.givenName]"),
        ("  active: true", "  active: true\n  nickName: x"),
        ("familyName", "middleName"),
        ('title: "{{ Title }}"', "title: Title"),
    ],
)
def test_a_fingerprint_changes_when_a_result_could(make: Any, old: str, new: str) -> None:
    assert old in BASE
    assert make(BASE.replace(old, new)).fingerprint != make(BASE).fingerprint


def test_a_fingerprint_knows_the_schema(make: Any) -> None:
    user = NEEDED + f"  {ACME}: {{start: '{{{{ A }}}}'}}\n"
    other = {"mappings/schemas/other.json": {"id": ACME, "attributes": [{"name": "start"}]}}
    assert make(user, schemas=SCHEMAS).fingerprint != make(user, schemas=other).fingerprint
    (attributes,) = (dict(item) for item in SCHEMAS.values())
    told = {"other.json": {**attributes, "name": "Acme", "description": "other"}}
    assert make(user, schemas=SCHEMAS).fingerprint == make(user, schemas=told).fingerprint


def test_a_fingerprint_does_not_know_the_order_of_the_source(make: Any) -> None:
    columns = ["Id", "Title", "First", "Last", "Class"]
    assert (
        make(BASE, columns=columns).fingerprint == make(BASE, columns=[*columns[::-1], "Other"]).fingerprint
    )


@pytest.mark.parametrize(
    ("expression", "uses", "next_hour", "next_day"),
    [
        ("{{ Id }}", False, True, True),
        ("{{ today }}", True, True, False),
        ("{{ Id if today.year > 2000 }}", True, True, False),
        ("{{ now }}", True, False, False),
        ("{{ row['now'] }}{{ row['today'] }}", False, True, True),
    ],
)
def test_time_is_in_the_fingerprint_when_it_is_used(
    make: Any, now: datetime, expression: str, uses: bool, next_hour: bool, next_day: bool
) -> None:
    def mapping(at: datetime) -> Any:
        return make(NEEDED + f'  title: "{expression}"\n', at=at)

    morning = now.replace(hour=3)
    assert mapping(morning).uses_time is uses
    assert (mapping(morning).fingerprint == mapping(morning + timedelta(hours=1)).fingerprint) is next_hour
    assert (mapping(morning).fingerprint == mapping(morning + timedelta(days=1)).fingerprint) is next_day


def test_time_in_where_counts(make: Any) -> None:
    assert make("where: today.year > 2000\n" + NEEDED).uses_time


def test_clear_comes_as_paths_for_the_schema(make: Any) -> None:
    mapping = make(
        f"clear: [title, '{ENTERPRISE_URN}:department', title]\n"
        + NEEDED
        + "  title: '{{ T }}'\n  enterprise: {department: '{{ D }}'}\n"
    )
    assert mapping.clear == ("title", "enterprise.department")


def test_now_has_its_zone(make: Any) -> None:
    mapping = make(
        NEEDED + "  title: '{{ now }}'\n  nickName: '{{ today }}'\n", at=datetime(2026, 1, 2, 3, tzinfo=UTC)
    )
    (user,) = mapping.users([["7"]])
    assert (user["title"], user["nickName"]) == ("2026-01-02T03:00:00Z", "2026-01-02")
