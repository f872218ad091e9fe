"""What one record is, against what the endpoint last acknowledged. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from scimport.model import ChangeKind
from scimport.state.people import Known

DIGEST_SIZE = 16
"""Bytes of a digest: with a billion people, a collision is less likely than a fault of the hardware."""


def digest_rows(fingerprint: bytes, rows: Iterable[object]) -> list[bytes]:
    """Digests of the columns that a mapping uses, row by row.

    Args:
        fingerprint: The mapping's, so that another mapping never finds a row unchanged.
        rows: Lists or tuples of text, or what a database gives: numbers, dates, booleans, ``None``.
    """
    # JSON keeps cells apart whatever they hold; joining them by a separator would not.
    dumps, begin = orjson.dumps, blake2b(fingerprint, digest_size=DIGEST_SIZE).copy
    digests = []
    for row in rows:
        digest = begin()
        digest.update(dumps(row, _plain))
        digests.append(digest.digest())
    return digests


def digest_user(body: bytes) -> bytes:
    """Digest of a SCIM user as it is sent."""
    return blake2b(body, digest_size=DIGEST_SIZE).digest()


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


def _plain(value: Any) -> str:
    # Decimal, bytes, intervals ...: the type is part of it, since 1 and "1" may map differently.
    return f"{type(value).__name__}:{value!r}"
