"""The bytes of a bulk request (RFC 7644 section 3.7), as Graph's ``bulkUpload`` wants them."""

from __future__ import annotations

from collections.abc import Sequence

from scimport.apps.outbox import MAX_OPERATIONS, Operation

_OPENING = b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":['
_OPERATION = b'{"method":"POST","bulkId":"%d","path":"/Users","data":'
_CLOSING = b'}],"failOnErrors":null}'


def bulk_request(operations: Sequence[Operation]) -> bytes:
    """Join prepared users to the body of one request.

    The users' bytes are copied, never parsed: what was validated is what is sent. ``bulkId`` is the id of the
    change, which is unique in the state and therefore in the request.

    Args:
        operations: 1 to 50 people, each with a change id of its own.

    Returns:
        One JSON object, UTF-8, with ``schemas``, ``Operations`` and ``failOnErrors``, in that order.

    Raises:
        ValueError: None, too many, or a change id twice.
    """
    if not 1 <= len(operations) <= MAX_OPERATIONS:
        raise ValueError(f"a bulk request holds 1 to {MAX_OPERATIONS} operations, not {len(operations)}")
    if len({operation.change_id for operation in operations}) < len(operations):
        raise ValueError("every operation of a bulk request needs a bulkId of its own")
    # One copy of each user, into the request itself.
    parts: list[bytes] = []
    before = _OPENING
    for number, _, body in operations:
        parts += (before, _OPERATION % number, body)
        before = b"},"
    return b"".join((*parts, _CLOSING))
