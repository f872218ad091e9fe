from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from scimport.project.document import parse_document
from scimport.project.editor import editor_schemas

SCHEMAS = editor_schemas()
APP = "app:\n  target: entra-id\n  endpoint: sandbox\n"


def keys_of(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for key, about in schema.get("properties", {}).items():
            yield f"{path}/{key}", about
        for key, inner in schema.items():
            yield from keys_of(inner, f"{path}/{key}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_of_its_draft(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_a_description(name: str) -> None:
    keys = list(keys_of(SCHEMAS[name]))
    assert len(keys) >= 5
    assert [path for path, about in keys if not about.get("description")] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "source",
            "kind: csv\npath: x.csv\nkey: id\nmin_rows: ${N}\ncolumns: {a: , b: {values: [1, x]}}\n",
        ),
        ("source", "kind: sql\nurl: ${URL}\nquery: x.sql\nkey: id\nparams: {a: 1, b: null}\n"),
        ("mapping", "vars: {a: 1}\nextends: base\nclear: [title]\nuser: {userName: '{{ mail }}'}\n"),
        ("tests", "given: {a: x, b: 1}\ntests: [{name: a, given: {c: true}, expect: {active: true}}]\n"),
        ("pipeline", f"source: a\nmapping: b\n{APP}"),
        (
            "pipeline",
            f"source: a\nmapping: b\n{APP}  auth: none\n  daily_calls: 6000\n  bucket_full_wait: 5m\n",
        ),
        ("pipeline", f"source: a\nmapping: b\n{APP}  daily_calls: ${{N}}\n  bucket_full_wait: ${{N:-300}}\n"),
        (
            "pipeline",
            f"source: a\nmapping: b\n{APP}  auth: {{kind: token, token: '${{T}}'}}\nleavers: report\n",
        ),
        ("pipeline", f"source: a\nmapping: b\n{APP}schedule: {{cron: '0 5 * * *', timezone: UTC}}\n"),
    ],
)
def test_a_right_file_passes(name: str, text: str) -> None:
    data = parse_document(text, Path("x.yml"), "x.yml").data
    assert list(Draft7Validator(SCHEMAS[f"{name}.schema.json"]).iter_errors(data)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("source", "kind: csv\npath: x.csv\nkey: id\nquery: x.sql\n"),
        ("source", "path: x.csv\nkey: id\n"),
        ("source", "kind: exel\npath: x.csv\nkey: id\n"),
        ("source", "kind: csv\npath: x.csv\nkey: id\nmin_rows: many\n"),
        ("mapping", "usr: {}\n"),
        ("tests", "tests: [{name: a, given: {c: [1]}, expect: {}}]\n"),
        ("pipeline", f"source: a\n{APP}"),
        ("pipeline", f"source: a\nmapping: b\n{APP}  auth: {{token: x}}\n"),
        ("pipeline", f"source: a\nmapping: b\n{APP}  bucket_full_wait: soon\n"),
        ("pipeline", f"source: a\nmapping: b\n{APP}leavers: keep\n"),
    ],
)
def test_a_wrong_file_does_not(name: str, text: str) -> None:
    data = parse_document(text, Path("x.yml"), "x.yml").data
    assert not Draft7Validator(SCHEMAS[f"{name}.schema.json"]).is_valid(data)
