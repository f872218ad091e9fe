from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.config import MappingConfig, PipelineConfig
from scimport.project.document import parse_document
from scimport.project.environment import resolve
from scimport.project.keys import Config
from scimport.project.source_config import CsvSourceConfig, SqlSourceConfig
from scimport.project.validation import validate

CSV = "kind: csv\npath: people.csv\nkey: id\n"
PIPELINE = "source: a\nmapping: b\napp:\n  target: entra-id\n  endpoint: https://graph.microsoft.com/x\n"


def problems_of(model: type[Config], text: str) -> tuple[Problem, ...]:
    document = parse_document(text, Path("x.yml"), "x.yml")
    with pytest.raises(ConfigError) as caught:
        validate(model, resolve(document, {"SECRET": "hunter2", "EMPTY": ""}), document)
    shown = repr(caught.value.problems) + str(caught.value)
    assert "hunter2" not in shown
    assert "pydantic" not in shown.lower()
    assert "http" not in shown.replace("https://host", "")
    assert caught.value.__cause__ is None
    return caught.value.problems


def problem_of(model: type[Config], text: str) -> Problem:
    (problem,) = problems_of(model, text)
    return problem


@pytest.mark.parametrize(
    "case",
    [
        (CsvSourceConfig, CSV + "delimter: ;\n", Code.UNKNOWN_KEY, 4, "delimter", "not a key", "'delimiter'"),
        (
            CsvSourceConfig,
            CSV + "zzz: 1\n",
            Code.UNKNOWN_KEY,
            4,
            "zzz",
            "not a key",
            "Keys here: key, columns",
        ),
        (CsvSourceConfig, "path: x\n", Code.MISSING_KEY, 1, "key", "'key' is missing", "employee number"),
        (CsvSourceConfig, "path: x\nkey:\n", Code.MISSING_KEY, 2, "key", "has no value", "employee number"),
        (CsvSourceConfig, "path: x\nkey: 12\n", Code.WRONG_TYPE, 2, "key", "must be text", "quotes"),
        (CsvSourceConfig, "path: x\nkey: ''\n", Code.BAD_VALUE, 2, "key", "must not be empty", ""),
        (CsvSourceConfig, CSV + "min_rows: a\n", Code.WRONG_TYPE, 4, "min_rows", "whole number", ""),
        (CsvSourceConfig, CSV + "min_rows: -1\n", Code.BAD_VALUE, 4, "min_rows", "at least 0", ""),
        (CsvSourceConfig, CSV + "trim: maybe\n", Code.WRONG_TYPE, 4, "trim", "true or false", ""),
        (
            CsvSourceConfig,
            CSV + "columns: [a]\n",
            Code.WRONG_TYPE,
            4,
            "columns",
            "keys with values",
            "Write keys",
        ),
        (CsvSourceConfig, CSV + "columns:\n  a: text\n", Code.WRONG_TYPE, 5, "columns.a", "keys with", ""),
        (
            CsvSourceConfig,
            CSV + "extent: ful\n",
            Code.BAD_VALUE,
            4,
            "extent",
            "one of full, changes",
            "'full'",
        ),
        (CsvSourceConfig, CSV + "duplicates: 1\n", Code.BAD_VALUE, 4, "duplicates", "one of reject", ""),
        (MappingConfig, "clear: x\n", Code.WRONG_TYPE, 1, "clear", "must be a list", "- one"),
        (
            MappingConfig,
            "clear:\n  - a\n  - 1\n",
            Code.WRONG_TYPE,
            3,
            "clear[1]",
            "'clear[1]' must be text",
            "",
        ),
        (MappingConfig, "vars:\n  a: 1\n  b-c: 1\n", Code.BAD_VALUE, 3, "vars.b-c", "expression", "letters"),
        (MappingConfig, "user: {a: 1}\nusers: {}\n", Code.UNKNOWN_KEY, 2, "users", "not a key", "'user'"),
        (PipelineConfig, PIPELINE, Code.MISSING_KEY, 3, "app.auth", "is missing", "auth: none"),
        (PipelineConfig, PIPELINE + "  auth: tokn\n", Code.BAD_VALUE, 6, "app.auth", "must be none", "token"),
        (
            PipelineConfig,
            PIPELINE + "  auth: {}\n",
            Code.MISSING_KEY,
            6,
            "app.auth.kind",
            "is missing",
            "token",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth: {kind: tokn}\n",
            Code.BAD_VALUE,
            6,
            "app.auth.kind",
            "",
            "'token'",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth:\n    kind: token\n    tokn: ${SECRET}\n    token: x\n",
            Code.UNKNOWN_KEY,
            8,
            "app.auth.tokn",
            "not a key",
            "'token'",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth:\n    kind: certificate\n    tenant_id: a\n    client_id: b\n",
            Code.MISSING_KEY,
            6,
            "app.auth.path",
            "is missing",
            "PEM",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth:\n    kind: token\n    token: ${EMPTY}\n",
            Code.BAD_VALUE,
            8,
            "app.auth.token",
            "must not be empty",
            "",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth: none\nschedule:\n  timezone: UTC\n",
            Code.BAD_VALUE,
            7,
            "schedule",
            "cron or interval",
            "",
        ),
        (
            PipelineConfig,
            PIPELINE + "  auth: none\nschedule: {cron: '0 5 * * *', timezone: Europe/Berln}\n",
            Code.BAD_VALUE,
            7,
            "schedule.timezone",
            "time zone",
            "'Europe/Berlin'",
        ),
    ],
)
def test_what_is_wrong_is_told_in_words_of_the_file(
    case: tuple[type[Config], str, Code, int, str, str, str],
) -> None:
    model, text, code, line, field, message, hint = case
    problem = problem_of(model, text)
    assert (problem.code, problem.place, problem.field) == (code, f"x.yml:{line}", field)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("column", ["type", "format", "columns", "x"])
def test_an_unknown_key_of_a_column_is_compared_with_the_contract(column: str) -> None:
    problem = problem_of(CsvSourceConfig, f"{CSV}columns:\n  {column}:\n    requird: true\n")
    assert (problem.line, problem.field) == (6, f"columns.{column}.requird")
    assert "'required'" in problem.hint


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    text = "kind: sql\ncolumns:\n  a: {typ: date}\nurl: pg://u:${SECERT}@h/d\nkey: 1\nmin_rows: ${ROWS}\n"
    found = [(problem.line, problem.code, problem.field) for problem in problems_of(SqlSourceConfig, text)]
    assert found == [
        (1, Code.MISSING_KEY, "query"),
        (3, Code.UNKNOWN_KEY, "columns.a.typ"),
        (4, Code.MISSING_VARIABLE, "url"),
        (5, Code.WRONG_TYPE, "key"),
        (6, Code.MISSING_VARIABLE, "min_rows"),
    ]


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    text = PIPELINE + "  auth:\n    kind: ${SECRET}\n  daily_calls: ${SECRET}\nleavers: ${SECRET}\n"
    assert len(problems_of(PipelineConfig, text)) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("min_rows: ${N}", 7), ("trim: ${B}", False), ("columns: {a: {values: ['${N}']}}", ("7",))],
)
def test_whole_values_from_the_environment_have_the_type_of_their_key(text: str, value: Any) -> None:
    document = parse_document(f"{CSV}{text}\n", Path("x.yml"), "x.yml")
    config = validate(CsvSourceConfig, resolve(document, {"N": "7", "B": "no"}), document)
    contract = config.columns.get("a")
    assert value in (config.min_rows, config.trim, contract.values if contract else None)
