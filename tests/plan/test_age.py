from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.plan.age import age_problem, newest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
LIMIT = 26 * 3600.0


def test_a_source_is_stopped_at_one_second_more_than_its_limit() -> None:
    assert age_problem(NOON - LIMIT, NOON, LIMIT) is None
    assert age_problem(NOON + 60, NOON, LIMIT) is None
    stopped = age_problem(NOON - LIMIT - 1, NOON, LIMIT)
    assert stopped is not None
    assert stopped.code is Code.GUARD_SOURCE_AGE
    assert stopped.message == (
        "the source is 26 hours old (of 2026-11-22T09:59:59+00:00); at most 26 hours are let through"
    )
    assert age_problem(0.0, NOON, None) is None


def test_an_unknown_age_is_not_let_through() -> None:
    unknown = age_problem(None, NOON, LIMIT)
    assert unknown is not None
    assert "it is not known how old the source is" in unknown.message
    assert "as_of" in unknown.hint
    assert age_problem(None, NOON, None) is None


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        (" 2026-11-23T13:00:00+01:00 ", NOON),
        ("2026-11-23 12:00:00", NOON),
        ("2026-11-23", NOON - 12 * 3600),
        (datetime.fromisoformat("2026-11-23T12:00"), NOON),
        (datetime(2026, 11, 23, 12, tzinfo=UTC), NOON),
        (date(2026, 11, 23), NOON - 12 * 3600),
        ("yesterday", None),
        ("", None),
        (None, None),
        (20261123, None),
    ],
    ids=repr,
)
def test_what_reads_as_a_moment(cell: object, moment: float | None) -> None:
    assert newest([("a", cell)], 1) == moment


@given(st.lists(st.datetimes(), max_size=9))
def test_the_newest_of_all_counts(days: list[datetime]) -> None:
    found = newest([(day.isoformat(),) for day in days], 0)
    assert found == max((day.replace(tzinfo=UTC).timestamp() for day in days), default=None)
