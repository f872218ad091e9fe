"""Filters of the project's own: plain functions in mappings/functions.py, which mappings name.

The file is Python, and runs with the rights of scimport when a mapping that names one of its functions is
compiled. It is trusted like scimport itself, unlike an expression, which can do nothing but compute.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.mappings.filters import FILTERS
from scimport.mappings.tree import Origin
from scimport.model import Problem
from scimport.project.document import read_text
from scimport.project.project import LoadedMapping
from scimport.project.values import did_you_mean

FILE: Final = "mappings/functions.py"


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that a mapping names, by name, and a digest of the file that they are in."""

    by_name: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    digest: bytes = b""


def load_functions(chain: Sequence[LoadedMapping], root: Path | None) -> Functions:
    """Load the functions that a mapping and those that it extends name; nothing is run where none is named.

    Args:
        chain: The mappings.
        root: The project folder; None where there is none.

    Raises:
        ConfigError: The file is not there or cannot be run, or has not what a mapping names.
    """
    named = {
        name: Origin(mapping.document, ("functions", index))
        for mapping in chain
        for index, name in enumerate(mapping.config.functions)
    }
    if not named:
        return Functions()
    first = next(iter(named.values()))
    if root is None or not (root / FILE).is_file():
        message = f"'functions' names {next(iter(named))}, and there is no {FILE}"
        raise ConfigError(first.problem(Code.MISSING_REFERENCE, message, hint="Write the function there."))
    source = read_text(root / FILE, FILE, Code.BAD_VALUE)
    there = _run(root / FILE, source)
    if problems := list(_wrong(named, there)):
        raise ConfigError(problems)
    digest = hashlib.blake2b(source.encode(), digest_size=16).digest()
    return Functions({name: there[name] for name in named}, digest)


def _run(path: Path, source: str) -> dict[str, Any]:
    """The names that the file defines. It is no module that anything could import."""
    module = ModuleType("_scimport_functions")
    try:
        # A loader would take bytecode that it keeps by second and size: what was edited just now must run.
        code = compile(source, str(path), "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - the file is trusted, see above
    except Exception as error:  # noqa: BLE001 - the file can raise anything
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
        ]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        message = f"the file cannot be run: {type(error).__name__}: {error}"
        raise ConfigError(Problem(Code.BAD_VALUE, message, file=FILE, line=line)) from None
    return vars(module)


def _wrong(named: Mapping[str, Origin], there: Mapping[str, Any]) -> Iterator[Problem]:
    functions = [name for name, one in there.items() if callable(one) and not name.startswith("_")]
    for name, origin in named.items():
        if name in FILTERS:
            message = f"there is a filter {name} already"
            yield origin.problem(Code.BAD_VALUE, message, hint="Give the function another name.")
        elif name not in functions:
            message = f"{FILE} has no function {name}"
            yield origin.problem(Code.MISSING_REFERENCE, message, hint=did_you_mean(name, functions))
