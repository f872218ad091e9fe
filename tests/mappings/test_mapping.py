from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.mappings import OUT_OF_SCOPE, Fault, UserValidator
from scimport.mappings.scim import CORE_URN, ENTERPRISE_URN

ACME = "urn:acme:2.0:User"
SCHEMAS = {
    "mappings/schemas/acme.json": {
        "id": ACME,
        "attributes": [
            {"name": "hireDate", "type": "dateTime"},
            {"name": "badge", "type": "integer"},
            {"name": "skills", "multiValued": True},
        ],
    }
}
PEOPLE = """
vars:
  domain: acme.example
  countries: {DE: Germany, NO: Norway}
where: row["Class"] != "Pensioner"
clear: [title, name.middleName, enterprise.manager]
user:
  active: '{{ Status in ["A", "L"] }}'
  userName: "{{ First | ascii | lower }}.{{ Last | ascii | lower }}@{{ vars.domain }}"
  externalId: "{{ Id }}"
  name:
    givenName: "{{ First | trim | pcase }}"
    middleName: "{{ Middle }}"
    familyName: "{{ Last | trim | pcase }}"
    formatted: "{{ First | trim | pcase }} {{ Middle }} {{ Last | trim | pcase }}"
  displayName: '{{ (Last ~ ", " ~ First) | pcase }}'
  title: '{{ row["Job Title"] }}'
  userType: Employee
  emails:
    - {type: work, primary: true, value: "{{ First | ascii | lower }}@{{ vars.domain }}"}
  phoneNumbers:
    - {type: work, value: "{{ Phone }}"}
    - {type: mobile, value: "{{ loop }}"}
    - {type: other, value: "112"}
  addresses:
    - type: work
      locality: "{{ City }}"
      country: "{{ vars.countries[Country] if Country }}"
      primary: "{{ City == 'Berlin' if City }}"
  enterprise:
    costCenter: '{{ row["Cost Center"] }}'
    manager: {value: "{{ Manager }}"}
  urn:acme:2.0:User:
    hireDate: "{{ Hired | date('%d.%m.%Y') }}"
    badge: "{{ Badge | int }}"
    skills: "{{ Skills | split(';') }}"
"""
COLUMNS = (
    *(
        "Badge",
        "City",
        "Class",
        "Cost Center",
        "Country",
        "First",
        "Hired",
        "Id",
        "Job Title",
        "Last",
        "Manager",
    ),
    *("Middle", "Phone", "Skills", "Status", "loop"),
)
ANN = {
    "Badge": "0042",
    "City": "Berlin",
    "Class": "Staff",
    "Cost Center": "4130",
    "Country": "DE",
    "First": "ANN",
    "Hired": "01.02.2026",
    "Id": "7",
    "Job Title": "Head of R & D",
    "Last": "O'BRIEN",
    "Manager": "1",
    "Middle": "Eve",
    "Phone": "+49 30 1",
    "Skills": "sql; python",
    "Status": "A",
    "loop": "+49 170 1",
}
ANN_AS_USER = {
    "schemas": [CORE_URN, ENTERPRISE_URN, ACME],
    "externalId": "7",
    "userName": "ann.o'brien@acme.example",
    "name": {
        "formatted": "Ann Eve O'Brien",
        "familyName": "O'Brien",
        "givenName": "Ann",
        "middleName": "Eve",
    },
    "displayName": "O'Brien, Ann",
    "title": "Head of R & D",
    "userType": "Employee",
    "active": True,
    "emails": [{"value": "ann@acme.example", "type": "work", "primary": True}],
    "phoneNumbers": [
        {"value": "+49 30 1", "type": "work"},
        {"value": "+49 170 1", "type": "mobile"},
        {"value": "112", "type": "other"},
    ],
    "addresses": [{"locality": "Berlin", "country": "Germany", "type": "work", "primary": True}],
    ENTERPRISE_URN: {"costCenter": "4130", "manager": {"value": "1"}},
    ACME: {"hireDate": "2026-02-01T00:00:00Z", "badge": 42, "skills": ["sql", "python"]},
}


def row(**changes: object) -> list[object]:
    values: dict[str, object] = ANN | {key.replace("_", " "): value for key, value in changes.items()}
    return [values[name] for name in COLUMNS]


@pytest.fixture(scope="module")
def people(make: Any) -> Any:
    return make(PEOPLE, columns=[*COLUMNS, "Unused"], schemas=SCHEMAS)


def test_a_row_becomes_a_user(people: Any) -> None:
    assert people.columns == COLUMNS
    (user,) = people.users([row()])
    assert user == ANN_AS_USER


def test_equal_users_have_equal_bytes(people: Any, make: Any) -> None:
    lines = PEOPLE.split("user:\n")[1]
    other = PEOPLE.split("user:\n", maxsplit=1)[0] + "user:\n" + "\n".join(reversed(_blocks(lines))) + "\n"
    (user,), (same,) = people.users([row()]), make(other, schemas=SCHEMAS).users([row()])
    assert orjson.dumps(user) == orjson.dumps(same) == orjson.dumps(ANN_AS_USER)


def _blocks(lines: str) -> list[str]:
    blocks: list[str] = []
    for line in lines.splitlines():
        if line.startswith("   "):
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return blocks


def test_users_satisfy_the_schema(people: Any) -> None:
    validator = UserValidator(people.schema, nullable=people.clear)
    for user in people.users([row(), blank(), row(Manager=None, Job_Title="", Middle=None)]):
        assert validator.is_valid(user), validator.explain(user)


def blank(value: object = "") -> list[object]:
    needed = dict.fromkeys(ANN, value) | {"Id": "7", "First": "Ann", "Status": "A"}
    return [needed[name] for name in COLUMNS]


@pytest.mark.parametrize("value", ["", None])
def test_what_is_blank_is_left_out_or_cleared(people: Any, value: object) -> None:
    (user,) = people.users([blank(value)])
    assert user == {
        "schemas": [CORE_URN, ENTERPRISE_URN],
        "externalId": "7",
        "userName": "ann.@acme.example",
        "name": {"formatted": "Ann", "givenName": "Ann", "middleName": None},
        "displayName": ", Ann",
        "title": None,
        "userType": "Employee",
        "active": True,
        "emails": [{"value": "ann@acme.example", "type": "work", "primary": True}],
        "phoneNumbers": [{"value": "112", "type": "other"}],
        ENTERPRISE_URN: {"manager": None},
    }


def test_values_of_a_database_keep_their_meaning(people: Any) -> None:
    values = row(Id=7, Badge=Decimal(42), Hired=date(2026, 2, 1), Phone=4930, Manager=1, Skills=None)
    (user,) = people.users([tuple(values)])
    assert (user["externalId"], user["phoneNumbers"][0]["value"]) == ("7", "4930")
    assert user[ENTERPRISE_URN]["manager"] == {"value": "1"}
    assert user[ACME] == {"hireDate": "2026-02-01T00:00:00Z", "badge": 42}


def test_rows_out_of_scope_are_not_evaluated(people: Any) -> None:
    users = people.users([row(Class="Pensioner", Badge="x", Hired="x", Id=""), row()])
    assert users == [OUT_OF_SCOPE, ANN_AS_USER]


BAD = {"Badge": "forty-two"}


@pytest.mark.parametrize("bad", [[0], [4], [0, 1], [1, 2], [3, 4], [0, 4], [0, 1, 2, 3, 4], [0, 2, 4], []])
def test_an_error_touches_no_other_row(people: Any, bad: list[int]) -> None:
    rows = [row(Id=str(index), **(BAD if index in bad else {})) for index in range(5)]
    users = people.users(rows)
    assert [index for index, user in enumerate(users) if isinstance(user, Fault)] == bad
    assert [user["externalId"] for user in users if isinstance(user, dict)] == [
        str(index) for index in range(5) if index not in bad
    ]


def problems_of(mapping: Any, values: list[object]) -> Any:
    (fault,) = mapping.users([values])
    assert isinstance(fault, Fault)
    return fault.problems


def test_a_fault_names_each_expression_that_failed(people: Any) -> None:
    first, second = problems_of(people, row(Badge="secret-4711", Country="Secretland"))
    assert (first.code, first.field, first.file, first.line) == (
        *(Code.EXPRESSION_FAILED, "addresses[0].country"),
        *("mappings/m0.yml", 28),
    )
    assert (second.field, second.line) == (f"{ACME}:badge", 35)
    assert second.message == f"{ACME}:badge cannot be made by {{{{ Badge | int }}}}: it is not a whole number"
    for problem in (first, second):
        assert problem.hint
        assert not problem.key
        assert "ecret" not in problem.message + problem.hint


@pytest.mark.parametrize(
    ("expression", "value", "reason"),
    [
        ("A | int", "secret", "it is not a whole number"),
        ("A + 'x'", None, "a value has the wrong type for it"),
        ("{'a': 1}[A]", "secret", "a key or a method that it uses is not there"),
        ("A.nothing", "secret", "a key or a method that it uses is not there"),
        ("1 / A", 0, "it divides by zero"),
        ("A * 1000000", "secret", "it does what is not allowed here"),
        ("A.index('y')", "secret", "a value does not suit it"),
        ("[A]", "secret", "it gives a list where a text is needed"),
        ("A == 'x'", "secret", "it gives true or false where a text is needed"),
        ("A", b"secret", "it gives binary data where a text is needed"),
        ("A", object(), "it gives a object where a text is needed"),
        ("A.as_tuple(1)", Decimal(1), "a value has the wrong type for it"),
        ("A // 0.0", Decimal(1), "a value has the wrong type for it"),
        ("A // 0", Decimal(1), "it divides by zero"),
        ("A ** 99 ** 1", Decimal("1E+99999"), "it does what is not allowed here"),
        ("A.encode('ascii')", "sécret", "a value does not suit it"),
    ],
)
def test_reasons_hold_no_value(make: Any, expression: str, value: object, reason: str) -> None:
    mapping = make(NEEDED + f'  title: "{{{{ {expression} }}}}"\n', columns=["A"])
    (problem,) = problems_of(mapping, [value])
    assert problem.message == f"title cannot be made by {{{{ {expression} }}}}: {reason}"
    assert len(problem.value) <= 200


NEEDED = "user:\n  externalId: '7'\n  userName: ann\n  active: true\n"


def test_long_expressions_are_cut(make: Any) -> None:
    long = "{{ A | int" + " | int" * 30 + " }}"
    (problem,) = problems_of(make(NEEDED + f"  title: '{long}'\n"), ["x"])
    assert "..." in problem.message
    assert len(problem.message) < 200


@pytest.mark.parametrize(
    ("column", "field"), [("Id", "externalId"), ("Status", "active"), ("Name", "userName")]
)
@pytest.mark.parametrize("value", ["", None])
def test_what_every_user_needs_is_never_left_out(make: Any, column: str, field: str, value: object) -> None:
    mapping = make(
        "user:\n  externalId: '{{ Id }}'\n  userName: '{{ Name }}'\n"
        "  active: '{{ Status | bool(\"A\", \"T\") }}'\n  title: '{{ Title }}'\n"
    )
    values: dict[str, object] = {"Id": "7", "Name": "ann", "Status": "T", "Title": "x"}
    (problem,) = problems_of(mapping, [(values | {column: value})[name] for name in mapping.columns])
    assert (problem.code, problem.field) == (Code.REQUIRED_ATTRIBUTE, field)
    assert problem.message.startswith(f"{field} is blank: {{{{ {column}")
    assert problem.hint
    (user,) = mapping.users([[values[name] for name in mapping.columns]])
    assert user["active"] is False


def test_active_is_no_text(make: Any) -> None:
    mapping = make("user: {externalId: '7', userName: ann, active: '{{ A }}'}")
    (problem,) = problems_of(mapping, ["false"])
    assert (problem.code, problem.field) == (Code.EXPRESSION_FAILED, "active")
    assert [user["active"] for user in mapping.users([[0], [1], [False], [True]])] == [
        False,
        True,
        False,
        True,
    ]


def test_an_error_of_where_is_the_only_one(make: Any) -> None:
    mapping = make("where: Grade | int > 3\n" + NEEDED + "  title: '{{ Grade | date }}'\n")
    (problem,) = problems_of(mapping, ["x"])
    assert (problem.field, problem.file, problem.line) == ("where", "mappings/m0.yml", 1)
    assert "Grade | int > 3" in problem.message


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("A == 'x'", [True, False, False]),
        ("A", [True, False, True]),
        ("true", [True] * 3),
        ("false", [False] * 3),
    ],
)
def test_where_is_any_expression(make: Any, where: str, expected: list[bool]) -> None:
    mapping = make(f'where: "{where}"\n' + NEEDED + "  title: '{{ A }}'\n")
    users = mapping.users([["x"], [""], ["y"]])
    assert [user is not OUT_OF_SCOPE for user in users] == expected
    assert [mapping.explain([value]).in_scope for value in ("x", "", "y")] == expected


def test_a_mapping_without_columns(make: Any) -> None:
    mapping = make(NEEDED)
    assert mapping.columns == ()
    assert [user["externalId"] for user in mapping.users([(), []])] == ["7", "7"]


def test_no_rows_give_no_users(people: Any) -> None:
    assert people.users([]) == []


@pytest.mark.parametrize("values", [["a"], ["a", "b", "c"]])
def test_a_row_of_another_length_is_an_error_of_the_caller(make: Any, values: list[object]) -> None:
    mapping = make(NEEDED + "  title: '{{ A }}{{ B }}'\n")
    with pytest.raises(ValueError, match="zip"):
        mapping.users([["a", "b"], values])


def test_users_share_nothing(make: Any) -> None:
    mapping = make(
        "vars: {skills: [sql]}\n" + NEEDED + f"  {ACME}: {{skills: '{{{{ vars.skills }}}}'}}\n"
        "  emails: [{value: a@acme.example}]\n",
        schemas=SCHEMAS,
    )
    first, second = mapping.users([(), ()])
    first[ACME]["skills"].append("x")
    first["schemas"].append("x")
    first["emails"][0]["value"] = "x"
    assert second["schemas"] == [CORE_URN, ENTERPRISE_URN, ACME]
    assert second[ACME] == {"skills": ["sql"]}
    assert second["emails"] == [{"value": "a@acme.example"}]
    assert mapping.users([()]) == [second]


def test_chains_make_one_mapping(make: Any) -> None:
    mapping = make(
        "vars: {domain: base.example}\n"
        "user:\n  externalId: '{{ Id }}'\n  active: true\n  title: '{{ T | int }}'\n"
        "  phoneNumbers:\n  - {type: work, value: '{{ P }}'}\n  - {type: fax, value: '{{ F }}'}\n",
        "user:\n  userName: '{{ Id }}@{{ vars.domain }}'\n  title: null\n",
        "vars: {domain: acme.example}\nuser:\n  phoneNumbers:\n  - {type: fax, value: null}\n"
        "  - {type: mobile, value: '{{ M | int }}'}\n",
        columns=["F", "Id", "M", "P", "T"],
    )
    assert mapping.columns == ("Id", "M", "P")
    users = mapping.users([["7", "1", "2"], ["8", "x", "2"]])
    assert users[0]["userName"] == "7@acme.example"
    assert users[0]["phoneNumbers"] == [{"value": "2", "type": "work"}, {"value": "1", "type": "mobile"}]
    assert "title" not in users[0]
    (problem,) = users[1].problems
    assert (problem.file, problem.line, problem.field) == ("mappings/m2.yml", 5, "phoneNumbers[1].value")


def test_a_row_is_explained_leaf_by_leaf(people: Any) -> None:
    found = people.explain(row(Badge="x", Middle=""))
    values = {item.leaf.path: item.value for item in found.leaves}
    assert found.in_scope is True
    assert values["userName"] == "ann.o'brien@acme.example"
    assert values["name.middleName"] is None
    assert values["emails[0].type"] == "work"
    assert values[f"{ACME}:skills"] == ["sql", "python"]
    (failed,) = (item for item in found.leaves if item.problem is not None)
    assert (failed.leaf.path, failed.value) == (f"{ACME}:badge", None)
    assert found.problems == (failed.problem,)
    assert [item.leaf for item in found.leaves] == list(people.leaves)


def test_a_row_out_of_scope_is_explained_too(people: Any) -> None:
    found = people.explain(row(Class="Pensioner"))
    assert found.in_scope is False
    assert len(found.leaves) == len(people.leaves)


def test_an_explanation_shows_no_value(people: Any) -> None:
    assert "O'B" not in repr(people.explain(row()))


def test_threads_share_a_mapping(people: Any) -> None:
    results: list[Any] = []
    rows = [row(Id=str(index), **(BAD if index % 7 == 0 else {})) for index in range(50)]
    threads = [threading.Thread(target=lambda: results.append(people.users(rows))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results)
    assert len(results) == 4


Values = Mapping[str, Any]


def reference(node: Any, path: str, values: Values, clear: tuple[str, ...]) -> Any:
    """What the rules of the documentation say, without any of what makes it fast."""
    if isinstance(node, dict):
        found = {
            name: value
            for name, child in node.items()
            if (value := reference(child, _below(path, name), values, clear)) is not None
            or _below(path, name) in clear
        }
        return found or None
    if isinstance(node, list):
        entries = [
            reference(entry, f"{path}[{index}]", values, clear)
            for index, entry in enumerate(node)
            if not (leaves := list(_templates(entry, f"{path}[{index}]")))
            or any(values[leaf] is not None for leaf in leaves)
        ]
        return entries or None
    return values.get(path)


def _below(path: str, name: str) -> str:
    name = {ENTERPRISE_URN: "enterprise"}.get(name, name)
    if not path:
        return name
    return f"{path}:{name}" if path.startswith("urn:") and path == ACME else f"{path}.{name}"


def _templates(node: Any, path: str) -> Any:
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _templates(child, _below(path, name))
    elif isinstance(node, str) and "{{" in node:
        yield path


CELLS = st.one_of(
    st.just(""),
    st.none(),
    st.sampled_from(list(ANN.values())),
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
    st.floats(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.decimals(),
    st.binary(max_size=4),
)
LIKELY = st.fixed_dictionaries({name: st.one_of(st.just(value), CELLS) for name, value in ANN.items()})


@settings(max_examples=150, deadline=None)
@given(st.lists(LIKELY, min_size=1, max_size=4))
def test_a_chunk_gives_what_its_leaves_give(
    people: Any, load: Callable[..., Any], rows: list[dict[str, Any]]
) -> None:
    tree = load(PEOPLE).config.user
    tree[ENTERPRISE_URN] = tree.pop("enterprise")
    clear = people.clear
    users = people.users([[values[name] for name in COLUMNS] for values in rows])
    for values, user in zip(rows, users, strict=True):
        found = people.explain([values[name] for name in COLUMNS])
        if isinstance(user, Fault):
            assert user.problems == (found.problems if found.in_scope else found.problems[:1])
            assert user.problems
        elif user is OUT_OF_SCOPE:
            assert found.in_scope is False
        else:
            expected = reference(tree, "", {item.leaf.path: item.value for item in found.leaves}, clear)
            expected["schemas"] = [CORE_URN, ENTERPRISE_URN, *([ACME] if ACME in expected else [])]
            assert user == expected
            assert orjson.dumps(user)
            assert list(user) == [name for name in ANN_AS_USER if name in user]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_no_text_in_a_cell_raises(people: Any, values: list[str]) -> None:
    (user,) = people.users([values])
    assert isinstance(user, dict | Fault)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5, unique=True).map(sorted),
    st.lists(st.text(max_size=5), min_size=5, max_size=5),
)
def test_columns_have_any_name(make: Any, names: list[str], cells: list[str]) -> None:
    title = " ".join(f"{{{{ row[{_quoted(name)}] | text }}}}" for name in names)
    mapping = make(NEEDED + f"  title: {json.dumps(title)}\n", columns=names)
    assert mapping.columns == tuple(names)
    (user,) = mapping.users([cells[: len(names)]])
    words = [cell for cell in cells[: len(names)] if cell]
    assert user.get("title", "").split() == " ".join(words).split()


def _quoted(text: str) -> str:
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{escaped}"'


def test_a_time_of_the_run_is_the_same_for_all(make: Any, now: datetime) -> None:
    mapping = make(NEEDED + "  title: '{{ now }}{{ A }}'\n")
    first, second = mapping.users([[""], [""]])
    assert first["title"] == second["title"] == now.isoformat().replace("+00:00", "Z")
