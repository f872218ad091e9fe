from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.project.document import Document, parse_document
from scimport.project.environment import read_environment, resolve

ENVIRONMENT = {"NAME": "Ann", "EMPTY": "", "NESTED": "${NAME}"}


def document(data: dict[str, Any]) -> Document:
    return Document(Path("x.yml"), "x.yml", data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${NAME}", "Ann"),
        ("a ${NAME} b ${NAME}", "a Ann b Ann"),
        ("${NAME:-Bob}", "Ann"),
        ("${UNSET:-Bob}", "Bob"),
        ("${UNSET:-}", ""),
        ("${EMPTY:-Bob}", "Bob"),
        ("${EMPTY}", ""),
        ("${UNSET:-a:-b $x}", "a:-b $x"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("$NAME costs 5$ {x}", "$NAME costs 5$ {x}"),
        ("${NESTED}", "${NAME}"),
    ],
)
def test_references_are_replaced(text: str, expected: str) -> None:
    assert resolve(document({"a": text}), ENVIRONMENT).data == {"a": expected}


def test_all_texts_of_a_file_and_no_keys_are_replaced() -> None:
    data = {"${NAME}": ["${NAME}", {"a": "${NAME}", "b": 1, "c": None, "d": True}]}
    resolved = resolve(document(data), ENVIRONMENT)
    assert resolved.data == {"${NAME}": ["Ann", {"a": "Ann", "b": 1, "c": None, "d": True}]}
    assert not resolved.problems


def test_only_one_key_when_asked() -> None:
    data = {"vars": {"x": "${NAME}"}, "user": {"x": "${NAME}", "y": "${UNSET}"}}
    resolved = resolve(document(data), ENVIRONMENT, only="vars")
    assert resolved.data == {"vars": {"x": "Ann"}, "user": data["user"]}
    assert not resolved.problems


def test_a_name_that_is_not_set_has_its_line_and_path() -> None:
    text = "a: 1\napp:\n  list:\n    - x\n    - ${NMAE}/${ZZZ_OTHER}\n"
    resolved = resolve(parse_document(text, Path("x.yml"), "x.yml"), ENVIRONMENT)
    assert [problem.code for problem in resolved.problems] == [Code.MISSING_VARIABLE] * 2
    first = resolved.problems[0]
    assert (first.place, first.field) == ("x.yml:5", "app.list[1]")
    assert "NMAE" in first.message
    assert "Did you mean 'NAME'?" in first.hint
    assert "${NMAE:-...}" in first.hint
    assert resolved.paths == (("app", "list", 1),)


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${NAME", "${NA ME}", "${NAME-x}", "${ä}"])
def test_what_is_no_name_is_refused(text: str) -> None:
    resolved = resolve(document({"a": f"x {text} y"}), ENVIRONMENT)
    assert [problem.code for problem in resolved.problems] == [Code.BAD_VALUE]


def test_no_repr_shows_the_values() -> None:
    assert "Ann" not in repr(resolve(document({"a": "${NAME}"}), ENVIRONMENT))


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="${}:-NAMEx ", max_size=30))
def test_replacing_never_fails_and_escaping_always_helps(text: str) -> None:
    resolve(document({"a": text}), ENVIRONMENT)
    # A "$" right before "${" would join the escape's own.
    text = text.replace("$${", "${")
    while "$${" in text:
        text = text.replace("$${", "${")
    assert resolve(document({"a": text.replace("${", "$${")}), ENVIRONMENT).data == {"a": text}


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# secrets\nexport SCIMPORT_TEST_A=file\nSCIMPORT_TEST_B='two words ${HOME}'\nSCIMPORT_TEST_C\n"
    (tmp_path / ".env").write_text(text)
    monkeypatch.setenv("SCIMPORT_TEST_A", "process")
    environment = read_environment(tmp_path)
    assert environment["SCIMPORT_TEST_A"] == "process"
    assert environment["SCIMPORT_TEST_B"] == "two words ${HOME}"
    assert "SCIMPORT_TEST_C" not in environment


def test_without_a_file_there_is_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIMPORT_TEST_A", "process")
    assert read_environment(tmp_path)["SCIMPORT_TEST_A"] == "process"


def test_a_wrong_line_of_the_file_is_named_but_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB='hunter2\nC=3\n")
    with pytest.raises(ConfigError) as caught:
        read_environment(tmp_path)
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == (".env", 2)
    assert "hunter2" not in repr(problem)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\xfe\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_environment(tmp_path)


def test_a_file_gives_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word \r\n")
    folder = tmp_path / "pipelines"
    folder.mkdir()
    data = {"relative": "${file:secret}", "absolute": f"<${{file:{tmp_path}/secret}}>"}
    resolved = resolve(Document(folder / "x.yml", "pipelines/x.yml", data), {})
    assert resolved.data == {"relative": "word ", "absolute": "<word >"}
    assert not resolved.problems


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    data = {"missing": "${file:nowhere}", "binary": "${file:binary}"}
    resolved = resolve(Document(tmp_path / "x.yml", "x.yml", data), {})
    assert [(one.code, one.field) for one in resolved.problems] == [
        (Code.MISSING_VARIABLE, "missing"),
        (Code.MISSING_VARIABLE, "binary"),
    ]


def test_prefect_blocks_are_asked_for_when_there_is_a_reference(tmp_path: Path) -> None:
    asked: list[str] = []

    def blocks(name: str) -> str | None:
        asked.append(name)
        return "word" if name == "mine" else None

    document = Document(tmp_path / "x.yml", "x.yml", {"a": "${prefect:mine}", "b": "${prefect:other}"})
    resolved = resolve(document, {}, blocks=blocks)
    assert resolved.data == {"a": "word", "b": ""}
    assert [one.message for one in resolved.problems] == ["there is no Prefect Secret block 'other'"]
    assert asked == ["mine", "other"]
    resolve(Document(tmp_path / "x.yml", "x.yml", {"a": "${A}"}), {"A": "b"}, blocks=blocks)
    assert asked == ["mine", "other"]
