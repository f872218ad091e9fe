"""JSON Schemas of the project's files, for editors that complete and check YAML while it is written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from scimport.project.cases import CasesConfig
from scimport.project.config import MappingConfig, PipelineConfig
from scimport.project.overrides import FILE, OverrideConfig
from scimport.project.source_config import SOURCE_KINDS

# The newest draft that the common editors (yaml-language-server) read in full.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}", "description": "A value of the environment."}
_NOT_TEXT = ("integer", "number", "boolean")


class _Generator(GenerateJsonSchema):
    """Leaves out the titles, which only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


def editor_schemas() -> dict[str, dict[str, Any]]:
    """Describe the kinds of files.

    Returns:
        JSON Schema (draft-07) by file name: ``source.schema.json``, ``overrides.schema.json``,
        ``mapping.schema.json``, ``tests.schema.json`` and ``pipeline.schema.json``. Every key has a
        description.
    """
    return {
        "source.schema.json": _schema("A file in sources/", *SOURCE_KINDS.values(), references=True),
        "overrides.schema.json": _overrides(),
        "mapping.schema.json": _schema("A file in mappings/", MappingConfig),
        "tests.schema.json": _schema("A file in mappings/tests/", CasesConfig),
        "pipeline.schema.json": _schema("A file in pipelines/", PipelineConfig, references=True),
    }


def _overrides() -> dict[str, Any]:
    entry = _schema("", OverrideConfig)
    shared = {key: entry.pop(key) for key in ("$schema", "$defs")}
    del entry["title"]
    lists = {"type": "array", "items": entry}
    return {**shared, "title": f"The file {FILE}", "type": "object", "additionalProperties": lists}


def _schema(title: str, *models: type[BaseModel], references: bool = False) -> dict[str, Any]:
    named, shared = models_json_schema(
        [(model, "validation") for model in models], schema_generator=_Generator
    )
    definitions = {name: _model(definition, references) for name, definition in shared["$defs"].items()}
    choices = list(named.values())
    top = {"oneOf": choices} if len(choices) > 1 else definitions.pop(models[0].__name__)
    return {"$schema": _DRAFT, "title": title, **top, "$defs": definitions}


def _model(definition: dict[str, Any], references: bool) -> dict[str, Any]:
    keys = {key: _key(schema, references) for key, schema in definition["properties"].items()}
    # The key that chooses between several models must be there, although each model has its own default.
    chosen = ["kind"] if keys.get("kind", {}).get("const") not in (None, "entra") else []
    model = {
        key: value for key, value in definition.items() if key not in ("title", "required", "properties")
    }
    return {**model, "properties": keys, "required": [*chosen, *definition.get("required", [])]}


def _key(schema: dict[str, Any], references: bool) -> dict[str, Any]:
    """Let a key that is not any text take ``${NAME}`` as well."""
    about = {key: value for key, value in schema.items() if key in ("description", "default")}
    rules = {key: value for key, value in schema.items() if key not in about}
    if references and (rules.get("type") in _NOT_TEXT or "enum" in rules):
        return {**about, "anyOf": [rules, _REFERENCE]}
    if "$ref" in rules:
        # In this draft nothing beside a $ref counts, not even its description.
        return {**about, "allOf": [rules]}
    return schema
