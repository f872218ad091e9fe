from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.apps.answer import Answer, answer_of, classify, retry_after
from scimport.apps.outbox import DeliveryResult

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def test_a_web_page_is_not_an_acceptance() -> None:
    assert classify(200, b"<html>Sign in", "Text/HTML; charset=utf-8") is DeliveryResult.DENIED
    assert classify(202, b"", "text/html") is DeliveryResult.ACCEPTED


def test_a_status_without_a_name() -> None:
    assert answer_of(599, {}, b"") == Answer(DeliveryResult.FAILED, status=599, words="HTTP 599")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("901", 900.0),
        ("9" * 400, 900.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2026", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2027 07:28:00 GMT", 900.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0667", None),
        ("soon", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, DATE) == seconds


def test_retry_after_counts_from_now_without_a_date() -> None:
    assert retry_after("Wed, 21 Oct 2099 07:28:00 GMT", "nonsense") == 900.0


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [+-]?\w+"))
@settings(max_examples=100, deadline=None)
def test_no_retry_after_is_ever_out_of_range(value: str) -> None:
    seconds = retry_after(value, DATE)
    assert seconds is None or 0 <= seconds <= 900
