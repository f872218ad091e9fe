"""How the state keeps what it knows of people: as it is, encrypted, or as digests that only tell a change.

A data key, made here and kept in the state under the key of the environment, seals values (AES-256-GCM, NIST
SP 800-38D, each under a random nonce of 96 bits) and keys digests (BLAKE2b, RFC 7693). What is sealed is
bound to its person: it opens for no other pipeline or key. A stored value says by its beginning what it is.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import Any

import orjson

from scimport.codes import Code
from scimport.digests import digest_name, digest_user
from scimport.errors import StateError
from scimport.model import Problem

KEY_SIZE = 32
"""Bytes of a key."""

_SEALED, _BLIND = b"\x01", b"\x02"
_SEALED_TEXT = "sealed:"
_MASK = "***"
_NONCE = 12
_HEAD = 5
# They say what kind of value there is, or stand in other columns of the state anyway.
_PUBLIC = frozenset(("schemas", "type", "primary", "active", "externalId"))


class Values(StrEnum):
    """What ``state.values`` may say."""

    KEEP = "keep"
    ENCRYPT = "encrypt"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a project wants its state kept.

    Attributes:
        values: What becomes of people's values.
        keys: The key of the environment, then the one before it; none are needed for ``keep``.
    """

    values: Values = Values.KEEP
    keys: tuple[bytes, ...] = field(default=(), repr=False)


KEEP = Keeping()


class Vault:
    """Values as they are: ``keep``."""

    values = Values.KEEP
    digest_key = b""
    """Keys the digests of rows and users: without one, who has the state can try all values there may be."""

    def seal(self, pipeline: str, key: str, body: bytes) -> bytes:
        """Make a user fit to be stored until it is sent."""
        del pipeline, key
        return body

    def open(self, pipeline: str, key: str, stored: bytes) -> bytes:
        """Give a stored user back: as it was, or with digests in place of its values.

        Raises:
            StateError: It was sealed with another key, or for another person.
        """
        if stored.startswith((_SEALED, _BLIND)):
            raise _damaged(pipeline, key)
        return stored

    def rest(self, pipeline: str, key: str, body: bytes) -> bytes:
        """Make a user fit to be stored after it was acknowledged."""
        return self.seal(pipeline, key, body)

    def comparable(self, pipeline: str, key: str, known: bytes, body: bytes) -> bytes:
        """A user that will be sent, in the form of the acknowledged one that ``open`` gave (``known``)."""
        del pipeline, key, known
        return body

    def seal_text(self, pipeline: str, key: str, text: str) -> str:
        """Make the offending value of a problem fit to be stored."""
        del pipeline, key
        return text

    def open_text(self, pipeline: str, key: str, stored: str) -> str:
        """Give a stored value of a problem back."""
        del pipeline, key
        return stored

    def holds(self, stored: bytes | str) -> bool:
        """Whether a stored user or value of a problem is in the form of this vault."""
        if isinstance(stored, str):
            return not stored.startswith(_SEALED_TEXT)
        return not stored.startswith((_SEALED, _BLIND))

    def digest(self, body: bytes) -> bytes:
        """Digest of a user, to tell whether another one is the same."""
        return digest_user(body, self.digest_key)

    def digest_name(self, user_name: str) -> int:
        """Digest of a ``userName``, to tell whether another one is the same."""
        return digest_name(user_name, self.digest_key)


class Sealed(Vault):
    """``encrypt``: values under a data key.

    Args:
        number: Which data key it is; part of what it seals.
        data_key: 32 bytes.
    """

    values = Values.ENCRYPT

    def __init__(self, number: int, data_key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - not needed for keep

        self._cipher = AESGCM(_derived(data_key, b"values"))
        self.digest_key = _derived(data_key, b"digests")
        self._head = _SEALED + number.to_bytes(_HEAD - 1, "big")
        self._text_head = f"{_SEALED_TEXT}{number}:"

    def seal(self, pipeline: str, key: str, body: bytes) -> bytes:
        """Encrypt a user."""
        return self._sealed(b"user", pipeline, key, body) if body else b""

    def open(self, pipeline: str, key: str, stored: bytes) -> bytes:
        """Decrypt a user."""
        # What is not sealed was not put there by us.
        return self._opened(b"user", pipeline, key, stored) if stored else b""

    def seal_text(self, pipeline: str, key: str, text: str) -> str:
        """Encrypt the value of a problem."""
        if not text:
            return ""
        return self._text_head + b64encode(self._sealed(b"problem", pipeline, key, text.encode())).decode()

    def open_text(self, pipeline: str, key: str, stored: str) -> str:
        """Decrypt the value of a problem."""
        if not stored:
            return ""
        if not self.holds(stored):
            raise _damaged(pipeline, key)
        sealed = b64decode(stored.removeprefix(self._text_head))
        return self._opened(b"problem", pipeline, key, sealed).decode()

    def holds(self, stored: bytes | str) -> bool:
        """Whether a stored value is under this data key."""
        if isinstance(stored, str):
            return stored.startswith(self._text_head)
        return stored.startswith(self._head)

    def _sealed(self, kind: bytes, pipeline: str, key: str, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return self._head + nonce + self._cipher.encrypt(nonce, value, _bound(kind, pipeline, key))

    def _opened(self, kind: bytes, pipeline: str, key: str, stored: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        nonce, value = stored[_HEAD : _HEAD + _NONCE], stored[_HEAD + _NONCE :]
        if not self.holds(stored):
            raise _damaged(pipeline, key)
        try:
            return self._cipher.decrypt(nonce, value, _bound(kind, pipeline, key))
        except (InvalidTag, ValueError):
            raise _damaged(pipeline, key) from None


class Blind(Sealed):
    """``digest``: values are sealed until they were sent, and digests afterwards."""

    values = Values.DIGEST

    def open(self, pipeline: str, key: str, stored: bytes) -> bytes:
        """Decrypt a user, or give one with digests."""
        return stored[1:] if is_blind(stored) else super().open(pipeline, key, stored)

    def rest(self, pipeline: str, key: str, body: bytes) -> bytes:
        """Put digests in place of a user's values."""
        return _BLIND + self._blinded(pipeline, key, body)

    def comparable(self, pipeline: str, key: str, known: bytes, body: bytes) -> bytes:
        """Put digests in place of the values, as the known user has them."""
        user = orjson.loads(self._blinded(pipeline, key, body))
        # What a minimal user leaves out is not meant to change.
        return orjson.dumps(user if "userName" in user else {**orjson.loads(known), **user})

    def _blinded(self, pipeline: str, key: str, body: bytes) -> bytes:
        """A user of the same shape, with a digest in place of each value.

        Digests of one value differ from person to person, so that they do not tell who has what in common.
        """
        start = blake2b(f"{pipeline}\0{key}\0".encode(), key=self.digest_key, digest_size=DIGEST_SIZE)

        def blind(node: Any, name: str) -> Any:
            if isinstance(node, dict):
                return {inner: blind(value, inner) for inner, value in node.items()}
            if name in _PUBLIC or node is None:
                return node
            if isinstance(node, list):
                return [blind(value, name) for value in node]
            digest = start.copy()
            digest.update(orjson.dumps([name, node]))
            return f"digest:{digest.hexdigest()}"

        return orjson.dumps(blind(orjson.loads(body), ""))

    def seal_text(self, pipeline: str, key: str, text: str) -> str:
        """Drop the value of a problem."""
        del pipeline, key
        return _MASK if text else ""

    def open_text(self, pipeline: str, key: str, stored: str) -> str:
        """Give what stands for the value."""
        del pipeline, key
        return stored

    def holds(self, stored: bytes | str) -> bool:
        """Whether a stored value is a digest, or under this data key."""
        if isinstance(stored, str):
            return stored == _MASK
        return is_blind(stored) or super().holds(stored)


DIGEST_SIZE = 8
"""Bytes of the digest of one attribute: enough to tell whether it changed."""


def is_blind(stored: bytes) -> bool:
    """Whether a stored user has digests in place of its values."""
    return stored.startswith(_BLIND)


def vault_of(values: Values, number: int, data_key: bytes) -> Vault:
    """The vault of a way to keep values, with the data key of that number."""
    if values is Values.KEEP:
        return Vault()
    return (Sealed if values is Values.ENCRYPT else Blind)(number, data_key)


def wrap(key: bytes, number: int, data_key: bytes) -> bytes:
    """Put a data key under a key of the environment."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data_key, b"scimport data key %d" % number)


def unwrap(keys: tuple[bytes, ...], number: int, wrapped: bytes, fingerprint: str) -> bytes:
    """Take a data key out from under the first of the keys that fits.

    Raises:
        StateError: None does, or there is none.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    for key in keys:
        try:
            return AESGCM(key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"scimport data key %d" % number)
        except InvalidTag:
            continue
    given = " and ".join(fingerprint_of(key) for key in keys)
    has = f"the key given is {given}" if keys else "no key is given"
    message = f"the state is under the key {fingerprint}, and {has}: nothing was read or changed"
    hint = "Set SCIMPORT_STATE_KEY to that key; after a change of keys, SCIMPORT_STATE_OLD_KEY too."
    raise StateError(Problem(Code.STATE_KEY, message, hint=hint))


def fingerprint_of(key: bytes) -> str:
    """What a key may be called in messages and in the state: it tells nothing of the key."""
    return sha256(b"scimport key fingerprint" + key).hexdigest()[:12]


def _derived(data_key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose alone."""
    return blake2b(purpose, key=data_key, digest_size=KEY_SIZE).digest()


def _bound(kind: bytes, pipeline: str, key: str) -> bytes:
    # Names of pipelines are names of files: they hold no NUL.
    return b"%b\0%b\0%b" % (kind, pipeline.encode(), key.encode())


def _damaged(pipeline: str, key: str) -> StateError:
    message = f"a value that the state of {pipeline} keeps cannot be decrypted: it was changed or moved"
    hint = "Restore the state from a backup, or load everybody into a new one."
    return StateError(Problem(Code.STATE_DAMAGED, message, hint=hint, key=key))
