"""What the app's attribute mapping makes of a user: the default one, as the sandbox has it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from scimport.codes import Code
from scimport.mappings.attributes import ENTERPRISE_URN
from scimport.mappings.compiler import MappedLeaf
from scimport.mappings.mapping import Mapping
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.sandbox.mappings import ObjectMapping

# `[userName]`, `[emails[type eq "work"].value]`, as expressions of attribute mappings name what they read.
_READ: Final = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]")


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
        Values by attribute of the directory, with the sandbox's domains where the mapping asks for the
        tenant's, and what the provisioning service would refuse.
    """
    from scimport.sandbox.attributes import TARGETS, EntryError  # noqa: PLC0415 - not needed elsewhere
    from scimport.sandbox.flow import World, flow  # noqa: PLC0415
    from scimport.sandbox.settings import Settings  # noqa: PLC0415
    from scimport.sandbox.values import Scope  # noqa: PLC0415

    settings, there, now = Settings(), TARGETS[target], datetime.now(UTC)
    scope = Scope(settings.default_domain, settings.null_condition, lambda: now)
    try:
        values = flow(
            _rules(target), user, None, World(there, settings, scope, lambda _attribute, _value: False)
        )
        there.check(values, settings)
    except EntryError as error:
        return {}, (Problem(Code.RECORD_REJECTED, f"the app would refuse it: {error.reason}"),)
    manager = user.get(ENTERPRISE_URN, {}).get("manager")
    if isinstance(manager, dict) and manager.get("value"):
        values["manager"] = f"whoever has the externalId {manager['value']}"
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
def _schema(target: str) -> dict[str, Any]:
    from scimport.sandbox.schemas import default  # noqa: PLC0415 - the sandbox is not always needed
    from scimport.sandbox.settings import Settings  # noqa: PLC0415

    return dict(default(target, "preview", Settings().ad_domain))


@cache
def _rules(target: str) -> ObjectMapping:
    from scimport.sandbox.attributes import TARGETS  # noqa: PLC0415 - as above
    from scimport.sandbox.mappings import compile_mapping  # noqa: PLC0415
    from scimport.sandbox.settings import Settings  # noqa: PLC0415

    settings = Settings()
    return compile_mapping(_schema(target), TARGETS[target], settings.null_gate, settings.typed_values)


@cache
def _table(target: str) -> dict[str, tuple[str, ...]]:
    """Attributes of the directory by the attribute of the user that their rows read."""
    rows: dict[str, tuple[str, ...]] = {}
    (objects,) = _schema(target)["synchronizationRules"][0]["objectMappings"]
    for row in objects["attributeMappings"]:
        name = row["targetAttributeName"]
        for path in dict.fromkeys(_READ.findall(row["source"]["expression"])):
            rows[path] = (*rows.get(path, ()), name)
    return rows
