"""Writes a test out of a record of the source, with values that are made up in the same shape."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import nodes

from scimport.codes import Code
from scimport.errors import UsageError
from scimport.inputs import opened
from scimport.mappings.scim import ALIASES
from scimport.model import Problem
from scimport.plan.records import Record
from scimport.project.cases import FOLDER, CaseConfig, load_cases
from scimport.project.project import Project
from scimport.workbench.cases import Bench
from scimport.workbench.preview import find_record

_ATTEMPTS: Final = 20
_DRAWS: Final = 200
_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bdfgklmnprst"
_ACCENTED: Final = "äéèëñöøåçłšžü"
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_DATE: Final = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?P<time>[T ].*)?")


def create_case(project: Project, pipeline: str, key: str) -> tuple[str, int]:
    """Append a test to the file of a pipeline's mapping; the file is made when there is none.

    The row is a record of the source in which every value that could be somebody's is replaced by one of the
    same shape. What the mapping compares with, and the values that the contract lists, stay, since what comes
    out depends on them. What is expected is what the mapping makes of it now.

    Args:
        project: The project folder.
        pipeline: Name of the pipeline.
        key: Key of the record.

    Returns:
        The file, relative to the project folder, and the line of the test.

    Raises:
        UsageError: There is no such record, or nothing like it can be made up.
        ConfigError: A file of the project is wrong.
    """
    config = project.pipeline(pipeline).config
    source = project.source(config.source).config
    with opened(project, project.pipeline(pipeline), dt.datetime.now(dt.UTC)) as found:
        cells = find_record(found, key).cells
    path = project.root / FOLDER / f"{config.mapping}.yml"
    cases = load_cases(project, config.mapping) if path.is_file() else None
    now = cases.now if cases else dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    bench = Bench(project, project.mapping_chain(config.mapping), source, now)
    row = {name: cells[name] for name in bench.columns if name in cells and cells[name] not in (None, "")}
    kept = _texts(bench) | {
        value for rule in source.columns.values() if rule and rule.values for value in rule.values
    }
    made = _made_up(bench, row, kept)
    shared = cases.config.given if cases else {}
    given = {name: made.get(name) for name in (*made, *shared) if made.get(name) != shared.get(name)}
    case = {"name": "made up like a record of the source", "given": given, **_outcome(bench.record(made))}
    return path.relative_to(project.root).as_posix(), _append(path, case, is_new=cases is None)


def _texts(bench: Bench) -> set[str]:
    """Texts that stand in the mapping's expressions."""
    condition = bench.mapping.condition
    expressions = [
        *(field.expression for field in bench.mapping.fields),
        *((condition,) if condition else ()),
    ]
    return {
        node.value
        for expression in expressions
        for part in expression.parts
        for node in (part, *part.find_all(nodes.Const))
        if isinstance(node, nodes.Const) and isinstance(node.value, str)
    }


def _made_up(bench: Bench, row: Mapping[str, Any], kept: set[str]) -> dict[str, Any]:
    """A row of the same shape, of which the same kind of record comes."""
    wanted = _kind(bench.record(row))
    for _ in range(_ATTEMPTS):
        known: dict[str, Any] = {}
        made = {name: _value(value, kept, known, list(row.values())) for name, value in row.items()}
        if _kind(bench.record(made)) == wanted:
            return made
    message = "no row of the same shape can be made up: the mapping or the contract takes too few values"
    hint = f"Write the test by hand, in {FOLDER}/."
    raise UsageError(Problem(Code.BAD_VALUE, message, hint=hint))


def _kind(record: Record | None) -> tuple[object, ...]:
    """What a record is, whatever its values: the attributes of its user, or what is wrong with it."""
    if record is None:
        return ("out of scope",)
    if record.problems:
        return tuple((one.code, one.field) for one in record.problems)
    return (tuple(sorted(_paths(record.user, ""))), record.user["active"])


def _paths(value: Any, path: str) -> list[str]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _paths(item, f"{path}.{key}")]
    return [found for item in value for found in _paths(item, path)] if isinstance(value, list) else [path]


def _value(value: Any, kept: set[str], known: dict[str, Any], real: Container[Any] = ()) -> Any:
    """A value like another one, and none of the real ones; the same value becomes the same one."""
    if isinstance(value, bool) or (isinstance(value, str) and value in kept):
        return value
    if not isinstance(value, str):
        return _other(value, real)
    if value not in known:
        known[value] = _other(value, real)
    return known[value]


def _other(value: Any, real: Container[Any]) -> Any:
    # By chance it may be a real one: 81 keys have the shape of 00107.
    several = (_new(value) for _ in range(_DRAWS))
    return next((made for made in several if made not in real), _new(value))


def _new(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dt.date | dt.datetime):
        return dt.date(2000 + secrets.randbelow(40), 1 + secrets.randbelow(12), 1 + secrets.randbelow(28))
    return type(value)(_like(str(value))) if isinstance(value, int | float) else str(value)


def _text(text: str) -> str:
    if found := _DATE.fullmatch(text):
        day, sign = text.removesuffix(found["time"] or ""), found[1]
        return sign.join(map(_of_date, day.split(sign))) + re.sub(r"\d", "0", found["time"] or "")
    if _MAIL.fullmatch(text):
        return f"{_like(text.partition('@')[0])}@example.com"
    return _like(text)


def _of_date(digits: str) -> str:
    """A year, or a number that is a day as well as a month."""
    if len(digits) > 2:
        return str(2000 + secrets.randbelow(40))
    return f"{1 + secrets.randbelow(12 if len(digits) == 2 else 9):0{len(digits)}}"


def _like(text: str) -> str:
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    if letter.isdecimal():
        # The first digit of a number says how long it is.
        return "0" if letter == "0" else secrets.choice("123456789")
    if not letter.isalpha():
        return letter
    kind = _VOWELS if letter.lower() in _VOWELS else _CONSONANTS if letter.isascii() else _ACCENTED
    found = secrets.choice(kind)
    return found.upper() if letter.isupper() else found


def _outcome(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"out_of_scope": True}
    if record.problems:
        first = record.problems[0]
        return {"invalid": str(first.code), **({"field": first.field} if first.field else {})}
    aliases = {urn: alias for alias, urn in ALIASES.items()}
    user = {aliases.get(name, name): value for name, value in record.user.items() if name != "schemas"}
    return {"exact": True, "expect": user}


def _append(path: Path, case: dict[str, Any], *, is_new: bool) -> int:
    """Write a test at the end of a file; returns its line.

    Raises:
        UsageError: The file does not end with its tests.
    """
    text = "tests:\n" if is_new else path.read_text("utf-8").rstrip() + "\n\n"
    found = re.search(
        r"^tests:[^\S\n]*(?:#.*)?\n(?:\s*(?:#.*)?\n)*(?P<indent> *)- (?!.*^\S)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    if not is_new and found is None:
        hint = "Move tests: to the end of the file, each test on lines of its own."
        raise UsageError(
            Problem(Code.BAD_VALUE, "the file does not end with tests", hint=hint, file=path.name)
        )
    indent = found["indent"] if found else "  "
    line = text.count("\n") + 1
    CaseConfig.model_validate(case)
    lines = yaml.safe_dump([_plain(case)], allow_unicode=True, sort_keys=False, width=100).splitlines()
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "".join(f"{indent}{one}\n" if one else "\n" for one in lines), "utf-8")
    return line


def _plain(value: Any) -> Any:
    """What YAML has a form for; a date is its text, which the source's contract makes a date again."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
