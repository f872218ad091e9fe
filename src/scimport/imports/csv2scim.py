"""An attribute mapping of CSV2SCIM as a mapping file.

CSV2SCIM is Microsoft's script (AzureAD/entra-id-inbound-provisioning, PowerShell/CSV2SCIM). Its mapping is a
hashtable in the shape of the SCIM user. A text names a column; a script block sees each row as ``$_``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scimport.imports.powershell import Items, Node, Script, Table, Text, Word, parse
from scimport.imports.script import NotTurned, Part, expression
from scimport.inspection.proposal import MAPPING_SCHEMA, quoted, reference, scalar
from scimport.mappings.attributes import ENTERPRISE_URN

_REQUIRED = ("externalId", "userName", "active")
_NOT_MAPPED = frozenset(("schemas", "id", "meta"))


@dataclass(frozen=True)
class Left:
    """What could not be turned: its line, its place in the user, and why."""

    line: int
    path: str
    why: str


@dataclass
class Imported:
    """A mapping file.

    Attributes:
        text: The YAML.
        left: What it does not say, in the order of the lines.
    """

    text: str = ""
    left: list[Left] = field(default_factory=list)


def imported(source: str, name: str) -> Imported:
    """Turn an attribute mapping into a mapping file; nothing in it is executed.

    Args:
        source: The text of the .psd1 file.
        name: Its name, for the description.

    Raises:
        SyntaxFault: It is not a file of one hashtable.
    """
    result = Imported()
    lines = list(_table(parse(source), "", 1, result))
    missing = [
        attribute for attribute in _REQUIRED if not any(line.startswith(f"  {attribute}:") for line in lines)
    ]
    lines += [f"  # TODO: {attribute} is missing; every user needs it" for attribute in missing]
    head = [
        MAPPING_SCHEMA.rstrip(),
        f"description: {scalar(f'What {name} says, imported from CSV2SCIM')}",
        "",
    ]
    result.text = "\n".join([*head, "user:", *lines]) + "\n"
    return result


def _table(table: Table, path: str, depth: int, result: Imported) -> Iterator[str]:
    seen: set[str] = set()
    for key, value, line in table.entries:
        inner = f"{path}.{key}" if path else key
        if key.lower() in seen:
            yield from _leave(result, Left(line, inner, "the key occurs twice"), depth)
        elif depth == 1 and key.lower() in _NOT_MAPPED:
            yield from _leave(result, Left(line, inner, "no mapping may say it"), depth)
        else:
            yield from _entry(key, value, inner, depth, result)
        seen.add(key.lower())


def _entry(key: str, value: Node, path: str, depth: int, result: Imported) -> Iterator[str]:
    indent, name = "  " * depth, "enterprise" if key.lower() == ENTERPRISE_URN.lower() else scalar(key)
    if isinstance(value, Table):
        lines = list(_table(value, path, depth + 1, result))
        # A key without anything below it, or comments alone, would be no object.
        yield f"{indent}{name}:" if any(not _is_comment(line) for line in lines) else f"{indent}# {name}:"
        yield from lines
    elif isinstance(value, Items):
        lines = [line for item in value.items for line in _item(item, path, depth + 1, result)]
        yield f"{indent}{name}:" if any(not _is_comment(line) for line in lines) else f"{indent}# {name}:"
        yield from lines
    else:
        try:
            yield f"{indent}{name}: {_leaf(value, path)}"
        except NotTurned as reason:
            yield from _leave(result, Left(value.line, path, f"it cannot be turned: {reason}"), depth, value)


def _item(item: Node, path: str, depth: int, result: Imported) -> Iterator[str]:
    indent = "  " * depth
    if not isinstance(item, Table):
        try:
            yield f"{indent}- {_leaf(item, path)}"
        except NotTurned as reason:
            yield from _leave(result, Left(item.line, path, f"it cannot be turned: {reason}"), depth, item)
        return
    lines = list(_table(item, f"{path}[]", depth + 1, result))
    first = next((number for number, line in enumerate(lines) if not _is_comment(line)), None)
    yield from lines[:first]
    if first is not None:
        yield f"{indent}- {lines[first].lstrip()}"
        yield from lines[first + 1 :]


def _leaf(value: Node, path: str) -> str:
    if isinstance(value, Text) and not value.expands:
        column = reference(value.value)
        # CSV2SCIM hands the text of the cell on; active is a boolean.
        return quoted(f"{{{{ {column}{' | bool' if path == 'active' else ''} }}}}")
    if isinstance(value, Text):
        raise NotTurned("a name of a column made of variables")
    if isinstance(value, Script):
        return _quoted_part(expression(value.source), path)
    if isinstance(value, Word) and value.value.lower() in ("$true", "$false"):
        return value.value[1:].lower()
    if isinstance(value, Word):
        raise NotTurned(f"what begins with {value.value[:30]!r}")
    raise NotTurned("a list or table here")


def _quoted_part(part: Part, path: str) -> str:
    if part.literal is None:
        return quoted(f"{{{{ {part.code} }}}}")
    if path == "active" and part.literal in ("true", "false"):
        return part.literal
    # A constant may hold braces, which would begin an expression.
    return quoted(f"{{{{ {part.code} }}}}") if "{" in part.literal else scalar(part.literal)


def _leave(result: Imported, left: Left, depth: int, value: Node | None = None) -> Iterator[str]:
    result.left.append(left)
    source = (
        value.source if isinstance(value, Script) else value.value if isinstance(value, Text | Word) else ""
    )
    shown = "".join(sign if sign.isprintable() else " " for sign in " ".join(source.split()))
    yield f"{'  ' * depth}# TODO line {left.line}: {_printable(left.path)}: {_printable(left.why)}"
    if shown:
        yield f"{'  ' * depth}#   {shown[:200]}"


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
