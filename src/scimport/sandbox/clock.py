"""Time as the sandbox keeps it: whole microseconds since 1970-01-01T00:00:00Z, which sort as integers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now(offset: float = 0.0) -> int:
    """The present, in microseconds; ``offset`` seconds later than the machine says."""
    return time.time_ns() // 1000 + round(offset * SECOND)


def iso(instant: int) -> str:
    """An instant as Graph writes it: ``2026-10-05T09:00:40.123456Z``."""
    return (_EPOCH + timedelta(microseconds=instant)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> int:
    """Microseconds of an ISO 8601 date or date and time; without an offset it is UTC.

    Raises:
        ValueError: when the text is neither.
    """
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (moment - _EPOCH) // timedelta(microseconds=1)
