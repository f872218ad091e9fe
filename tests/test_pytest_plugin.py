from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_pytest_runs_the_tests_of_a_project(tmp_path: Path) -> None:
    for part in ("pipelines", "sources", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / part)
    path = tmp_path / "mappings" / "tests" / "employees.yml"
    path.write_text(path.read_text().replace("active: false", "active: true"))
    (tmp_path / "mappings" / "tests" / "broken.yml").write_text("mapping: employees\ntests: [{ name: a }]\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "who has left is inactive" in ended.stdout
    assert "mappings/tests/employees.yml:83 active\n  expected  true\n  got       false" in ended.stdout
    assert "broken.yml:2: bad-value" in ended.stdout
    assert "1 failed, 19 passed, 1 error" in ended.stdout


def test_it_loads_nothing_where_there_are_no_such_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert not {'yaml', 'jinja2', 'pydantic'} & set(sys.modules)\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "data.yml").write_text("a: 1\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
