"""What an endpoint's answer to a bulk request means."""

from __future__ import annotations

import email.utils
import http
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from scimport.apps.outbox import DeliveryResult
from scimport.apps.words import one_line, words_of

MAX_RETRY_AFTER = 900.0
"""Seconds that a server may ask to wait; more is cut to this, so that its mistake cannot hang a run."""

_REFUSALS = frozenset({400, 413, 415, 422})
_TRANSIENT = frozenset({408, 425})


class Cause(StrEnum):
    """Where a request ended: with an answer, before it was sent, or somewhere after that."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one POST.

    Attributes:
        result: What it means for the people in the request.
        cause: Where it ended.
        status: HTTP status; None without an answer.
        words: The server's words, or ours about the connection: one line, at most 300 characters, no token.
            They may quote people's values until :func:`scimport.apps.words.mask_values` has gone over them.
        request_id: The server's ``request-id``, to quote to support.
        retry_after: Seconds that the server asks to wait, at most ``MAX_RETRY_AFTER``; None for no wish.
    """

    result: DeliveryResult
    cause: Cause = Cause.ANSWERED
    status: int | None = None
    words: str = ""
    request_id: str = ""
    retry_after: float | None = None


def answer_of(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Read an answer.

    Args:
        status: HTTP status.
        headers: Its headers, with names in lower case.
        body: The first bytes of its body.
    """
    reason = ""
    with suppress(ValueError):
        reason = http.HTTPStatus(status).phrase
    return Answer(
        result=classify(status, body, headers.get("content-type", "")),
        status=status,
        words=words_of(body, f"HTTP {status} {reason}".strip()),
        request_id=one_line(headers.get("request-id", "")),
        retry_after=retry_after(headers.get("retry-after", ""), headers.get("date", "")),
    )


def classify(status: int, body: bytes = b"", content_type: str = "") -> DeliveryResult:
    """Say what a status means for the people in the request.

    The codes in Graph's error bodies are not documented for bulkUpload, so that only the status counts, and
    for a full queue the words of the message, which are.
    """
    if 200 <= status < 300:
        # A web page comes from a proxy or a sign-in page on the way, whatever its status: nobody was staged.
        page = status != 202 and content_type.lower().startswith("text/html")
        return DeliveryResult.DENIED if page else DeliveryResult.ACCEPTED
    if status == 429:
        return DeliveryResult.THROTTLED
    if status >= 500 or status in _TRANSIENT:
        text = body.lower()
        return DeliveryResult.BUCKET_FULL if b"bucket" in text and b"full" in text else DeliveryResult.FAILED
    return DeliveryResult.REFUSED if status in _REFUSALS else DeliveryResult.DENIED


def retry_after(value: str, date: str = "") -> float | None:
    """Read a ``Retry-After`` header (RFC 9110 section 10.2.3).

    Args:
        value: Seconds, or an HTTP date.
        date: The answer's ``Date`` header, which a date is counted from, so that clocks need not agree.

    Returns:
        Seconds from 0 to ``MAX_RETRY_AFTER``; None where the header is absent or makes no sense.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    until = _http_date(value)
    if until is None:
        return None
    seconds = (until - (_http_date(date) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def server_time(date: str) -> float | None:
    """Seconds since 1970 by the endpoint's clock, as its ``Date`` header has it; None where it has none."""
    moment = _http_date(date)
    return None if moment is None else moment.timestamp()


def _http_date(value: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
