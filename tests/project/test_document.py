from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.document import Document, dotted, load_document, parse_document


def parse(text: str) -> Document:
    return parse_document(text, Path("x.yml"), "x.yml")


def problem_of(text: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.file == "x.yml"
    return problem


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("98101", 98101),
        ("1.50", 1.5),
        ("2.0e3", 2000.0),
        ("yes", "yes"),
        ("NO", "NO"),
        ("off", "off"),
        ("00123", "00123"),
        ("+4930123", "+4930123"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        (".5", ".5"),
        (".inf", ".inf"),
        ("8:30", "8:30"),
        ("2026-02-01", "2026-02-01"),
        ("2026-02-01 10:00:00", "2026-02-01 10:00:00"),
        ("=", "="),
        ("<<", "<<"),
        ("1.2.3", "1.2.3"),
        ("9" * 101, "9" * 101),
        ("1.0e999", "1.0e999"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
    ],
)
def test_a_value_is_what_it_looks_like(written: str, value: object) -> None:
    data = parse(f"a: {written}\n").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert parse("no: 1\n01: 2\n2026-01-01: 3\ntrue: 4\n~: 5\n").data == {
        "no": 1,
        "01": 2,
        "2026-01-01": 3,
        "true": 4,
        "~": 5,
    }


@pytest.mark.parametrize(
    "written",
    ["!!int abc", "!!bool maybe", "!!float x", "!!timestamp 2026-01-01", "!!binary aGk=", "!secret x"],
)
def test_a_tag_that_does_not_fit_is_refused(written: str) -> None:
    problem = problem_of(f"b: 1\na: {written}\n")
    assert (problem.code, problem.line) == (Code.YAML_SYNTAX, 2)


@pytest.mark.parametrize("written", ["!!set {x}", "!!omap [x: 1]", "!!python/object/apply:os.system [id]"])
def test_collections_of_other_types_are_refused(written: str) -> None:
    assert problem_of(f"a: {written}\n").line == 1


def test_lines_of_keys_and_items() -> None:
    document = parse(
        "# people\nuser:\n  emails:\n    - type: work\n      value: x\n"
        "    -\n      type: home\nclear: [a, b]\n"
    )
    assert document.line(("user",)) == 2
    assert document.line(("user", "emails", 0)) == 4
    assert document.line(("user", "emails", 0, "value")) == 5
    assert document.line(("user", "emails", 1, "type")) == 7
    assert document.line(("clear", 1)) == 8


def test_the_line_of_what_is_absent_is_that_of_the_nearest_key_above() -> None:
    document = parse("a: 1\nuser:\n  name:\n    x: 1\n")
    assert document.line(("user", "name", "familyName", "deeper")) == 3
    assert document.line(("unheard of",)) == 1
    assert Document(Path("x"), "x", {}).line(("a",)) is None


def test_a_path_is_written_as_people_do() -> None:
    assert dotted(("user", "emails", 0, "value")) == "user.emails[0].value"
    assert dotted(()) == ""


def test_anchors_and_merge_keys() -> None:
    document = parse(
        "base: &base {a: 1, b: 2}\nother: &other\n  b: 3\n  c: 4\n"
        "both:\n  <<: [*base, *other]\n  a: 9\nsame: *base\n"
    )
    assert document.data["both"] == {"a": 9, "b": 2, "c": 4}
    assert document.data["same"] == document.data["base"]
    assert document.line(("both", "a")) == 7
    assert document.line(("both", "c")) == 4


def test_an_alias_is_a_copy() -> None:
    data = parse("a: &a [1]\nb: *a\n").data
    assert data["a"] is not data["b"]


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "a: {x: 1}\nb: 1\n'a': 2"])
def test_duplicate_keys_are_refused_with_both_lines(text: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.line, problem.field) == (Code.YAML_SYNTAX, 3, "a")
    assert "first on line 1" in problem.message


def test_all_duplicate_keys_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a:\n  x: 1\n  x: 2\nb: 1\nb: 2\n")
    assert [problem.line for problem in caught.value.problems] == [3, 5]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("a: 1\nuserName: {{ mail }}\n", 2, '"{{ ... }}"'),
        ("a: 1\nuserName: {{ mail }}@x\n", 2, '"{{ ... }}"'),
        ('emails:\n  - {{ row["x"] }}\n', 2, '"{{ ... }}"'),
        ("a: {% if x %}1{% endif %}\n", 1, '"{{ ... }}"'),
        ("a:\n\tb: 1\n", 2, "spaces"),
        ("a: one: two\n", 1, "quotes"),
        ("a: @b\n", 1, "quotes"),
        ("a: *b\n", 1, "quotes"),
        ("a: 1\nb: [1, 2\n", 2, ""),
        ("a: 1\n  b: 2\n", 2, ""),
        ("? [a]\n: b\n", 1, ""),
        ("a: 1\n---\nb: 2\n", 2, ""),
        ("ä: ö\na: \x07\n", 2, "Remove"),
        ("<<: 1\n", 1, "<<: *name"),
    ],
)
def test_what_is_not_yaml_has_a_line_and_a_hint(text: str, line: int, hint: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.line) == (Code.YAML_SYNTAX, line)
    assert hint in problem.hint


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "12\n"])
def test_the_top_must_be_keys(text: str) -> None:
    assert problem_of(text).code is Code.WRONG_TYPE


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_has_no_keys(text: str) -> None:
    assert parse(text).data == {}


def test_aliases_cannot_make_much_of_little() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    assert "aliases" in problem_of(f"a0: &a0 [x]\n{levels}\n").message


def test_merge_keys_cannot_make_much_of_little() -> None:
    levels = "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12))
    assert "aliases" in problem_of(f"a0: &a0 {{x: 1}}\n{levels}\n").message


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a\n  <<: *a\n"])
def test_an_alias_inside_itself_is_refused(text: str) -> None:
    assert "aliases" in problem_of(text).message


@pytest.mark.parametrize("depth", [41, 1000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert "levels deep" in problem_of("a: " + "[" * depth + "]" * depth).message


def test_files_are_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "sources" / "x.yml"
    path.parent.mkdir()
    path.write_bytes("\ufeffkey: Größe\n".encode())
    document = load_document(path, tmp_path)
    assert document.data == {"key": "Größe"}
    assert document.file == "sources/x.yml"


def test_a_file_that_is_not_utf8_has_the_line_of_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_bytes(b"a: 1\nb: Gr\xf6\xdfe\n")
    with pytest.raises(ConfigError) as caught:
        load_document(path, tmp_path)
    assert caught.value.problems[0].line == 2


@pytest.mark.parametrize("name", ["missing.yml", "folder.yml"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_document(tmp_path / name, tmp_path)
    assert caught.value.problems[0].code is Code.FILE_NOT_FOUND


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_bytes(b"a: 1\n" * 1_000_000)
    with pytest.raises(ConfigError, match="larger"):
        load_document(tmp_path / "x.yml", tmp_path)


def test_no_repr_shows_the_data() -> None:
    assert "hunter2" not in repr(parse("token: hunter2\n"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_what_a_yaml_writer_quotes_comes_back(data: dict[str, Any]) -> None:
    # In this style the writer gives everything but text a tag, which keeps its type here as well.
    assert parse(yaml.safe_dump(data, default_style='"', allow_unicode=True)).data == data


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:- \n\t{}[]\"'&*!|>#%@`,?<~1.", max_size=60))
def test_any_text_is_data_or_a_problem(text: str) -> None:
    with suppress(ConfigError):
        assert isinstance(parse(text).data, dict)
