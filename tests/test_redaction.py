from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from scimport import redaction
from scimport.redaction import hide
from scimport.state import Database


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the loggers of other libraries write at their chattiest."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    loggers = [logging.getLogger(name) for name in ("httpcore.http11", "sqlalchemy.engine")]
    before = [(one, one.level) for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.DEBUG)
    yield written
    for one, level in before:
        one.removeHandler(handler)
        one.setLevel(level)


def test_secrets_are_taken_out_of_messages_arguments_and_tracebacks(log: io.StringIO) -> None:
    hide("open-sesame")
    logger = logging.getLogger("httpcore.http11")
    logger.debug("the token is open-sesame")
    logger.debug("headers=%r", [(b"Authorization", b"Bearer open-sesame")])
    try:
        int("open-sesame")
    except ValueError:
        logger.exception("it fails")
    assert log.getvalue().count("***") == 4  # the traceback shows the line too
    assert "open-sesame" not in log.getvalue()
    assert "it fails" in log.getvalue()


def test_short_secrets_do_not_take_words_apart(log: io.StringIO) -> None:
    hide("a")
    hide("")
    logging.getLogger("httpcore.http11").debug("a cat")
    assert log.getvalue() == "a cat\n"


def test_it_is_installed_once() -> None:
    hide("first-secret")
    factory = logging.getLogRecordFactory()
    hide("second-secret")
    assert logging.getLogRecordFactory() is factory
    assert redaction.redacted("first-secret second-secret") == "*** ***"


def test_sql_is_logged_without_values(log: io.StringIO) -> None:
    database = Database("sqlite://")
    with database.read() as connection:
        rows = connection.execute(text("SELECT :name"), {"name": "Zephyrine"}).all()
    database.close()
    assert [tuple(row) for row in rows] == [("Zephyrine",)]
    assert "SELECT ?" in log.getvalue()
    assert "Zephyrine" not in log.getvalue()
