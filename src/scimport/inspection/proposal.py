"""The files that a project could begin with: YAML text for a source, a mapping and a pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scimport.inspection.dates import formats
from scimport.inspection.inspection import Inspection, about_key
from scimport.inspection.profile import Column

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./-]*[A-Za-z0-9_/]|[A-Za-z_]")
_YAML_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])
_JINJA_WORDS = frozenset(
    (
        *("and", "or", "not", "in", "is", "if", "else", "elif", "for", "set", "let", "self", "loop"),
        *("true", "false", "none", "True", "False", "None", "vars", "row", "today", "now"),
    )
)
_SCHEMA = "# yaml-language-server: $schema=../.scimport/schemas/{}.schema.json\n"
MAPPING_SCHEMA = _SCHEMA.format("mapping")
"""The first line of a mapping file, for editors."""

_NAMES = ("name.givenName", "name.familyName")
# So many keys are enough to tell their pattern.
_ENOUGH = 20
_ENTRY = re.compile(r'(\w+)\[type eq "(\w+)"\]\.(\w+)')
_UNMAPPED = {
    "hired": "SCIM has no attribute for it; a custom one can hold it",
    "left": "SCIM has no attribute for it; a custom one can hold it",
    "born": "left out: nobody's account needs it",
    "gender": "left out: nobody's account needs it",
    "private": "left out: it looks private",
}


def source_file(found: Inspection, path: str, key: str) -> str:
    """Write the file of a source.

    Args:
        found: What is known of the file.
        path: What ``path:`` is to say.
        key: The key column.
    """
    lines = [_SCHEMA.format("source").rstrip(), f"kind: {found.table.kind}", f"path: {scalar(path)}"]
    lines += [f"{name}: {scalar(value)}" for name, value in found.table.settings.items()]
    nulls = sorted({word for column in found.columns for word in column.null_words})
    lines += [f"null_values: {scalar(nulls)}"] if nulls else []
    lines += [f"key: {scalar(key)} # {about_key(found.column(key))}"]
    lines += (
        [f"min_rows: {found.count // 2} # about half of today's {found.count:,}"] if found.count > 3 else []
    )
    lines += ["", "columns:"]
    rules = [line for column in found.columns for line in _rules(found, column, key)]
    return "\n".join([*lines, *rules]) + "\n"


def mapping_file(found: Inspection, key: str) -> str:
    """Write the file of a mapping; what could not be decided is a comment that says so."""
    domain = _domain(found)
    lines = [MAPPING_SCHEMA.rstrip(), f"description: A record of {found.file} becomes a SCIM user"]
    user = [
        f"  externalId: {quoted(_expression(key))}",
        *_user_name(found, key),
        *_active(found),
        *_tree(found, key),
    ]
    if any("vars.domain" in line for line in user):
        about = "of most e-mail addresses" if _seen_domain(found) else "TODO: the domain of your user names"
        lines += ["", "vars:", f"  domain: {scalar(domain)} # {about}"]
    return "\n".join([*lines, "", "user:", *user, *_left_out(found, key)]) + "\n"


def pipeline_file(name: str) -> str:
    """Write the file of a pipeline to the sandbox."""
    return _SCHEMA.format("pipeline") + (
        f"source: {name}\nmapping: {name}\n\napp:\n  kind: entra\n  target: entra-id\n"
        "  endpoint: sandbox # later the Provisioning API Endpoint of the app, and how to sign in\n\n"
        "leavers: report # who is missing from the file is only reported\n"
    )


def scalar(value: Any) -> str:
    """Write a value of YAML in one line."""
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS
        return value if is_plain else _double(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{scalar(name)}: {scalar(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_double, value)) + "]"
    return json.dumps(value)


# the contract


def _rules(found: Inspection, column: Column, key: str) -> Iterator[str]:
    meaning, remark = found.meanings.get(column.name), ""
    rule: dict[str, Any] = {}
    if column.name == key:
        pattern = _key_pattern(column)
        rule = {"required": True, **({"pattern": pattern} if pattern else {})}
    elif found.active and column.name == found.active[0]:
        rule = {"required": True, "values": sorted(column.values)}
    elif column.kind == "date":
        dates = column.dates
        is_sure = len(dates.shapes) == 1 and not dates.wrong and column.kinds["date"] == column.full
        remark = dates.evidence()
        kind = {"type": "datetime" if dates.has_time else "date"}
        possible = formats(dates.shape)
        rule = kind | ({} if dates.is_iso else {"format": dates.format or possible[0]})
        if not is_sure or dates.format is None:
            other = f" (or {possible[1]})" if dates.format is None else ""
            why = remark or "not every cell is such a date"
            yield f"  # {scalar(column.name)}: {scalar(rule)}{other} # TODO: {why}"
            return
    elif column.name == _user_column(found) or (meaning in _NAMES and column.full == column.cells):
        rule = {"required": True}
    elif meaning is None or meaning in _UNMAPPED:
        return
    text = f"  {scalar(column.name)}:" + (f" {scalar(rule)}" if rule else "")
    yield text + (f" # {remark}" if remark else "")


def _key_pattern(column: Column) -> str | None:
    """What every key looks like; of a number without zeros before it, the next one may be longer."""
    if column.kind == "integer":
        return "[0-9]+"
    return column.pattern if column.zeros or column.full >= _ENOUGH else None


# the mapping


def _user_name(found: Inspection, key: str) -> Iterator[str]:
    name = _user_column(found)
    leaf = _expression(name, " | lower") if name else _expression(key, " | lower") + "@{{ vars.domain }}"
    yield f"  userName: {quoted(leaf)}"


def _user_column(found: Inspection) -> str | None:
    """The column that can be the user name; ``None`` where it must be made of the key."""
    columns = map(found.named, ("userName", 'emails[type eq "work"].value'))
    return next((column.name for column in columns if column is not None and column.is_unique), None)


def _active(found: Inspection) -> Iterator[str]:
    if found.active is not None:
        name, active, inactive = found.active
        compared = (
            f"== {json.dumps(active[0], ensure_ascii=False)}" if len(active) == 1 else f"in {scalar(active)}"
        )
        without = f"; not active: {', '.join(inactive)}" if inactive else ""
        yield f"  # By the words of {name}: active: {', '.join(active) or 'none'}{without}. Is that so?"
        if found.table.kind == "jsonl" and {*active, *inactive} <= {"true", "false"}:
            yield f"  active: {quoted(_expression(name))}"
        else:
            yield f"  active: {quoted('{{ ' + reference(name) + ' ' + compared + ' }}')}"
        return
    column = found.named("status")
    why = (
        f"the values of {column.name} are not known to mean active or not"
        if column
        else "no column says who is active"
    )
    example = f"'{{{{ {reference(column.name)} == \"...\" }}}}'" if column else "true"
    yield f"  # TODO: {why}. Until active is here, `scimport check` reports it. Write for example:"
    yield f"  # active: {example}" + ("" if column else " # if the file holds active people only")


def _tree(found: Inspection, key: str) -> Iterator[str]:
    made = {meaning: _leaf(found, meaning, name) for name, meaning in found.meanings.items()}
    # Entra takes nobody without one.
    names = [column.name for column in map(found.named, _NAMES) if column] or [_user_column(found) or key]
    if (shown := found.named("displayName")) is None:
        made["displayName"] = " ".join(map(_expression, names))
    elif shown.full < shown.cells:
        others = " ~ ' ' ~ ".join(map(reference, names))
        made["displayName"] = _expression(shown.name, f" | default({others}, true)")
    for name in ("displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone"):
        yield from [f"  {name}: {quoted(made[name])}"] if name in made else []
    for group in ("name", "enterprise"):
        inner = {path[len(group) + 1 :]: leaf for path, leaf in made.items() if path.startswith(f"{group}.")}
        yield from [f"  {group}:"] if inner else []
        for path, leaf in inner.items():
            parent, _, last = path.rpartition(".")
            yield from [f"    {parent}:"] if parent else []
            yield f"    {'  ' if parent else ''}{last}: {quoted(leaf)}"
    for group in ("emails", "phoneNumbers", "addresses"):
        yield from _entries(group, made)


def _entries(group: str, made: dict[str, str]) -> Iterator[str]:
    entries: dict[str, dict[str, str]] = {}
    for path, leaf in made.items():
        if (entry := _ENTRY.fullmatch(path)) and entry[1] == group:
            entries.setdefault(entry[2], {})[entry[3]] = leaf
    yield from [f"  {group}:"] if entries else []
    for kind, leaves in entries.items():
        yield f"    - type: {kind}"
        yield from ["      primary: true"] if group == "emails" else []
        yield from (f"      {name}: {quoted(leaf)}" for name, leaf in leaves.items())


def _leaf(found: Inspection, meaning: str, name: str) -> str:
    column, written = found.column(name), reference(name)
    if column.kind == "e-mail":
        return _expression(name, " | lower")
    if meaning in _NAMES and any(value.isupper() and len(value) > 2 for value in column.values):
        return f"{{{{ {written} | pcase if {written} is upper else {written} }}}}"
    if meaning.endswith(".country") and set(map(len, column.values)) == {2}:
        return _expression(name, " | upper")
    return _expression(name)


def _left_out(found: Inspection, key: str) -> Iterator[str]:
    used = {key, found.active[0] if found.active else ""}
    left = []
    for column in found.columns:
        meaning = found.meanings.get(column.name)
        if column.name in used or (
            meaning and meaning not in _UNMAPPED and meaning not in ("status", "externalId")
        ):
            continue
        if meaning == "status" and not found.active:
            continue
        why = _UNMAPPED.get(meaning or "", "")
        left.append(f"#   {column.name}" + (f": {why}" if why else ""))
    yield from ["", "# Columns that are not used:", *left] if left else []


def _seen_domain(found: Inspection) -> str:
    email = found.named('emails[type eq "work"].value')
    if email is None or not email.domains:
        return ""
    domain, count = email.domains.most_common(1)[0]
    return domain if count * 2 > email.full else ""


def _domain(found: Inspection) -> str:
    return _seen_domain(found) or "example.com"


def _expression(name: str, filters: str = "") -> str:
    return f"{{{{ {reference(name)}{filters} }}}}"


def reference(name: str) -> str:
    """Write a column as expressions do: its name, or ``row["Any Name"]``."""
    if name.isascii() and name.isidentifier() and name not in _JINJA_WORDS and not name.startswith("_"):
        return name
    return f"row[{json.dumps(name, ensure_ascii=False)}]"


def quoted(text: str) -> str:
    """Write a text of YAML in quotes, the ones that need fewest escapes."""
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return _double(text)


def _double(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in escaped)
