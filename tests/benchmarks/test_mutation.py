from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "benchmarks" / "mutation.py"
APP = "app: { target: entra-id, endpoint: sandbox }"
FILES = {
    "pipelines/people.yml": f"{{ source: people, mapping: people, {APP} }}",
    "sources/people.yml": "{ kind: csv, path: people.csv, key: Id }",
    "mappings/people.yml": """
user:
  externalId: "{{ Id }}"
  userName: "{{ Id | lower }}@acme.example"
  active: '{{ Status in ["A", "L"] }}'
  title: "{{ Title }}"
""",
}
TESTS = """
tests:
  - name: active
    given: { Id: E1, Status: A }
    expect: { externalId: E1, userName: e1@acme.example, active: true }
  - { name: on leave, given: { Id: E1, Status: L }, expect: { active: true } }
"""
MORE = "  - { name: title, given: { Id: E1, Title: Boss }, expect: { title: Boss } }\n"


def run(folder: Path) -> tuple[int, list[str]]:
    ended = subprocess.run(
        [sys.executable, str(TOOL), "--project", str(folder)], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout.splitlines()


def test_a_change_that_no_test_finds_is_named(tmp_path: Path) -> None:
    for name, text in {**FILES, "mappings/tests/people.yml": TESTS}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code, lines = run(tmp_path)
    assert code == 1
    assert all(line.startswith("survived: mappings/people.yml:6 user.title: ") for line in lines[:-1])
    (tmp_path / "mappings" / "tests" / "people.yml").write_text(TESTS + MORE)
    code, (line,) = run(tmp_path)
    assert code == 0
    found, _, rest = line.partition(" of ")
    assert rest.startswith(f"{found} mutants are found")
    assert int(found) > 10
