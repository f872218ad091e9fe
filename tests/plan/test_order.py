from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from scimport.model import ChangeKind
from scimport.plan.order import Order, split

JOINER, MOVER, LEAVER = ChangeKind.JOINER, ChangeKind.MOVER, ChangeKind.LEAVER


def _order(*people: tuple[ChangeKind, str, str], known: str = "") -> Order:
    """Kind, externalId and manager of each; ids of changes are 1, 2, ..."""
    order = Order()
    numbered = enumerate(people, start=1)
    rows = [
        (n, kind.value, own, manager, bool(manager) and manager in known)
        for n, (kind, own, manager) in numbered
    ]
    if rows:
        order.add(rows)
    order.close()
    return order


def _waves(order: Order) -> list[list[int]]:
    return [wave.tolist() for wave in order.waves()]


def test_leavers_then_joiners_then_movers() -> None:
    order = _order((MOVER, "a", ""), (JOINER, "b", ""), (LEAVER, "c", ""), (ChangeKind.UNCHANGED, "d", ""))
    assert _waves(order) == [[3], [2], [1], [4]]


def test_managers_come_before_their_reports() -> None:
    order = _order((JOINER, "a", "b"), (JOINER, "b", "c"), (JOINER, "c", ""), (JOINER, "d", "c"))
    assert _waves(order) == [[3], [2, 4], [1]]


def test_a_joiner_who_manages_a_leaver_comes_before_the_leaver() -> None:
    people = [(LEAVER, "a", "b"), (JOINER, "b", "c"), (JOINER, "c", "d"), (MOVER, "d", ""), (JOINER, "e", "")]
    # d is known already, so nothing brings a mover forward.
    assert _waves(_order(*people, known="d")) == [[3], [2], [1], [5], [4]]


def test_a_manager_is_sent_or_known_or_unresolved() -> None:
    order = _order((JOINER, "a", "b"), (JOINER, "b", "x"), (JOINER, "c", "y"), known="y")
    assert order.unresolved() == [1]
    order.leave_out([1])
    assert order.unresolved() == [0]
    order.leave_out([0])
    assert order.unresolved() == []
    assert _waves(order) == [[3]]


def test_circles_are_found_and_cut() -> None:
    order = _order(
        (JOINER, "a", "c"), (JOINER, "b", "a"), (JOINER, "c", "b"), (JOINER, "d", "a"), (JOINER, "e", "e")
    )
    assert sorted(map(sorted, order.circles())) == [[0, 1, 2], [4]]
    order.cut(2)
    order.cut(4)
    assert order.circles() == []
    assert _waves(order) == [[3, 5], [1], [2, 4]]


@given(st.lists(st.integers(-1, 30), max_size=30), st.randoms(use_true_random=False))
def test_whatever_the_chart_nobody_comes_before_a_manager_who_joins(
    managers: list[int], draw: random.Random
) -> None:
    kinds = [draw.choice((JOINER, MOVER, LEAVER)) for _ in managers]
    people = [
        (kind, str(n), str(manager) if manager >= 0 else "")
        for n, (kind, manager) in enumerate(zip(kinds, managers, strict=True))
    ]
    order = _order(*people)
    cut = {circle[0] for circle in order.circles()}
    for person in cut:
        order.cut(person)
    assert order.circles() == []
    waves = _waves(order)
    wave_of = {change_id - 1: n for n, wave in enumerate(waves) for change_id in wave}
    assert sorted(wave_of) == list(range(len(people)))
    for n, manager in enumerate(managers):
        if 0 <= manager < len(people) and n not in cut and kinds[manager] is JOINER:
            assert wave_of[manager] < wave_of[n]


def test_the_rest_of_an_order_is_its_end() -> None:
    waves = list(_order((JOINER, "a", "b"), (JOINER, "b", ""), (LEAVER, "c", "")).waves())
    for count, (kept, others) in {0: ([], [3, 2, 1]), 2: ([3, 2], [1]), 9: ([3, 2, 1], [])}.items():
        first, rest = split(waves, count)
        assert [number for wave in first for number in wave] == kept
        assert rest == others
