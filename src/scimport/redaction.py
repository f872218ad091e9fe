"""Keeps secrets, and what databases answer, out of every log of the process, at any level."""

from __future__ import annotations

import logging
import threading
from typing import Any

SHORTEST = 6
"""Characters of a secret that is looked for; shorter ones would take words apart."""

_MASK = "***"
_lock = threading.Lock()
_secrets: set[str] = set()


def hide(secret: str) -> None:
    """Replace a secret by ``***`` in everything that this process logs from now on."""
    if len(secret) >= SHORTEST and secret not in _secrets:
        with _lock:
            _secrets.add(secret)
            _install()


def hide_rows() -> None:
    """Have SQLAlchemy log no values: it leaves out parameters when told so, but never the rows of answers."""
    logger = logging.getLogger("sqlalchemy.engine.Engine")
    if not any(isinstance(one, _NoRows) for one in logger.filters):
        logger.addFilter(_NoRows())


def redacted(text: str) -> str:
    """A text without the secrets that are known."""
    for secret in tuple(_secrets):
        text = text.replace(secret, _MASK)
    return text


class _NoRows(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Row ")


def _install() -> None:
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def record(*args: Any, **options: Any) -> logging.LogRecord:
        made = make(*args, **options)
        try:
            text = made.getMessage()
        except Exception:  # noqa: BLE001 - a message that cannot be formatted is reported by logging itself
            return made
        if (clean := redacted(text)) != text:
            made.msg, made.args = clean, ()
        if made.exc_info and not made.exc_text:
            trace = logging.Formatter().formatException(made.exc_info)
            if (clean := redacted(trace)) != trace:
                made.exc_text = clean
        return made

    record.redacts = True  # type: ignore[attr-defined] # found again above
    logging.setLogRecordFactory(record)
