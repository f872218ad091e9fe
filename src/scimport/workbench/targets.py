"""What the app's attribute mapping makes of a user: the default one, as the sandbox has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from scimport.mappings.attributes import ENTERPRISE_URN
from scimport.mappings.compiler import MappedLeaf
from scimport.mappings.mapping import Mapping


def target_attributes(target: str, mapping: Mapping, leaf: MappedLeaf) -> tuple[str, ...]:
    """Attributes of the directory that a leaf flows to by the app's default attribute mapping.

    Args:
        target: ``entra-id`` or ``on-premises-ad``.
        mapping: The compiled mapping, which knows the types of list entries.
        leaf: One of its leaves.
    """
    types = {one.path: one.value for one in mapping.leaves if one.is_constant}
    return _table(target).get(_app_path(leaf.path, types), ())


def _app_path(path: str, types: dict[str, object]) -> str:
    """A path as the app writes it: ``emails[type eq "work"].value``, URN and colon for an extension."""
    found = re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", path)
    if found:
        return f'{found[1]}[type eq "{types.get(f"{found[1]}[{found[2]}].type")}"].{found[3]}'
    if path.startswith("enterprise."):
        return f"{ENTERPRISE_URN}:{path.removeprefix('enterprise.').removesuffix('.value')}"
    return path


@cache
def _table(target: str) -> dict[str, tuple[str, ...]]:
    from scimport.sandbox.attributes import TARGETS  # noqa: PLC0415 - the sandbox is not always needed

    rows: dict[str, tuple[str, ...]] = {}
    for row in TARGETS[target].mappings:
        for source in (row.source,) if row.source else tuple(_sources(row.target)):
            rows[source] = (*rows.get(source, ()), row.target)
    manager = f"{ENTERPRISE_URN}:manager"
    return {**rows, manager: (TARGETS[target].reference[0],)}


def _sources(name: str) -> Iterator[str]:
    """What an expression of the default mapping is made of."""
    if name in ("accountEnabled", "accountDisabled"):
        yield "active"
    elif name in ("userPrincipalName", "mailNickname", "sAMAccountName"):
        yield "userName"
    elif name == "cn":
        yield "displayName"
