"""What the app's attribute mapping makes of a user: the default one, as the sandbox has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from scimport.codes import Code
from scimport.mappings.attributes import ENTERPRISE_URN
from scimport.mappings.compiler import MappedLeaf
from scimport.mappings.mapping import Mapping
from scimport.model import Problem


def target_attributes(target: str, mapping: Mapping, leaf: MappedLeaf) -> tuple[str, ...]:
    """Attributes of the directory that a leaf flows to by the app's default attribute mapping.

    Args:
        target: ``entra-id`` or ``on-premises-ad``.
        mapping: The compiled mapping, which knows the types of list entries.
        leaf: One of its leaves.
    """
    types = {one.path: one.value for one in mapping.leaves if one.is_constant}
    return _table(target).get(_app_path(leaf.path, types), ())


def target_values(target: str, user: dict[str, Any]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What the default attribute mapping makes of a user that is not there yet.

    Args:
        target: ``entra-id`` or ``on-premises-ad``.
        user: The SCIM user.

    Returns:
        Values by attribute of the directory, with the sandbox's default domain where the mapping asks for the
        tenant's, and what the provisioning service would refuse.
    """
    from scimport.sandbox.attributes import TARGETS, Context, EntryError, flow, manager_of  # noqa: PLC0415
    from scimport.sandbox.settings import Settings  # noqa: PLC0415

    context = Context(Settings(), lambda _column, _name: False, {})
    try:
        values = dict(flow(TARGETS[target], user, None, context))
    except EntryError as error:
        return {}, (Problem(Code.RECORD_REJECTED, f"the app would refuse it: {error.reason}"),)
    manager = manager_of(user)
    if isinstance(manager, str) and manager:
        values[TARGETS[target].reference[0]] = f"whoever has the externalId {manager}"
    return values, ()


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
