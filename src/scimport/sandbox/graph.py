"""Errors as Microsoft Graph writes them (https://learn.microsoft.com/graph/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import orjson

from scimport.sandbox import clock


class Reason(StrEnum):
    """Why a request is refused; :data:`CODES` has what Graph calls it."""

    INVALID = "invalid"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    FORBIDDEN = "forbidden"
    UNKNOWN_PRINCIPAL = "unknown_principal"
    UNKNOWN_JOB = "unknown_job"
    UNKNOWN_PATH = "unknown_path"
    METHOD = "method"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    BUCKET_FULL = "bucket_full"
    FAILED = "failed"
    CONFLICT = "conflict"
    NOT_SUPPORTED = "not_supported"
    CREDENTIALS = "credentials"
    AGENT = "agent"
    DOMAIN = "domain"


# Hardly any is documented; the setting `error_codes` replaces any.
CODES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.INVALID: "BadRequest",
        Reason.TOKEN: "InvalidAuthenticationToken",
        Reason.FORBIDDEN: "Authorization_RequestDenied",
        Reason.UNKNOWN_PRINCIPAL: "Request_ResourceNotFound",
        Reason.UNKNOWN_JOB: "JobNotFound",
        Reason.UNKNOWN_PATH: "ResourceNotFound",
        Reason.METHOD: "MethodNotAllowed",
        Reason.TOO_LARGE: "RequestEntityTooLarge",
        Reason.THROTTLED: "TooManyRequests",
        Reason.BUCKET_FULL: "InternalServerError",
        Reason.FAILED: "ServiceUnavailable",
        Reason.CONFLICT: "Request_MultipleObjectsWithSameKeyValue",
        Reason.NOT_SUPPORTED: "NotSupported",
        Reason.CREDENTIALS: "CredentialsInvalid",
        Reason.AGENT: "HybridSynchronizationActiveDirectoryAgentInactive",
        Reason.DOMAIN: "HybridSynchronizationActiveDirectoryDomainNotFound",
    }
)

BUCKET_FULL = (
    "The bucket that stores the ingested data is full, please wait for the synchronization service to process"
    " the ingested data and retry this request."
)
EXPIRED = "Access token has expired or is not yet valid."


class GraphError(Exception):
    """A request that Graph refuses.

    Args:
        status: HTTP status of the answer.
        reason: Which of :data:`CODES` it gives.
        message: What it says.
        retry_after: Seconds after which to come back, for a 429.
    """

    def __init__(self, status: int, reason: Reason, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


def invalid(message: str) -> GraphError:
    """The 400 for a request that breaks a rule."""
    return GraphError(400, Reason.INVALID, message)


def envelope(code: str, message: str, *, at: int, request_id: str, client_request_id: str) -> bytes:
    """The JSON body of an error answer."""
    inner = {"date": clock.iso(at)[:19], "request-id": request_id, "client-request-id": client_request_id}
    return orjson.dumps({"error": {"code": code, "message": message, "innerError": inner}})


def page(status: int, message: str) -> bytes:
    """An error as a proxy in front of Graph would write it: HTML, which is no JSON."""
    from html import escape  # noqa: PLC0415 - brings the names of all characters; only this needs it

    head = f"<head><title>{status} Service Error</title></head>"
    return (
        f"<!DOCTYPE html><html>{head}<body><h1>{status}</h1><p>{escape(message)}</p></body></html>".encode()
    )
