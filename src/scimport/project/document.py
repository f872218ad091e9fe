"""A YAML file, as plain data that knows the line of every key.

The language is YAML 1.1 made predictable. PyYAML would read ``country: NO`` as false, ``start: 2026-02-01``
as a date, ``code: 00123`` as 83, ``phone: +4930123`` as a number and ``shift: 8:30`` as 510. Here a value
without quotes is

- nothing: empty, ``~``, ``null``;
- a boolean: ``true``, ``false`` (``yes`` and ``no`` are text; keys that want a boolean read them as one);
- a number in the spelling of JSON: ``12``, ``-1.5``, ``2.0e10`` (``007``, ``+1`` and ``1e3`` are text);
- and otherwise the text that is written. A key is always the text that is written.

So a constant in a mapping is what it looks like, and an editor, which reads YAML 1.2, agrees. Anchors,
aliases and merge keys (``<<``) work. Tags for anything but the above are refused, and so are duplicate keys
(YAML 1.2.2 section 3.2.1.3) and aliases that stand for more than a person's file ever holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

KeyPath = tuple[str | int, ...]

_MAX_BYTES = 4_000_000
_MAX_DEPTH = 40
# What the aliases of a file may come to, so that a kilobyte of them cannot stand for a gigabyte.
_MAX_NODES = 200_000

_MAP = "tag:yaml.org,2002:map"
_SEQ = "tag:yaml.org,2002:seq"
_STR = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_MERGE = "tag:yaml.org,2002:merge"

_EXPRESSION_HINT = 'Put quotes around a value that begins with an expression: "{{ ... }}".'
_TEXT_HINT = (
    "Check the indentation, and put quotes around a text that holds ': ' or begins with a sign like @ * %."
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the project.

    Attributes:
        path: Where the file is.
        file: The same relative to the project folder, with slashes, as problems name it.
        data: What the file says, before ``${NAME}`` is replaced, so that no secret is in it.
        lines: Line of each key and list item, counted from 1, by its path from the top.
    """

    path: Path
    file: str
    data: dict[str, Any] = field(repr=False)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)

    def line(self, path: KeyPath) -> int | None:
        """Find the line of a key or list item.

        Args:
            path: Keys and list positions from the top, such as ``("user", "emails", 0, "value")``.

        Returns:
            Its line, counted from 1; where the file does not have it, that of the nearest key above it.
        """
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def problem(self, code: Code, path: KeyPath, message: str, hint: str = "") -> Problem:
        """Describe what is wrong at a key, with this file, the key's line and its dotted path."""
        return Problem(code, message, hint=hint, file=self.file, line=self.line(path), field=dotted(path))


def dotted(path: KeyPath) -> str:
    """Write a path as people do: ``user.emails[0].value``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def relative_name(path: Path, root: Path) -> str:
    """Name a file as problems do: relative to the project folder where it is inside, with slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def load_document(path: Path, root: Path) -> Document:
    """Load a YAML file whose top level is keys (an empty file has none).

    Args:
        path: The file.
        root: The project folder.

    Returns:
        Its data of dicts with text keys, lists, text, integers, floats, booleans and None.

    Raises:
        ConfigError: The file cannot be read, is not YAML, has duplicate keys, or its top level is not keys.
    """
    file = relative_name(path, root)
    return parse_document(read_text(path, file, Code.YAML_SYNTAX), path, file)


def read_text(path: Path, file: str, code: Code) -> str:
    """Read a file of UTF-8 text, with or without a byte order mark.

    Args:
        path: The file.
        file: Its name in a problem.
        code: The code of a problem with its bytes.

    Raises:
        ConfigError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        raise ConfigError(Problem(Code.FILE_NOT_FOUND, message, file=file)) from None
    if len(content) > _MAX_BYTES:
        raise ConfigError(Problem(code, f"the file is larger than {_MAX_BYTES:,} bytes", file=file))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "Save the file as UTF-8."
        raise ConfigError(
            Problem(code, "the file is not UTF-8 text", hint=hint, file=file, line=line)
        ) from None


def parse_document(text: str, path: Path, file: str) -> Document:
    """Parse the text of a YAML file; see :func:`load_document`."""
    reader = _Reader()
    try:
        node = _compose(text)
        data = reader.value(node, ()) if node is not None else None
    except (yaml.YAMLError, _RefusedError) as error:
        raise ConfigError([*reader.problems(file), _syntax_problem(error, text, file)]) from None
    if reader.duplicates:
        raise ConfigError(reader.problems(file))
    if data is not None and not isinstance(data, dict):
        hint = "Write keys and their values: key: value."
        raise ConfigError(
            Problem(Code.WRONG_TYPE, "the file must hold keys with values", hint=hint, file=file, line=1)
        )
    return Document(path, file, data or {}, reader.lines)


class _RefusedError(Exception):
    def __init__(self, message: str, node: yaml.Node | yaml.Event, hint: str = "") -> None:
        super().__init__(message)
        self.line = _line(node)
        self.hint = hint


def _line(node: yaml.Node | yaml.Event) -> int:
    return int(node.start_mark.line) + 1  # type: ignore[union-attr]  # only hand-made nodes have no mark


class _Loader(_SafeLoader):
    """The safe loader without the rules of YAML 1.1 for what a value without quotes is."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class attribute, filled below


_TYPES: tuple[tuple[str, re.Pattern[str], Callable[[str], object]], ...] = (
    (_NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), lambda _: None),
    (_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), lambda text: text.lower() == "true"),
    (_INT, re.compile(r"-?(?:0|[1-9][0-9]{0,99})\Z"), int),
    (_FLOAT, re.compile(r"-?(?:0|[1-9][0-9]{0,99})\.[0-9]+(?:[eE][-+]?[0-9]{1,2})?\Z"), float),
)
for _tag, _pattern, _ in _TYPES:
    _Loader.add_implicit_resolver(_tag, _pattern, None)
_Loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])


def _compose(text: str) -> yaml.Node | None:
    depth = 0
    # libyaml's composer recurses in C and overruns the stack on deep nesting: the events are counted first.
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise _RefusedError(f"the file is nested more than {_MAX_DEPTH} levels deep", event)
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


class _Reader:
    """Turns nodes into data, noting the line of each path on the way."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.duplicates: dict[tuple[int, str], int] = {}
        self._left = _MAX_NODES

    def problems(self, file: str) -> list[Problem]:
        hint = "Keep one of the two."
        return [
            Problem(
                Code.YAML_SYNTAX,
                f"the key '{key}' occurs twice, first on line {first}",
                hint=hint,
                file=file,
                line=line,
                field=key,
            )
            for (line, key), first in sorted(self.duplicates.items())
        ]

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._spend(node, path)
        self.lines.setdefault(path, _line(node))
        if node.tag == _MAP:
            return self._keys(node, path)
        if node.tag == _SEQ:
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _keys(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        data = {}
        for name, (key, value) in self._pairs(node, len(path)).items():
            self.lines[(*path, name)] = _line(key)
            data[name] = self.value(value, (*path, name))
        return data

    def _pairs(self, node: yaml.Node, depth: int) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Own keys over merged ones; of several merged mappings the first wins (yaml.org/type/merge.html)."""
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for base in _bases(value):
                    self._spend(base, (0,) * (depth + 1))
                    merged = {**self._pairs(base, depth + 1), **merged}
                continue
            name = _key(key)
            if name in own:
                self.duplicates[_line(key), name] = _line(own[name][0])
            own[name] = (key, value)
        return {**merged, **own}

    def _spend(self, node: yaml.Node, path: KeyPath) -> None:
        self._left -= 1
        if self._left < 0 or len(path) > 2 * _MAX_DEPTH:
            raise _RefusedError(
                "aliases make the file too large",
                node,
                "Use fewer aliases (*name), or none inside each other.",
            )


def _bases(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    for base in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(base, yaml.MappingNode):
            raise _RefusedError("the merge key << takes mappings only", base, "Write <<: *name.")
        yield base


def _key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    expression = isinstance(node, yaml.MappingNode) and node.flow_style
    raise _RefusedError("a key must be a plain text", node, _EXPRESSION_HINT if expression else "")


def _scalar(node: yaml.Node) -> Any:
    text = node.value
    if node.tag in (_STR, _MERGE) and isinstance(text, str):
        return text
    for tag, pattern, convert in _TYPES:
        if node.tag == tag and isinstance(text, str) and pattern.match(text):
            return convert(text)
    name = node.tag.replace("tag:yaml.org,2002:", "!!")
    raise _RefusedError(f"the value cannot be read as {name}", node, "Put quotes around it to make it text.")


def _syntax_problem(error: yaml.YAMLError | _RefusedError, text: str, file: str) -> Problem:
    if isinstance(error, _RefusedError):
        return Problem(Code.YAML_SYNTAX, str(error), hint=error.hint, file=file, line=error.line)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.encode().count(b"\n", 0, error.position) + 1
        message = "the file holds a control character, which YAML does not allow"
        return Problem(Code.YAML_SYNTAX, message, hint="Remove it.", file=file, line=line)
    message = "the file is not YAML"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        # A file that ends too early is wrong in its last line, not in the one after it.
        line = min(error.problem_mark.line, text.rstrip().count("\n")) + 1
        return Problem(
            Code.YAML_SYNTAX, f"{message}: {error.problem}", hint=_hint(text, line), file=file, line=line
        )
    return Problem(Code.YAML_SYNTAX, message, hint=_TEXT_HINT, file=file)


def _hint(text: str, line: int) -> str:
    here = "".join(text.splitlines()[line - 1 : line])
    if re.match(r" *\t", here):
        return "Indent with spaces; YAML does not take tabs."
    return _EXPRESSION_HINT if re.search(r"(?:^|: |- )\s*\{[{%]", here) else _TEXT_HINT
