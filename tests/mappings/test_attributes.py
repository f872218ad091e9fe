from __future__ import annotations

import doctest

from scimport.mappings import attributes
from scimport.mappings.attributes import ENTERPRISE_URN, Attribute


def test_examples() -> None:
    assert doctest.testmod(attributes).failed == 0


def test_kinds() -> None:
    assert Attribute(ENTERPRISE_URN, "complex").is_extension
    assert not Attribute("name", "complex").is_extension
    assert Attribute("id", mutability="readOnly").read_only
    assert not Attribute("userName").read_only
