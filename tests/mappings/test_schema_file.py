from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import scimport.mappings
from scimport.mappings.schema_file import read_schema

FOLDER = Path(scimport.mappings.__file__).with_name("scim_schemas")


@pytest.mark.parametrize("name", ["user", "enterprise_user"])
def test_the_standard_files_pass_the_check_of_custom_ones(name: str) -> None:
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    schema, problems = read_schema("x.json", data | {"id": "urn:example:copy:User"})
    assert problems == []
    assert schema
    assert [sub.name for sub in schema.sub_attributes] == [item["name"] for item in data["attributes"]]


def test_nothing_comes_of_a_wrong_file() -> None:
    schema, problems = read_schema("x.json", "text")
    assert schema is None
    assert [(problem.file, problem.field) for problem in problems] == [("x.json", "")]
