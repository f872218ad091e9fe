"""Digests of rows and users: what is compared in place of the values."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

DIGEST_SIZE = 16
"""Bytes of a digest: with a billion people, a collision is less likely than a fault of the hardware."""


def digest_rows(fingerprint: bytes, rows: Iterable[object], key: bytes = b"") -> list[bytes]:
    """Digests of the columns that a mapping uses, row by row.

    Args:
        fingerprint: The mapping's, so that another mapping never finds a row unchanged.
        rows: Lists or tuples of text, or what a database gives: numbers, dates, booleans, ``None``.
        key: Keeps who does not have it from trying values; empty for none.
    """
    # JSON keeps cells apart whatever they hold; joining them by a separator would not.
    dumps, begin = orjson.dumps, blake2b(fingerprint, digest_size=DIGEST_SIZE, key=key).copy
    digests = []
    for row in rows:
        digest = begin()
        digest.update(dumps(row, _plain))
        digests.append(digest.digest())
    return digests


def digest_user(body: bytes, key: bytes = b"") -> bytes:
    """Digest of a SCIM user as it is sent, under a key as in :func:`digest_rows`."""
    return blake2b(body, digest_size=DIGEST_SIZE, key=key).digest()


def digest_name(user_name: str, key: bytes = b"") -> int:
    """Digest of a ``userName``, in which case does not count (RFC 7643 section 4.1.1): 64 bits, not 0."""
    digest = blake2b(user_name.casefold().encode(), digest_size=8, key=key).digest()
    return int.from_bytes(digest, signed=True) or 1


def _plain(value: Any) -> str:
    # Decimal, bytes, intervals ...: the type is part of it, since 1 and "1" may map differently.
    return f"{type(value).__name__}:{value!r}"
