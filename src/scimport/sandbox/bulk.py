"""The bulk request: what it must look like, by Graph's resource type bulkUpload and RFC 7644 section 3.7.

``https://learn.microsoft.com/graph/api/resources/synchronization-bulkupload``
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import orjson

from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.settings import Settings

User = dict[str, Any]

MEDIA_TYPE: Final = "application/scim+json"
BULK_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def read_users(
    body: bytes, content_type: str, settings: Settings, refused: Collection[str] = frozenset()
) -> list[User]:
    """The users of a bulk request, in its order.

    Args:
        body: The request's body.
        content_type: The request's media type; empty when it has none.
        settings: Whether to be strict, and the limits.
        refused: Values of ``externalId`` that are refused, whatever they come with.

    Raises:
        GraphError: 400 or 413; the message names the operation that breaks a rule.
    """
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise invalid(f"Invalid Data Format: the header Content-Type must be '{MEDIA_TYPE}'.")
    if settings.max_payload_bytes and len(body) > settings.max_payload_bytes:
        raise GraphError(413, Reason.TOO_LARGE, f"The request exceeds {settings.max_payload_bytes} bytes.")
    operations = _operations(body, settings)
    seen: set[str] = set()
    check = _strict if settings.strict else _lenient
    for index, operation in enumerate(operations):
        if breach := check(operation, seen):
            raise invalid(f"Invalid Data Format: {_name(index, operation)}: {breach}.")
    users: list[User] = [operation["data"] for operation in operations]
    if refused:
        _refuse(operations, refused)
    return users


def _operations(body: bytes, settings: Settings) -> list[Any]:
    """The operations of a request whose envelope is right."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid("Invalid Data Format: the request body is not JSON.") from error
    if not isinstance(request, dict):
        raise invalid("Invalid Data Format: the request body must be an object.")
    if breach := _envelope(request, strict=settings.strict):
        raise invalid(f"Invalid Data Format: {breach}.")
    operations: list[Any] = request["Operations"]
    if not 1 <= len(operations) <= settings.max_operations:
        limit = settings.max_operations
        raise invalid(
            f"Invalid Data Format: Operations holds {len(operations)} operations, not 1 to {limit}."
        )
    return operations


def _envelope(request: dict[str, Any], *, strict: bool) -> str:
    """What is wrong with the request around its operations; empty when nothing is."""
    schemas = request.get("schemas")
    if strict and schemas != [BULK_REQUEST]:
        return f"schemas must be ['{BULK_REQUEST}']"
    if not strict and schemas is not None and not isinstance(schemas, list):
        return "schemas must be an array"
    if not isinstance(request.get("Operations"), list):
        return "Operations must be an array"
    errors = request.get("failOnErrors")
    if strict and errors is not None and type(errors) is not int:
        return "failOnErrors must be null or an integer"
    return ""


def _strict(operation: Any, seen: set[str]) -> str:
    """The first documented rule that an operation breaks; empty when it keeps them all."""
    if not isinstance(operation, dict):
        return "it must be an object"
    if operation.get("method") != "POST":
        return "method must be 'POST'"
    if operation.get("path") != "/Users":
        return "path must be '/Users'"
    bulk_id = operation.get("bulkId")
    if not isinstance(bulk_id, str) or not bulk_id:
        return "bulkId must be a string that is not empty"
    if bulk_id in seen:
        return "bulkId must be unique in the request"
    seen.add(bulk_id)
    return _strict_user(operation.get("data"))


def _strict_user(user: Any) -> str:
    """The first rule that the data of an operation breaks."""
    if not isinstance(user, dict):
        return "data must be an object"
    schemas = user.get("schemas")
    if not isinstance(schemas, list) or not all(isinstance(schema, str) for schema in schemas):
        return "data.schemas must be an array of strings"
    if CORE not in schemas or ENTERPRISE not in schemas:
        return f"data.schemas must contain '{CORE}' and '{ENTERPRISE}'"
    if not _is_text(user.get("externalId")) or not user["externalId"]:
        return "data.externalId must be a string that is not empty"
    for name, value in user.items():
        check = _TYPES.get(name)
        if check is not None and value is not None and not check[0](value):
            return f"data.{name} must be {check[1]}"
    return ""


def _lenient(operation: Any, seen: set[str]) -> str:  # noqa: ARG001 - the same face as the strict check
    """What keeps an operation from being read at all."""
    if not isinstance(operation, dict):
        return "it must be an object"
    user = operation.get("data")
    if not isinstance(user, dict):
        return "data must be an object"
    if not isinstance(user.get("schemas", []), list):
        return "data.schemas must be an array"
    return ""


def _refuse(operations: list[Any], refused: Collection[str]) -> None:
    """Refuse the request when one of its users has been ordered to be."""
    for index, operation in enumerate(operations):
        if str(operation["data"].get("externalId")) in refused:
            raise invalid(
                f"Invalid Data Format: {_name(index, operation)}: the sandbox was told to refuse it."
            )


def _name(index: int, operation: Any) -> str:
    """An operation's place in the request, and its bulkId where it has one."""
    bulk_id = operation.get("bulkId") if isinstance(operation, dict) else None
    return f"Operations[{index}]" + (f" (bulkId '{bulk_id}')" if isinstance(bulk_id, str) else "")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_name(value: Any) -> bool:
    return isinstance(value, dict) and _has_texts(value, _NAME_PARTS)


def _is_enterprise(value: Any) -> bool:
    if not isinstance(value, dict) or not _has_texts(value, _ENTERPRISE_PARTS):
        return False
    manager = value.get("manager")
    return manager is None or (isinstance(manager, dict) and _has_texts(manager, ("value",)))


def _has_texts(parts: dict[str, Any], names: tuple[str, ...]) -> bool:
    return all(isinstance(parts[name], str) for name in names if parts.get(name) is not None)


_NAME_PARTS = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ENTERPRISE_PARTS = ("employeeNumber", "costCenter", "organization", "division", "department")
_TEXTS = (
    *("userName", "displayName", "nickName", "profileUrl", "title", "userType"),
    *("preferredLanguage", "locale", "timezone"),
)
_LISTS = ("emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates")

# RFC 7643 section 4: the types of what is known. What is not known is not looked at, since Entra ignores it.
_TYPES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    **dict.fromkeys(_TEXTS, (_is_text, "a string")),
    **dict.fromkeys(_LISTS, (_is_list, "an array of objects")),
    "active": (_is_flag, "true or false"),
    "name": (_is_name, "an object of strings"),
    ENTERPRISE: (_is_enterprise, "an object of strings, with manager as an object"),
}
