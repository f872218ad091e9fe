from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scimport.mappings.scim import ENTERPRISE_URN, load_user_schema
from scimport.mappings.tree import Branch, Items, Leaf, Node, Tree, is_template, merge

SCHEMA = load_user_schema()
Merge = Callable[..., Tree]


@pytest.fixture
def merged(load: Any) -> Merge:
    return lambda *texts: merge([load(text, f"m{index}") for index, text in enumerate(texts)], SCHEMA)


def plain(node: Node) -> Any:
    if isinstance(node, Branch):
        return {name: plain(child) for name, child in node.children.items()}
    return [plain(entry) for entry in node.entries] if isinstance(node, Items) else node.value


def at(node: Node, *path: str | int) -> Node:
    for key in path:
        if isinstance(node, Branch):
            node = node.children[str(key)]
        elif isinstance(node, Items) and isinstance(key, int):
            node = node.entries[key]
    return node


def place(node: Node) -> tuple[str, int | None]:
    return node.origin.file, node.origin.line


def test_one_file_is_what_it_says(merged: Merge) -> None:
    tree = merged(
        "user:\n  name:\n    givenName: '{{ First }}'\n  emails:\n  - value: x\n    primary: true\n"
    )
    assert plain(tree.user) == {
        "name": {"givenName": "{{ First }}"},
        "emails": [{"value": "x", "primary": True}],
    }
    assert tree.vars == {}
    assert tree.where is None
    assert tree.clear == ()


def test_a_derived_file_wins_leaf_by_leaf(merged: Merge) -> None:
    tree = merged(
        "user:\n  title: base\n  name:\n    givenName: base\n    familyName: base\n",
        "extends: m0\nuser:\n  name:\n    familyName: derived\n  nickName: derived\n",
    )
    assert plain(tree.user) == {
        "title": "base",
        "name": {"givenName": "base", "familyName": "derived"},
        "nickName": "derived",
    }
    assert place(at(tree.user, "title")) == ("mappings/m0.yml", 2)
    assert place(at(tree.user, "name", "givenName")) == ("mappings/m0.yml", 4)
    assert place(at(tree.user, "name", "familyName")) == ("mappings/m1.yml", 4)


def test_chains_are_merged_in_order(merged: Merge) -> None:
    tree = merged("user: {title: a, nickName: a}", "user: {title: b}", "user: {title: c, locale: c}")
    assert plain(tree.user) == {"title": "c", "nickName": "a", "locale": "c"}


def test_null_removes(merged: Merge) -> None:
    tree = merged(
        "user: {title: a, name: {givenName: a, familyName: a}}", "user: {title: , name: {givenName: }}"
    )
    assert plain(tree.user) == {"name": {"familyName": "a"}}


def test_null_in_a_base_is_nothing(merged: Merge) -> None:
    assert plain(merged("user: {title: , emails: [null, {value: x}]}").user) == {"emails": [{"value": "x"}]}


def test_what_was_removed_can_come_back(merged: Merge) -> None:
    tree = merged(
        "user: {name: {givenName: a, familyName: a}}", "user: {name: }", "user: {name: {givenName: c}}"
    )
    assert plain(tree.user) == {"name": {"givenName": "c"}}


def test_a_value_replaces_keys_and_keys_a_value(merged: Merge) -> None:
    assert plain(merged("user: {title: {a: 1}}", "user: {title: b}").user) == {"title": "b"}
    assert plain(merged("user: {title: a}", "user: {title: {b: 1}}").user) == {"title": {"b": 1}}
    assert plain(merged("user: {title: a}", "user: {title: [b]}").user) == {"title": ["b"]}


def test_the_alias_of_an_extension_is_its_urn(merged: Merge) -> None:
    base = f"user:\n  {ENTERPRISE_URN}:\n    department: a\n    division: a\n"
    tree = merged(base, "user: {enterprise: {department: b}}", "user: {enterprise: {division: }}")
    assert plain(tree.user) == {ENTERPRISE_URN: {"department": "b"}}


def test_an_alias_counts_at_the_top_only(merged: Merge) -> None:
    assert plain(merged("user: {name: {enterprise: a}}").user) == {"name": {"enterprise": "a"}}


def test_lists_replace_lists(merged: Merge) -> None:
    assert plain(merged("user: {roles: [a, b]}", "user: {roles: [c]}").user) == {"roles": ["c"]}


TYPED = """
user:
  phoneNumbers:
  - {type: work, value: base, primary: true}
  - {type: fax, value: base}
"""


def test_entries_of_a_type_are_merged(merged: Merge) -> None:
    derived = "user:\n  phoneNumbers:\n  - type: mobile\n    value: new\n  - type: fax\n    value: new\n"
    tree = merged(TYPED, derived)
    assert plain(tree.user)["phoneNumbers"] == [
        {"type": "work", "value": "base", "primary": True},
        {"type": "fax", "value": "new"},
        {"type": "mobile", "value": "new"},
    ]
    assert place(at(tree.user, "phoneNumbers", 0, "value")) == ("mappings/m0.yml", 4)
    assert place(at(tree.user, "phoneNumbers", 1, "value")) == ("mappings/m1.yml", 6)
    assert place(at(tree.user, "phoneNumbers", 2, "value")) == ("mappings/m1.yml", 4)


def test_an_entry_of_which_nothing_is_left_is_gone(merged: Merge) -> None:
    tree = merged(TYPED, "user: {phoneNumbers: [{type: work, value: }, {type: fax, value: b}]}")
    assert plain(tree.user)["phoneNumbers"] == [{"type": "fax", "value": "b"}]


@pytest.mark.parametrize(
    "derived",
    [
        "[{value: new}]",
        "[{type: '{{ Kind }}', value: new}]",
        "[{type: fax, value: new}, {type: fax, value: other}]",
        "[new]",
        "[]",
    ],
)
def test_entries_without_a_type_of_their_own_replace_the_list(merged: Merge, derived: str) -> None:
    tree = merged(TYPED, f"user: {{phoneNumbers: {derived}}}")
    assert "base" not in str(plain(tree.user))


def test_vars_are_merged_key_by_key(merged: Merge) -> None:
    tree = merged("vars: {a: 1, t: {x: 1, y: 1}, l: [1]}", "vars: {b: 2, t: {y: 2}, l: [2]}")
    assert tree.vars == {"a": 1, "b": 2, "t": {"x": 1, "y": 2}, "l": [2]}


def test_where_is_inherited_replaced_and_lifted(merged: Merge) -> None:
    base = "description: d\nwhere: A\n"
    inherited, replaced, lifted = merged(base, "{}"), merged(base, "where: B"), merged(base, "where: ")
    assert inherited.where is not None
    assert (inherited.where.value, place(inherited.where)) == ("A", ("mappings/m0.yml", 2))
    assert replaced.where is not None
    assert replaced.where.value == "B"
    assert lifted.where is None


def clear_of(tree: Tree) -> list[str]:
    return [leaf.value for leaf in tree.clear]


def test_clear_is_inherited_or_replaced(merged: Merge) -> None:
    base = "clear: [title]\nuser: {title: a}\n"
    assert clear_of(merged(base, "{}")) == ["title"]
    assert clear_of(merged(base, "clear: [nickName]")) == ["nickName"]
    assert clear_of(merged(base, "clear: []")) == []


@pytest.mark.parametrize(
    ("clear", "derived", "left"),
    [
        ("title", "{title: }", []),
        ("name.givenName", "{name: }", []),
        ("name.givenName", "{name: {familyName: }}", ["name.givenName"]),
        ("name", "{name: {givenName: }}", ["name"]),
        ("enterprise.department", f"{{{ENTERPRISE_URN}: }}", []),
        (f"{ENTERPRISE_URN}:department", "{enterprise: {department: }}", []),
        ("title", "{emails: [{value: }]}", ["title"]),
    ],
)
def test_what_is_removed_is_not_cleared(merged: Merge, clear: str, derived: str, left: list[str]) -> None:
    assert clear_of(merged(f"clear: ['{clear}']", f"user: {derived}")) == left


@pytest.mark.parametrize(
    ("value", "expected"),
    [("{{ a }}", True), ("{% if %}", True), ("{# c #}", True), ("a }}", False), ("{a}", False), (7, False)],
)
def test_what_is_a_template(value: object, expected: bool) -> None:
    assert is_template(value) is expected


def test_a_leaf_shows_no_document(merged: Merge) -> None:
    leaf = at(merged("user: {title: a}").user, "title")
    assert isinstance(leaf, Leaf)
    assert "document" not in repr(leaf)
