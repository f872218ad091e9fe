from __future__ import annotations

import orjson
import pytest
from tests.plan.conftest import MAPPING, PIPELINE, Made, Workshop

from scimport.plan.managers import manager_of
from scimport.state.queue import Queue

# The column `kind` names the manager.
CHART = (
    MAPPING.replace('where: kind != "X"', "").replace("{{ name | lower }}", "{{ id }}")
    + '  enterprise: {department: "{{ name }}", manager: {value: "{{ kind }}"}}\n'
)


@pytest.fixture
def chart(workshop: Workshop) -> Workshop:
    workshop.mapping(CHART)
    return workshop


def _sent(workshop: Workshop, made: Made) -> list[str]:
    """Keys and managers in the order in which they are sent: ``1>2``."""
    with workshop.database.read() as connection:
        pages = list(Queue(workshop.database.vault, "people", made.plan_id).pages(connection))
    people = [one for page in pages for one in page.operations]
    return [f"{one.key}>{manager_of(orjson.loads(one.body))}" for one in people]


def _plan(workshop: Workshop, *rows: str) -> list[str]:
    workshop.people(*rows)
    return _sent(workshop, workshop.plan())


def test_managers_first(chart: Workshop) -> None:
    assert _plan(chart, "1,Ann,A,2", "2,Bob,A,3", "3,Cid,A,", "4,Dee,A,3") == ["3>", "2>3", "4>3", "1>2"]


def test_a_limit_keeps_the_managers(chart: Workshop) -> None:
    chart.people("1,Ann,A,2", "2,Bob,A,3", "3,Cid,A,")
    made = chart.plan(limit=2)
    assert _sent(chart, made) == ["3>", "2>3"]
    assert (made.counts.to_send, made.counts.held_back) == (2, 1)


def test_who_has_an_unknown_manager_is_sent_without_and_again_when_the_manager_comes(chart: Workshop) -> None:
    rows = ["1,Ann,A,9", "2,Bob,A,1", "3,Cid,A,"]
    chart.people(*rows)
    first = chart.plan()
    assert _sent(chart, first) == ["1>", "3>", "2>1"]
    assert first.codes == [("unresolved-manager", "1", 2)]
    assert first.counts.unresolved_managers == 1
    chart.load(*rows)
    for _ in range(2):  # however many runs later
        assert chart.load(*rows).counts.to_send == 0
    chart.people(*rows, "9,Zoe,A,")
    plan = chart.plan()
    assert _sent(chart, plan) == ["9>", "1>9"]
    assert (plan.counts.unchanged, plan.counts.movers, plan.counts.joiners) == (2, 1, 1)
    chart.plan()  # a plan that is not applied changes nothing
    assert chart.load(*rows, "9,Zoe,A,").counts.to_send == 2
    assert chart.load(*rows, "9,Zoe,A,").counts.to_send == 0
    chart.mapping(CHART + "# compared by result again\n")
    assert chart.load(*rows, "9,Zoe,A,").counts.unchanged == 4


def test_reports_that_were_held_back_are_sent_when_the_manager_is_known(chart: Workshop) -> None:
    chart.load("1,Ann,A,9")
    chart.load("1,Ann,A,9", "9,Zoe,A,", limit=1)
    assert _plan(chart, "1,Ann,A,9", "9,Zoe,A,") == ["1>9"]


def test_a_row_that_is_mapped_again_is_unchanged_without_the_manager(chart: Workshop) -> None:
    chart.load("1,Ann,A,9")
    chart.mapping(CHART.replace("{{ name }}", "{{ name | trim }}"))
    made = chart.load("1,Ann,A,9")
    assert (made.counts.unchanged, made.counts.to_send, made.problems) == (1, 0, [])
    assert chart.load("1,Ann,A,9", full=True).counts.to_send == 1


def test_another_pipeline_may_have_the_manager(chart: Workshop) -> None:
    chart.pipeline(PIPELINE + "unresolved_manager: send\n")
    made = chart.load("1,Ann,A,9")
    assert (_sent(chart, made), made.problems, made.counts.unresolved_managers) == ([], [], 0)
    assert [*map(manager_of, map(orjson.loads, chart.bodies(made).values()))] == ["9"]
    assert _plan(chart, "1,Ann,A,9", "9,Zoe,A,") == ["9>", "1>9"]


def test_whoever_has_an_unknown_manager_may_be_refused_and_their_reports_too(chart: Workshop) -> None:
    chart.pipeline(PIPELINE + "unresolved_manager: reject\n")
    rows = ["1,Ann,A,2", "2,Bob,A,9", "3,Cid,A,"]
    chart.people(*rows)
    made = chart.plan()
    assert _sent(chart, made) == ["3>"]
    assert made.codes == [("unresolved-manager", "2", 3), ("unresolved-manager", "1", 2)]
    assert (made.counts.invalid, made.counts.to_send) == (2, 1)
    assert _plan(chart, *rows, "9,Zoe,A,") == ["3>", "9>", "2>9", "1>2"]


def test_an_invalid_manager_is_unresolved_and_a_known_one_is_not(chart: Workshop) -> None:
    assert _plan(chart, "1,Ann,A,2", "2,Bob,B,") == ["1>"]
    chart.load("2,Bob,T,", "3,Cid,A,")
    assert _plan(chart, "1,Ann,A,2", "2,Bob,B,", "3,Cid,A,") == ["1>2"]


def test_circles_are_broken_at_the_first_key_and_told(chart: Workshop) -> None:
    chart.people("3,Cid,A,2", "2,Bob,A,1", "1,Ann,A,3", "4,Dee,A,3", "5,Eve,A,5")
    made = chart.plan()
    assert _sent(chart, made) == ["1>3", "5>5", "2>1", "3>2", "4>3"]
    assert made.codes == [("manager-cycle", "1", 4), ("manager-cycle", "5", 6)]
    assert [one.keys for one in made.problems] == [("1", "3", "2"), ("5",)]


def test_a_manager_is_cleared_where_the_mapping_says_so(chart: Workshop) -> None:
    chart.mapping(CHART + "clear: [enterprise.manager]\n")
    (body,) = chart.bodies(chart.load("1,Ann,A,9")).values()
    assert b'"manager":null' in body
    assert _plan(chart, "1,Ann,A,9", "9,Zoe,A,") == ["9>", "1>9"]
