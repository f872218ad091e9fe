"""The plain design: Jinja expressions compiled leaf by leaf, jsonschema for validation, json.dumps.

It reads the same mapping file as scimport does, with the least code that gives the same users.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import jsonschema
import yaml

from by_hand import ACME, BULK_REQUEST, CORE, ENTERPRISE

Row = dict[str, str]
Build = Callable[[Row], Any]

_EXPRESSION = re.compile(r"\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)
_ALIASES = {"enterprise": ENTERPRISE}


class PlainDesign:
    """A pipeline as one would first write it.

    Args:
        mapping: A mapping file, as scimport's; of its keys only ``user`` is read.
        schema: JSON Schema (draft 2020-12) of the users.
    """

    def __init__(self, mapping: Path, schema: dict[str, Any]) -> None:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no HTML
        environment.filters["pcase"] = str.title
        environment.filters["datetime"] = "{}T00:00:00Z".format
        tree = yaml.safe_load(mapping.read_text(encoding="utf-8"))["user"]
        self._build = _compile(tree, environment)
        self._validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )

    def user(self, row: Row) -> dict[str, Any]:
        """Give the SCIM user of a row."""
        trimmed = {column: cell.strip() for column, cell in row.items()}
        return {"schemas": [CORE, ENTERPRISE, ACME], **self._build(trimmed)}

    def bodies(self, path: Path) -> Iterator[bytes]:
        """Give the bodies of the bulk requests for a CSV file, 50 validated people each."""
        operations: list[dict[str, Any]] = []
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                user = self.user(row)
                self._validator.validate(user)
                operations.append(
                    {"method": "POST", "bulkId": user["externalId"], "path": "/Users", "data": user}
                )
                if len(operations) == 50:
                    yield _body(operations)
                    operations = []
        if operations:
            yield _body(operations)


def _compile(node: Any, environment: jinja2.Environment) -> Build:
    if isinstance(node, dict):
        return _object(node, environment)
    if isinstance(node, list):
        entries = [_object(entry, environment) for entry in node]
        return lambda row: [entry for build in entries if (entry := build(row))]
    if not isinstance(node, str) or "{{" not in node:
        return lambda _: node
    if single := _EXPRESSION.fullmatch(node):
        expression = environment.compile_expression(single[1], undefined_to_none=False)
        return lambda row: expression(**row)
    return environment.from_string(node).render


def _object(node: dict[str, Any], environment: jinja2.Environment) -> Build:
    """Blank leaves go; an object whose templated leaves are all blank goes with its constants."""
    templated = [(_ALIASES.get(k, k), _compile(v, environment)) for k, v in node.items() if _is_templated(v)]
    constants = {_ALIASES.get(k, k): v for k, v in node.items() if not _is_templated(v)}

    def build(row: Row) -> dict[str, Any]:
        filled = {key: value for key, leaf in templated if (value := leaf(row)) not in ("", None, {}, [])}
        return {**filled, **constants} if filled else {}

    return build


def _is_templated(node: Any) -> bool:
    return isinstance(node, (dict, list)) or (isinstance(node, str) and "{{" in node)


def _body(operations: list[dict[str, Any]]) -> bytes:
    request = {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None}
    return json.dumps(request).encode()
