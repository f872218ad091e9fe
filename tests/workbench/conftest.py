"""Projects of one pipeline, out of YAML text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scimport.project import Project

Make = Callable[..., Project]

MAPPING = """
user:
  externalId: "{{ Id }}"
  userName: "{{ Id | lower }}@{{ vars.domain }}"
  active: true
vars: { domain: acme.example }
"""
SOURCE = "kind: csv\npath: people.csv\nkey: Id\n"
APP = "app: { target: %s, endpoint: sandbox }\n"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a project with the pipeline people: its mapping, source, rows and further files."""

    def make(
        mapping: str = MAPPING,
        source: str = SOURCE,
        *,
        rows: str = "Id\nE1\n",
        target: str = "entra-id",
        **files: str,
    ) -> Project:
        texts = {
            "pipelines/people.yml": f"source: people\nmapping: people\n{APP % target}",
            "sources/people.yml": source,
            "mappings/people.yml": mapping,
            "people.csv": rows,
            **{f"mappings/{name}.yml": text for name, text in files.items()},
        }
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        return Project(tmp_path)

    return make
