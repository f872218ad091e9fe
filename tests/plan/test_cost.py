from __future__ import annotations

import pytest

from scimport.plan.cost import cost
from scimport.state.outbox import Limits


@pytest.mark.parametrize(
    ("people", "calls", "seconds"),
    [(0, 0, 0), (1, 1, 0), (50, 1, 0), (51, 2, 0), (2_000, 40, 0), (2_001, 41, 5), (100_000, 2_000, 245)],
)
def test_calls_and_the_shortest_time(people: int, calls: int, seconds: float) -> None:
    found = cost(people, 0, Limits("tenant"))
    assert (found.calls, found.least_seconds) == (calls, seconds)


def test_the_share_of_the_day_and_what_does_not_fit() -> None:
    found = cost(500, 1_995, Limits("tenant", daily_calls=2_000))
    assert (found.percent, found.missing) == (0.5, 5)
    assert cost(250, 1_995, Limits("tenant", daily_calls=2_000)).missing == 0


def test_without_limits_everything_fits_at_once() -> None:
    found = cost(100_000, 5_000, Limits("tenant", burst=0, daily_calls=0))
    assert (found.percent, found.missing, found.least_seconds) == (0.0, 0, 0.0)
