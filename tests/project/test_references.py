from __future__ import annotations

from pathlib import Path

import pytest

from scimport.errors import ConfigError
from scimport.project.references import names_in, there_are


def test_names_are_those_of_yaml_files(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", ".hidden.yml", "nightly.py", "a.sql", "README.md"):
        (tmp_path / name).touch()
    (tmp_path / "folder.yml").mkdir()
    assert names_in(tmp_path) == ("a", "b")
    assert names_in(tmp_path / "nowhere") == ()


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sources").touch()
    with pytest.raises(ConfigError, match="cannot be read"):
        names_in(tmp_path / "sources")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("employes", "Did you mean 'employees'?"),
        ("sources/employees.yml", "Did you mean 'employees'?"),
        ("employees.yaml", "Did you mean 'employees'?"),
        ("zzz", "In sources/ there is: contractors, employees."),
    ],
)
def test_the_hint_names_what_is_there(name: str, hint: str) -> None:
    assert there_are("sources", name, ("employees", "contractors")) == hint


def test_the_hint_for_an_empty_folder() -> None:
    assert there_are("sources", "x", ()) == "The folder sources/ is empty."
