"""The file scimport.toml: what concerns the project as a whole."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.config import SettingsConfig
from scimport.project.document import Document, KeyPath, read_text
from scimport.project.environment import Blocks, no_blocks, resolve
from scimport.project.validation import validate

FILE = "scimport.toml"

_VARIABLES = {"key": "SCIMPORT_STATE_KEY", "old_key": "SCIMPORT_STATE_OLD_KEY"}
"""Where keys below ``[state]`` come from when the file does not say."""

_TABLE = re.compile(r"\s*\[\s*(?P<names>[\w.-]+)\s*\]")
_KEY = re.compile(r"\s*(?P<name>[\w-]+)\s*=")
_AT_LINE = re.compile(r" ?\(at line (?P<line>\d+), column \d+\)")


def load_settings(root: Path, environment: Mapping[str, str], blocks: Blocks = no_blocks) -> SettingsConfig:
    """Load scimport.toml from the project folder; where there is none, everything has its default.

    Raises:
        ConfigError: With all problems of the file.
    """
    path = root / FILE
    text = read_text(path, FILE, Code.BAD_VALUE) if path.is_file() else ""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_problem(str(error))) from None
    document = Document(path, FILE, data, _lines(text))
    written = list(_written_keys(document))
    state = data.setdefault("state", {})
    if isinstance(state, dict):
        state |= {
            name: f"${{{variable}}}"
            for name, variable in _VARIABLES.items()
            if environment.get(variable) and name not in state
        }
    return validate(SettingsConfig, resolve(document, environment, blocks=blocks), document, written)


def _written_keys(document: Document) -> Iterator[Problem]:
    """Keys that the file itself holds: it is in a repository, where a key is not one any more."""
    state = document.data.get("state")
    for name, variable in _VARIABLES.items():
        value = state.get(name) if isinstance(state, dict) else None
        if isinstance(value, str) and "${" not in value:
            message = f"'{name}' is written into the file, which is no place for a key"
            hint = f"Make a new one with `scimport rekey --new-key`, and put it into {variable}."
            yield document.problem(Code.BAD_VALUE, ("state", name), message, hint)


def _syntax_problem(words: str) -> Problem:
    found = _AT_LINE.search(words)
    message = f"the file is not TOML: {_AT_LINE.sub('', words)}"
    return Problem(Code.BAD_VALUE, message, file=FILE, line=int(found["line"]) if found else None)


def _lines(text: str) -> dict[KeyPath, int]:
    """Find the lines of tables and keys; tomllib does not tell them."""
    lines: dict[KeyPath, int] = {(): 1}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = tuple(found["names"].split("."))
            lines[table] = number
        elif found := _KEY.match(line):
            lines[*table, found["name"]] = number
    return lines
