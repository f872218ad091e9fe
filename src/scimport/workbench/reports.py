"""Problems in the forms that other tools read: SARIF, and the annotations of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from scimport import __version__
from scimport.model import Problem, Severity

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """Problems as one run of a SARIF 2.1.0 log (OASIS), with places relative to the project folder."""
    rules = sorted({problem.code for problem in problems})
    driver = {
        "name": "scimport",
        "version": __version__,
        "rules": [{"id": rule, "name": rule} for rule in rules],
    }
    results = [_result(problem, rules.index(problem.code)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, index: int) -> dict[str, Any]:
    text = " ".join(filter(None, (f"{problem.field}: {problem.message}".removeprefix(": "), problem.hint)))
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": text},
    }
    if problem.file and "://" not in problem.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": problem.file, "uriBaseId": "%SRCROOT%"}}
        if problem.line is not None:
            physical["region"] = {"startLine": problem.line}
        result["locations"] = [{"physicalLocation": physical}]
    return result


def github(problems: Iterable[Problem]) -> str:
    """Problems as workflow commands of GitHub Actions, which shows them beside the lines they are about."""
    return "".join(f"{_annotation(problem)}\n" for problem in problems)


def _annotation(problem: Problem) -> str:
    places = {"file": problem.file, "line": str(problem.line or ""), "title": f"scimport {problem.code}"}
    options = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in places.items() if text)
    text = " ".join(filter(None, (f"{problem.field}: {problem.message}".removeprefix(": "), problem.hint)))
    return f"::{_COMMANDS[problem.severity]} {options}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
