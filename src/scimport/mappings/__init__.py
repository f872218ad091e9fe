"""Transform: a mapping turns the rows of a source into SCIM users, and says what is wrong with them."""

from scimport.mappings.compiler import MappedLeaf
from scimport.mappings.mapping import (
    OUT_OF_SCOPE,
    Explanation,
    Fault,
    LeafValue,
    Mapping,
    OutOfScope,
    Result,
    compile_mapping,
)
from scimport.mappings.scim import UserSchema, json_schema, load_user_schema
from scimport.mappings.validation import UserValidator

__all__ = [
    "OUT_OF_SCOPE",
    "Explanation",
    "Fault",
    "LeafValue",
    "MappedLeaf",
    "Mapping",
    "OutOfScope",
    "Result",
    "UserSchema",
    "UserValidator",
    "compile_mapping",
    "json_schema",
    "load_user_schema",
]
