"""Changes keys in a YAML file of the project, and leaves everything else as it is: comments, order, style."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.project.document import Document, parse_document

_PLAIN = re.compile(r"[A-Za-z][\w.@/=+:-]*(?: [\w.@/=+-]+)*(?<!:)")
_WORDS = ("true", "false", "null", "yes", "no", "on", "y", "n")


def rewritten(document: Document, parent: str, changes: Mapping[str, Any]) -> str:
    """Set keys below a key of the top level.

    Args:
        document: The file, as it is on disk.
        parent: The key of the top level, which must be there and hold keys.
        changes: Values by key; None takes a key away.

    Returns:
        The new text of the file.

    Raises:
        ConfigError: The file is written in a way that cannot be changed like this.
    """
    text = document.path.read_text("utf-8")
    for key, value in changes.items():
        text = _changed(text, parent, key, value)
    wanted = {**document.data[parent], **changes}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if parse_document(text, document.path, document.file).data.get(parent) != wanted:
        message = f"the keys below {parent} cannot be changed without disturbing the rest"
        hint = f"Change them by hand: {', '.join(changes)}."
        raise ConfigError(document.problem(Code.BAD_VALUE, (parent,), message, hint))
    return text


def _changed(text: str, parent: str, key: str, value: Any) -> str:
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    node = next(child for name, child in root.value if name.value == parent)
    found = next(((name, child) for name, child in node.value if name.value == key), None)
    if node.flow_style:
        return _in_flow(text, node, found, key, value)
    return _in_block(text, node, found, key, value)


def _in_flow(text: str, node: Any, found: Any, key: str, value: Any) -> str:
    if found is None:
        if value is None:
            return text
        end = text.rindex("}", 0, node.end_mark.index)
        while text[end - 1] == " ":
            end -= 1
        comma = ", " if node.value else " "
        return f"{text[:end]}{comma}{key}: {_flow(value)}{text[end:]}"
    name, child = found
    if value is not None:
        return f"{text[: child.start_mark.index]}{_flow(value)}{text[child.end_mark.index :]}"
    start, end = name.start_mark.index, child.end_mark.index
    rest = re.match(r"\s*,\s*", text[end:])
    if rest:
        return text[:start] + text[end + rest.end() :]
    return re.sub(r"\s*,\s*$", "", text[:start]) + text[end:]


def _in_block(text: str, node: Any, found: Any, key: str, value: Any) -> str:
    lines = text.splitlines(keepends=True)
    indent = node.value[0][0].start_mark.column
    if found is None:
        if value is None:
            return text
        last = _last_line(node)
        if not lines[last].endswith("\n"):
            lines[last] += "\n"
        lines[last + 1 : last + 1] = _block(key, value, indent)
        return "".join(lines)
    name, child = found
    first, last = name.start_mark.line, _last_line(child)
    if value is None:
        del lines[first : last + 1]
    elif (
        isinstance(child, yaml.ScalarNode)
        and child.style not in ("|", ">")
        and not isinstance(value, dict | list)
    ):
        return f"{text[: child.start_mark.index]}{_flow(value)}{text[child.end_mark.index :]}"
    else:
        lines[first : last + 1] = _block(key, value, indent)
    return "".join(lines)


def _on_its_line(node: Any) -> bool:
    """Whether a value is a text or a number beside its key."""
    return isinstance(node, yaml.ScalarNode) and node.style not in ("|", ">") and bool(node.value)


def _last_line(node: Any) -> int:
    """The last line of a node, without the blank lines and comments after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        at_start = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line
        return int(node.end_mark.line - at_start)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def _block(key: str, value: Any, indent: int) -> list[str]:
    space = " " * indent
    if isinstance(value, dict) and value:
        inner = [f"{space}  {_flow(name)}: {_flow(each)}\n" for name, each in value.items()]
        return [f"{space}{key}:\n", *inner]
    if isinstance(value, list) and value:
        return [f"{space}{key}:\n", *(f"{space}  - {_flow(each)}\n" for each in value)]
    return [f"{space}{key}: {_flow(value)}\n"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_flow(name)}: {_flow(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and ": " not in text and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
