"""Values from elsewhere in the project's files: ``${NAME}``, ``${file:PATH}``, ``${prefect:NAME}``."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.document import Document, KeyPath, read_text
from scimport.project.values import did_you_mean

_REFERENCE = re.compile(
    r"\$\$\{"
    r"|\$\{(?P<kind>file|prefect):(?P<where>[^}]+)\}"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
    r"|\$\{"
)

Blocks = Callable[[str], str | None]
"""Gives the value of a Prefect Secret block by its name; ``None`` where there is none."""


def no_blocks(_name: str) -> str | None:
    """Where Prefect is not at hand, there is no block."""
    return None


def read_environment(root: Path) -> dict[str, str]:
    """Read the names that ``${NAME}`` may stand for.

    Args:
        root: The project folder; its ``.env`` file, where there is one, gives values that the process's own
            environment goes before. Values in it are taken as they are, nothing in them is replaced.

    Raises:
        ConfigError: A line of the ``.env`` file cannot be read; its text is not shown.
    """
    path = root / ".env"
    return {**_read_file(path), **os.environ} if path.is_file() else dict(os.environ)


def _read_file(path: Path) -> dict[str, str]:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most projects on a server have no such file

    bindings = list(parse_stream(io.StringIO(read_text(path, path.name, Code.BAD_VALUE))))
    message, hint = (
        "the line cannot be read",
        "Write NAME=value, with quotes around a value that has blanks or #.",
    )
    wrong = [binding.original.line for binding in bindings if binding.error]
    if wrong:
        raise ConfigError(
            Problem(Code.BAD_VALUE, message, hint=hint, file=path.name, line=line) for line in wrong
        )
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


@dataclass(frozen=True, slots=True)
class Resolved:
    """Data of a file with the environment's values in it.

    Attributes:
        data: The data; it may hold secrets.
        problems: What could not be replaced.
        paths: Where that is; the data has an empty text there.
    """

    data: Any = field(repr=False)
    problems: tuple[Problem, ...]
    paths: tuple[KeyPath, ...]


def resolve(
    document: Document,
    environment: Mapping[str, str],
    *,
    only: str | None = None,
    blocks: Blocks = no_blocks,
) -> Resolved:
    """Replace ``${NAME}`` in all texts of a file (not in keys); ``$${`` stands for ``${``.

    ``${NAME:-default}`` takes the default where NAME is not set or empty; it ends at the first ``}``.
    ``${file:PATH}`` is what a file holds (relative to the project folder), without the line break at its end;
    ``${prefect:NAME}`` is the value of a Prefect Secret block.

    Args:
        document: The file.
        environment: Values by name.
        only: The one top-level key to do it in; None for all.
        blocks: Asked for Prefect Secret blocks, when there is a reference to one.

    Returns:
        The data, and a problem for each name that is not set.
    """
    resolver = _Resolver(document, environment, blocks)
    if only is None:
        data = resolver.value(document.data, ())
    else:
        data = {
            key: resolver.value(value, (key,)) if key == only else value
            for key, value in document.data.items()
        }
    return Resolved(data, tuple(resolver.problems), tuple(resolver.paths))


class _Resolver:
    def __init__(self, document: Document, environment: Mapping[str, str], blocks: Blocks) -> None:
        self.problems: list[Problem] = []
        self.paths: list[KeyPath] = []
        self._document = document
        self._environment, self._blocks = environment, blocks

    def value(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) and "${" in value else value

    def _text(self, text: str, path: KeyPath) -> str:
        before = len(self.problems)
        replaced = _REFERENCE.sub(lambda found: self._reference(found, path), text)
        if len(self.problems) == before:
            return replaced
        self.paths.append(path)
        return ""

    def _reference(self, found: re.Match[str], path: KeyPath) -> str:
        if found[0] == "$${":
            return "${"
        if found["kind"] == "file":
            return self._file(found["where"].strip(), path)
        if found["kind"] == "prefect":
            return self._block(found["where"].strip(), path)
        name, default = found["name"], found["default"]
        if name is None:
            hint = "Write ${NAME} or ${NAME:-default}; $${ stands for the two characters ${."
            self._add(Code.BAD_VALUE, path, "'${' does not begin the name of a variable", hint)
            return ""
        value = self._environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            hint = f"Set it in the environment or in the file .env, or give a default: ${{{name}:-...}}."
            near = did_you_mean(name, self._environment)
            self._add(
                Code.MISSING_VARIABLE, path, f"the variable {name} is not set", f"{near} {hint}".lstrip()
            )
        return value or ""

    def _file(self, name: str, path: KeyPath) -> str:
        root = self._document.path.parents[self._document.file.count("/")]
        try:
            return (root / name).read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            hint = "Check the path, and that the user who runs scimport may read it."
            self._add(Code.MISSING_VARIABLE, path, f"the file {name} cannot be read: {reason}", hint)
            return ""

    def _block(self, name: str, path: KeyPath) -> str:
        value = self._blocks(name)
        if value is None:
            hint = "Make a block of the type Secret with that name on Prefect's pages, or in Python."
            self._add(Code.MISSING_VARIABLE, path, f"there is no Prefect Secret block '{name}'", hint)
        return value or ""

    def _add(self, code: Code, path: KeyPath, message: str, hint: str) -> None:
        self.problems.append(self._document.problem(code, path, message, hint))
