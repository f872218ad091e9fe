"""What differs between the wanted app and the one in the tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from scimport.provisioning.schema import Parts, Row, null_sources, scope_of
from scimport.provisioning.wanted import Settings, Wanted


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that ``app apply`` changes.

    Attributes:
        action: ``add``, ``change`` or ``remove``.
        what: ``app``, ``job``, ``name``, ``setting``, ``attribute``, ``mapping``, ``nulls`` or ``scope``.
        name: Which one of them.
        before: What is in the tenant; empty when it is not there.
        after: What is wanted; empty when it goes.
    """

    action: Literal["add", "change", "remove"]
    what: str
    name: str
    before: str = ""
    after: str = ""


def settings_differences(found: Settings, wanted: Settings) -> Iterator[Difference]:
    """Compare settings."""
    for field in fields(Settings):
        before, after = getattr(found, field.name), getattr(wanted, field.name)
        if before != after:
            action: Literal["add", "change"] = "change" if before not in ("", None) else "add"
            yield Difference(action, "setting", field.name, _shown(before), _shown(after))


def schema_differences(parts: Parts, rows: Mapping[str, Row], wanted: Wanted) -> Iterator[Difference]:
    """Compare a schema with the wanted one.

    Args:
        parts: What is in the tenant.
        rows: The wanted attribute mappings.
        wanted: The wanted app.
    """
    for name, kind in wanted.attributes.items():
        if name not in parts.source_names:
            yield Difference("add", "attribute", name, after=kind)
    yield from row_differences(parts.rows, rows)
    gates, there = null_sources(rows.values()), set(parts.null_sources)
    yield from (Difference("add", "nulls", name, after="flow") for name in sorted(gates - there))
    yield from (Difference("remove", "nulls", name, before="flow") for name in sorted(there - gates))
    if parts.scope != scope_of(wanted.scope):
        before, after = _scope(parts.scope), _scope(scope_of(wanted.scope))
        action: Literal["add", "change", "remove"] = (
            "change" if before and after else "add" if after else "remove"
        )
        yield Difference(action, "scope", "scoping filter", before, after)


def row_differences(found: Mapping[str, Row], wanted: Mapping[str, Row]) -> Iterator[Difference]:
    """Compare attribute mappings."""
    for name in sorted(found.keys() | wanted.keys(), key=str.lower):
        before, after = found.get(name), wanted.get(name)
        if before == after:
            continue
        if before is None:
            yield Difference("add", "mapping", name, after=described(after))
        elif after is None:
            yield Difference("remove", "mapping", name, before=described(before))
        else:
            yield Difference("change", "mapping", name, described(before), described(after))


def described(row: Row | None) -> str:
    """A mapping in one line."""
    if row is None:
        return ""
    more = [
        *(["on create"] if row.when == "create" else []),
        *([f"match {row.match}"] if row.match else []),
        *([f"default {row.default}"] if row.default else []),
        *(["nulls flow"] if row.nulls else []),
    ]
    return f"{row.expression}  ({', '.join(more)})" if more else row.expression


def _scope(groups: tuple[tuple[tuple[str, str, str | None], ...], ...]) -> str:
    return " or ".join(
        "(" + " and ".join(" ".join(filter(None, clause)) for clause in group) + ")" for group in groups
    )


def _shown(value: Any) -> str:
    if value is None:
        return "off"
    return str(value).lower() if isinstance(value, bool) else str(value)
