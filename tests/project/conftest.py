from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scimport.project import Project

Write = Callable[[str, str], Path]

PIPELINE = """\
description: Provision-Employees-From-CSV-to-AD
source: employees
mapping: employees
app:
  kind: entra
  target: on-premises-ad
  endpoint: sandbox
"""
CSV_SOURCE = "kind: csv\npath: sample_data/employees.csv\nkey: employee_id\n"
MAPPING = 'user:\n  externalId: "{{ employee_id }}"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one pipeline."""
    monkeypatch.delenv("SCIMPORT_STATE_URL", raising=False)
    folder = tmp_path / "hr"
    files = {"pipelines": PIPELINE, "sources": CSV_SOURCE, "mappings": MAPPING}
    for kind, text in files.items():
        (folder / kind).mkdir(parents=True)
        (folder / kind / "employees.yml").write_text(text)
    return folder


@pytest.fixture
def project(root: Path) -> Project:
    return Project(root)


@pytest.fixture
def write(root: Path) -> Write:
    """Writes a file of the project, making its folders."""

    def write_file(name: str, text: str) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file
