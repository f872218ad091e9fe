"""What one record is, against what the endpoint last acknowledged. Pure functions."""

from __future__ import annotations

import orjson

from scimport.mappings.attributes import CORE_URN, ENTERPRISE_URN
from scimport.model import ChangeKind
from scimport.state.people import Known


def kind_of(known: Known | None, *, active: bool) -> ChangeKind:
    """Joiner, mover or leaver: what a user that differs from the last acknowledged one is.

    Args:
        known: The person as last acknowledged; ``None`` when that never happened.
        active: Whether the user is active now. Someone who comes back is a mover.
    """
    if known is None:
        return ChangeKind.JOINER
    return ChangeKind.LEAVER if known.active and not active else ChangeKind.MOVER


def deactivated(body: bytes) -> bytes:
    """The last full record of a person with ``active`` false: everything else stays as it was.

    A full record is sent, since an endpoint that lets nulls flow clears what is left out (entra-facts 2.9).
    """
    user = orjson.loads(body)
    user["active"] = False
    return orjson.dumps(user)


def minimal(external_id: str) -> bytes:
    """A leaver whose values are not known any more: the account by ``externalId``, and ``active`` false.

    Both schemas must be named (entra-facts 2.3). What is left out stays as it is in the directory, unless the
    app lets nulls flow (entra-facts 2.9).
    """
    return orjson.dumps({"schemas": [CORE_URN, ENTERPRISE_URN], "externalId": external_id, "active": False})
