"""What RFC 7643 says of one attribute, and how a path to it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CORE_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_URN: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

ALIASES: Final[Mapping[str, str]] = {"enterprise": ENTERPRISE_URN}
"""Short names that a mapping may use in place of the URN of an extension."""

TYPES: Final = ("string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex")
"""The data types of RFC 7643 section 2.3."""

Path = Sequence[str | int]
"""The keys and list positions that lead to a value: ``("emails", 0, "value")``."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, with its characteristics (RFC 7643 section 2.2).

    The object that holds the attributes of an extension (section 3.3) is a complex attribute named by the
    URN.

    Attributes:
        name: Canonical spelling.
        type: One of :data:`TYPES`.
        multi_valued: Whether its value is a list.
        required: Whether it must be there, in the object that it belongs to.
        mutability: ``readWrite``, ``readOnly``, ``immutable`` or ``writeOnly``.
        case_exact: Whether its values differ when only their case does.
        canonical_values: Values that the schema suggests; others are allowed (section 7).
        reference_types: What a reference points to: ``external``, ``uri``, or names of resource types.
        sub_attributes: What a complex attribute holds, in canonical order.
        returned: When a service provider returns it; nothing here depends on it.
        uniqueness: ``none``, ``server`` or ``global``; nothing here depends on it.
        description: For people.
    """

    name: str
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    mutability: str = "readWrite"
    case_exact: bool = False
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()
    returned: str = "default"
    uniqueness: str = "none"
    description: str = ""

    @property
    def read_only(self) -> bool:
        """Whether only the service provider sets it."""
        return self.mutability == "readOnly"

    @property
    def is_complex(self) -> bool:
        """Whether its value is an object, or a list of objects, with sub-attributes."""
        return self.type == "complex"

    @property
    def is_extension(self) -> bool:
        """Whether it is the object that holds the attributes of an extension."""
        return self.name.startswith("urn:")

    def sub(self, name: str) -> Attribute | None:
        """The sub-attribute spelt exactly so, or None."""
        return next((attribute for attribute in self.sub_attributes if attribute.name == name), None)


def path_text(path: Path) -> str:
    """A path as people write it.

    >>> path_text(("emails", 0, "value"))
    'emails[0].value'
    >>> path_text((ENTERPRISE_URN, "manager", "value"))
    'enterprise.manager.value'
    >>> path_text(("urn:example:acme:1.0:User", "jobCode"))
    'urn:example:acme:1.0:User:jobCode'
    """
    aliases = {urn: alias for alias, urn in ALIASES.items()}
    text = ""
    for place, key in enumerate(path):
        if isinstance(key, int):
            text += f"[{key}]"
        elif not place:
            text = aliases.get(key, key)
        else:
            # RFC 7644 section 3.10 joins the URN of an extension and its attribute by a colon.
            text += f":{key}" if place == 1 and text.startswith("urn:") else f".{key}"
    return text
