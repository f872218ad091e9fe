from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from tests.plan.conftest import MAPPING, Made, Workshop

from scimport.inputs import opened
from scimport.workbench.preview import find_record, glass

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NUMBERED = MAPPING.replace("{{ name | lower }}@acme.example", "{{ name | lower | unique }}@acme.example")


@pytest.fixture
def numbered(workshop: Workshop) -> Workshop:
    workshop.mapping(NUMBERED)
    return workshop


def _names(workshop: Workshop, made: Made) -> dict[str, str]:
    """The local part of each userName, by key."""
    users = {key: orjson.loads(body) for key, body in workshop.bodies(made).items() if body}
    return {key: user["userName"].removesuffix("@acme.example") for key, user in users.items()}


def test_names_are_numbered_in_the_order_of_the_source_and_kept(numbered: Workshop) -> None:
    first = numbered.load("1,Ann,A,", "2,ANN,A,", "3,Bob,A,", "4,ann,A,")
    assert _names(numbered, first) == {"1": "ann", "2": "ann2", "3": "bob", "4": "ann3"}
    assert first.problems == []
    assert numbered.load("4,ann,A,", "3,Bob,A,", "2,ANN,A,", "1,Ann,A,").counts.unchanged == 4
    second = numbered.load("2,Anna,A,", "4,ann,T,", "5,Ann,A,", "1,Ann,A,", "3,Bob,A,")
    assert _names(numbered, second) == {"2": "ann2", "4": "ann3", "5": "ann4"}


def test_a_plan_that_is_not_applied_uses_nothing_up(numbered: Workshop) -> None:
    numbered.load("1,Ann,A,")
    for rows in (["2,Ann,A,", "3,Ann,A,"], ["3,Ann,A,", "2,Ann,A,"], ["3,Ann,A,"]):
        numbered.people(*rows, "1,Ann,A,")
        made = numbered.plan(keys={"2", "3"})
        assert list(_names(numbered, made).values()) == ["ann2", "ann3"][: len(rows)]
    assert _names(numbered, numbered.load("2,Ann,A,", "1,Ann,A,")) == {"2": "ann2"}


def test_hundreds_of_one_name_over_many_slices(numbered: Workshop) -> None:
    made = numbered.load(*(f"{n},Ann,A," for n in range(430)))
    assert sorted(_names(numbered, made).values()) == sorted(["ann", *(f"ann{n}" for n in range(2, 431))])
    assert _names(numbered, numbered.load("x,Ann,A,")) == {"x": "ann431"}


def test_whoever_was_accepted_before_names_were_numbered_keeps_the_name(workshop: Workshop) -> None:
    workshop.load("1,Ann2,A,", "2,Ann,A,", "3,Bob,A,")
    workshop.mapping(NUMBERED.replace("unique", "replace('2', '') | unique"))
    made = workshop.load("1,Ann2,A,", "4,Ann,A,", "2,Ann,A,", "5,Bob,A,", "3,Bob,A,")
    assert _names(workshop, made) == {"4": "ann3", "5": "bob2"}
    assert made.counts.unchanged == 3


def test_the_whole_text_is_unique_and_a_pool_is_shared(numbered: Workshop) -> None:
    numbered.mapping(
        NUMBERED.replace("@acme.example", "@{{ kind }}.example")
        + "  emails: [{type: work, value: \"{{ name | lower | unique('userName') }}@mail.example\"}]\n"
    )
    made = numbered.load("1,Ann,A,a", "2,Ann,A,b", "3,Ann,A,a")
    users = [orjson.loads(body) for body in numbered.bodies(made).values()]
    assert [(user["userName"], user["emails"][0]["value"]) for user in users] == [
        ("ann@a.example", "ann@mail.example"),
        ("ann@b.example", "ann@mail.example"),
        ("ann2@a.example", "ann2@mail.example"),
    ]


def test_a_mapping_may_follow_names(numbered: Workshop) -> None:
    numbered.mapping(NUMBERED.replace("unique", "unique(keep=false)"))
    numbered.load("1,Ann,A,", "2,Ann,A,")
    numbered.people("1,Ann,A,", "2,Bob,A,")
    assert _names(numbered, numbered.plan()) == {"2": "bob"}
    assert numbered.load("1,Ann,A,", "2,Ann,A,").counts.unchanged == 2  # that plan was not applied
    assert _names(numbered, numbered.load("1,Ann,A,", "2,Bob,A,")) == {"2": "bob"}
    assert _names(numbered, numbered.load("1,Ann,A,", "2,Bob,A,", "3,Ann,A,")) == {"3": "ann2"}


def test_a_mark_that_another_filter_has_cut_is_a_problem_of_the_record(numbered: Workshop) -> None:
    numbered.mapping(NUMBERED.replace("unique", "unique | truncate(4, true, '')"))
    made = numbered.load("1,Ann,A,")
    assert made.codes == [("expression-failed", "1", 2)]
    assert "last filter" in made.problems[0].message


def test_the_preview_takes_every_value_for_free(numbered: Workshop) -> None:
    numbered.load("1,Ann,A,", "2,Ann,A,")
    with opened(numbered.project, numbered.project.pipeline("people"), NOW) as source:
        preview = glass(source, "entra-id").preview(find_record(source, "2"))
    assert preview.user is not None
    assert preview.user["userName"] == "ann@acme.example"
    assert "ann@acme.example" in [one.shown for one in preview.attributes]
