"""The values that a user gives the attributes of a directory, mapping by mapping.

``https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scimport.sandbox.attributes import AD, EntryError, Target, empty_in_ad
from scimport.sandbox.bulk import User
from scimport.sandbox.diacritics import strip_diacritics
from scimport.sandbox.mappings import AttributeMapping, ObjectMapping
from scimport.sandbox.paths import Absence
from scimport.sandbox.settings import Settings
from scimport.sandbox.values import EvaluationError, Scope, Value, is_blank, to_flag, to_int, to_list, to_text


@dataclass(frozen=True, slots=True)
class World:
    """What is there beside the user.

    Attributes:
        target: The directory.
        settings: The tenant's choices.
        scope: What functions may ask.
        taken: Whether an object of the directory has a value: attribute, value.
    """

    target: Target
    settings: Settings
    scope: Scope
    taken: Callable[[str, str], bool]


def flow(
    mapping: ObjectMapping, user: User, current: Mapping[str, Any] | None, world: World
) -> dict[str, Any]:
    """The values that flow.

    Args:
        mapping: The mappings of the job.
        user: The SCIM user.
        current: The attributes of the object that is there; None when one is created.
        world: What is there beside the user.

    Returns:
        Values by attribute; None clears it. Attributes that are left as they are, are not in it.

    Raises:
        EntryError: when a value cannot be worked out.
    """
    values: dict[str, Any] = {}
    silent = user.get("active") is None
    for line in mapping.mappings:
        if current is not None and (line.on_create or (line.add_only and line.target in current)):
            continue
        if silent and line.needs_active and not _is_inactive(line, world.settings):
            continue
        if line.direct is not None and line.plain_text:
            text = line.direct(user)
            # Most lines are of this kind, and most people have it.
            if text.__class__ is str and text:
                values[line.target] = text
                continue
        value = _value(line, user, world)
        if is_blank(value):
            _flow_nothing(line, value, user, current, values, world)
        else:
            values[line.target] = _typed(line, value)
    return values


def matching_value(line: AttributeMapping, user: User, world: World) -> str:
    """What a user is matched by; empty for nothing.

    Raises:
        EntryError: when it cannot be worked out.
    """
    try:
        return to_text(line.candidates[0](user, world.scope))
    except EvaluationError as error:
        raise _entry_error(line, error, world.settings) from error


def _evaluate(line: AttributeMapping, user: User, world: World) -> Value:
    try:
        return line.candidates[0](user, world.scope)
    except EvaluationError as error:
        raise _entry_error(line, error, world.settings) from error


def _entry_error(line: AttributeMapping, error: EvaluationError, settings: Settings) -> EntryError:
    return EntryError(error.code or settings.function_error, f"{line.target}: {error.reason}")


def _is_inactive(line: AttributeMapping, settings: Settings) -> bool:
    """Whether a user who does not say whether he is active is taken for one who is not."""
    return line.flows_null or settings.flow_nulls or settings.omitted_active == "disable"


def _value(line: AttributeMapping, user: User, world: World) -> Value:
    if line.needs_active and user.get("active") is None:
        user = {**user, "active": False}
    return _select(line, user, world) if line.selects else _evaluate(line, user, world)


def _select(line: AttributeMapping, user: User, world: World) -> Value:
    """The first value that nobody has; with ``number_names`` off, the first must do."""
    tried = line.candidates if world.settings.number_names else line.candidates[:1]
    for candidate in tried:
        try:
            text = to_text(candidate(user, world.scope))
        except EvaluationError as error:
            raise _entry_error(line, error, world.settings) from error
        if strip_diacritics(text) != text:
            reason = f"{line.target}: SelectUniqueValue cannot look for diacritics; use NormalizeDiacritics."
            raise EntryError(world.settings.function_error, reason)
        if not text or not world.taken(line.target, text):
            return text
    raise EntryError("EntryConflict", f"Another object has the same value for property {line.target}.")


def _typed(line: AttributeMapping, value: Value) -> Any:
    """A value as the directory keeps it.

    Raises:
        EntryError: when it is not of the attribute's type.
    """
    try:
        if line.kind == "Boolean":
            return to_flag(value)
        if line.kind == "Integer":
            return to_int(value)
        return to_list(value) if line.multivalued else to_text(value)
    except EvaluationError:
        reason = f"{line.target} takes one value of the type {line.kind} only."
        raise EntryError("SchemaPropertyCanOnlyAcceptValue", reason) from None


def _flow_nothing(
    line: AttributeMapping,
    value: Value,
    user: User,
    current: Mapping[str, Any] | None,
    values: dict[str, Any],
    world: World,
) -> None:
    """Null or empty: the default when one is created; cleared with *Flow null values*; else ignored.

    ``https://learn.microsoft.com/entra/identity/app-provisioning/clear-attribute-values``
    """
    settings = world.settings
    if current is None and line.default is not None:
        values[line.target] = _typed(line, line.default)
    elif line.precedence or line.ignores_empty:
        return
    elif line.flows_null or (settings.flow_nulls and line.direct is not None):
        if current is not None and not line.multivalued and line.target in current and _is_sent(line, user):
            values[line.target] = None
    elif value == "" and world.target is AD and settings.empty_strings == "fail":
        raise empty_in_ad(line.target)


def _is_sent(line: AttributeMapping, user: User) -> bool:
    """Whether what an attribute is part of is in the payload, though the attribute is not."""
    return any(read(user) is not Absence.OUTSIDE for read in line.sources)
