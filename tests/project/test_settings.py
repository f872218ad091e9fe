from __future__ import annotations

from pathlib import Path

import pytest

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.settings import load_settings


def problem_of(root: Path, text: str) -> Problem:
    (root / "scimport.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(root, {})
    (problem,) = caught.value.problems
    assert problem.file == "scimport.toml"
    return problem


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).state.url is None


def test_the_state_url_with_a_password_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "scimport.toml").write_text('[state]\nurl = "postgresql://u:${PASSWORD}@h/d"\n')
    settings = load_settings(tmp_path, {"PASSWORD": "hunter2"})
    assert settings.state.url is not None
    assert settings.state.url.get_secret_value() == "postgresql://u:hunter2@h/d"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "code", "line", "field"),
    [
        ("[state]\nurl = \n", Code.BAD_VALUE, 2, ""),
        ("[state\n", Code.BAD_VALUE, 1, ""),
        ("# x\n[state]\nulr = 'x'\n", Code.UNKNOWN_KEY, 3, "state.ulr"),
        ("\n[stat]\n", Code.UNKNOWN_KEY, 2, "stat"),
        ("state.url = 1\n", Code.WRONG_TYPE, 1, "state.url"),
        ("[state]\nurl = '${UNSET_NAME}'\n", Code.MISSING_VARIABLE, 2, "state.url"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str, code: Code, line: int, field: str) -> None:
    problem = problem_of(tmp_path, text)
    assert (problem.code, problem.line, problem.field) == (code, line, field)
