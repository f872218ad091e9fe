"""Signing in: client credentials (RFC 6749 section 4.4, RFC 7523), and the tokens that were issued."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from scimport.sandbox import clock
from scimport.sandbox.graph import EXPIRED, GraphError, Reason
from scimport.sandbox.settings import Settings

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SignInRefused(Exception):
    """A token request that is refused.

    Args:
        status: HTTP status.
        error: RFC 6749 section 5.2.
        number: Microsoft's AADSTS number.
        description: Its words.
    """

    def __init__(self, status: int, error: str, number: int, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.number = number
        self.description = description

    def body(self, at: int, trace: str) -> dict[str, Any]:
        """The JSON of the answer."""
        stamp = clock.iso(at)[:19].replace("T", " ") + "Z"
        trail = f"Trace ID: {trace} Timestamp: {stamp}"
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.description} {trail}",
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": trace,
        }


def issue(
    connection: sqlite3.Connection, form: Mapping[str, str], settings: Settings, at: int
) -> dict[str, Any]:
    """A token for a client that proves itself with a secret or an assertion.

    Args:
        connection: The database, in a transaction.
        form: The parameters of the request.
        settings: The clients that are known, and how long tokens last.
        at: The present.

    Raises:
        SignInRefused: with what Entra answers.
    """
    _check(form, settings)
    token = token_urlsafe(48)
    _remember(connection, _digest(token), settings, at, form["client_id"])
    seconds = int(settings.token_lifetime) or 86_400
    return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}


def _check(form: Mapping[str, str], settings: Settings) -> None:
    if form.get("grant_type") != "client_credentials":
        raise SignInRefused(
            400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
        )
    if not form.get("client_id"):
        raise SignInRefused(
            400,
            "invalid_request",
            900144,
            "The request body must contain the following parameter: 'client_id'.",
        )
    if not form.get("scope", "").endswith("/.default"):
        raise SignInRefused(
            400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."
        )
    known = settings.clients.get(form["client_id"])
    if settings.clients and known is None:
        raise SignInRefused(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if form.get("client_assertion") and form.get("client_assertion_type") == _ASSERTION:
        return
    if not form.get("client_secret"):
        words = (
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        )
        raise SignInRefused(401, "invalid_client", 7000218, words)
    if known is not None and form["client_secret"] != known:
        raise SignInRefused(401, "invalid_client", 7000215, "Invalid client secret provided.")


def check(
    connection: sqlite3.Connection, authorization: str, settings: Settings, at: int
) -> GraphError | None:
    """Use the token of a request once; returns the 401 when it does not count.

    A bearer value is looked at even where none is required, so that its expiry can be ordered.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return GraphError(401, Reason.TOKEN, "Access token is empty.") if settings.require_token else None
    digest = _digest(token.strip())
    row = connection.execute("SELECT expires, uses FROM token WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        if settings.require_token and not settings.any_token:
            return GraphError(401, Reason.TOKEN, "Access token validation failure. Invalid token.")
        _remember(connection, digest, settings, at)
        row = (at + 1, 0)
    if row[0] <= at or (settings.token_requests and row[1] >= settings.token_requests):
        return GraphError(401, Reason.TOKEN, EXPIRED)
    connection.execute("UPDATE token SET uses = uses + 1 WHERE digest = ?", (digest,))
    return None


def expire(connection: sqlite3.Connection, at: int) -> None:
    """Let every token that has been seen expire."""
    connection.execute("UPDATE token SET expires = min(expires, ?)", (at,))


def client_of(connection: sqlite3.Connection, authorization: str) -> str:
    """Id of the client that a token was issued to; empty when nobody knows."""
    digest = _digest(authorization.partition(" ")[2].strip())
    row = connection.execute("SELECT client FROM token WHERE digest = ?", (digest,)).fetchone()
    return row[0] if row else ""


def _remember(
    connection: sqlite3.Connection, digest: str, settings: Settings, at: int, client: str = ""
) -> None:
    expires = at + (round(settings.token_lifetime * clock.SECOND) or 1000 * clock.DAY)
    connection.execute(
        "INSERT INTO token (digest, expires, client) VALUES (?, ?, ?)", (digest, expires, client)
    )


def _digest(token: str) -> str:
    """What is kept of a token, which may be a real one."""
    return sha256(token.encode()).hexdigest()
