from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.capacity import Load, calls_for, fits_in, last_call, load
from scimport.state.calls import DAY
from scimport.state.outbox import Limits

ROOT = Path(__file__).parents[1]
LIMITS = Limits("tenant", burst=4, window=5.0, daily_calls=10)


def test_fifty_people_a_call() -> None:
    assert [calls_for(people) for people in (0, 1, 50, 51, 1_000_000)] == [0, 1, 1, 2, 20_000]


@pytest.mark.parametrize(
    ("used", "calls", "seconds"),
    [
        ([], 0, 0),
        ([], 4, 0),
        ([], 5, 5),
        ([], 10, 10),
        ([], 11, DAY),
        ([], 21, 2 * DAY),
        ([-2.0] * 4, 1, 3),
        ([-DAY + 60] * 10, 1, 60),
        ([-DAY + 60] * 10, 5, 65),
        ([-600.0] * 9, 1, 0),
        ([-600.0] * 9, 2, DAY - 600),
    ],
)
def test_a_load_ends_when_both_limits_let_it(used: list[float], calls: int, seconds: float) -> None:
    assert last_call(used, calls, LIMITS) == seconds


@pytest.mark.parametrize(
    ("used", "calls", "seconds"),
    [
        ([], 10, 0),
        ([], 11, None),
        ([-600.0] * 9, 1, 0),
        ([-600.0, -500.0], 9, DAY - 600),
        ([-600.0, -500.0], 10, DAY - 500),
        ([-DAY + 1] * 10, 10, 1),
    ],
)
def test_a_load_fits_when_enough_calls_have_left_the_day(
    used: list[float], calls: int, seconds: float | None
) -> None:
    assert fits_in(used, calls, 10) == seconds


@given(
    used=st.lists(st.floats(-DAY + 1, 0), max_size=10).map(sorted),
    calls=st.integers(0, 60),
    burst=st.integers(1, 5),
)
def test_no_window_holds_more_than_its_limit(used: list[float], calls: int, burst: int) -> None:
    limits = Limits("tenant", burst=burst, window=5.0, daily_calls=10)
    ends = [last_call(used, count, limits) for count in range(1, calls + 1)]
    assert ends == sorted(ends)
    new = [(at, n) for n, at in enumerate(ends)]
    for at, n in new:
        assert n < burst or at >= ends[n - burst] + 5.0
        before = [*used, *ends][len(used) + n - 10] if len(used) + n >= 10 else None
        assert before is None or at >= before + DAY


def test_a_load_says_both() -> None:
    assert load([], 501, LIMITS) == Load(people=501, calls=11, seconds=DAY, fits_in=None)


def test_without_limits_a_load_is_sent_at_once() -> None:
    used = [-1.0] * 5000
    assert load(used, 1_000_000, Limits("tenant", burst=0, daily_calls=0)) == Load(
        1_000_000, 20_000, 0.0, 0.0
    )


def test_the_chart_is_what_the_limits_make_it() -> None:
    drawing = runpy.run_path(str(ROOT / "benchmarks" / "capacity_chart.py"))
    assert drawing["CHART"].read_text("utf-8") == drawing["chart"]()
