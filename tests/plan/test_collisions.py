from __future__ import annotations

from tests.plan.conftest import Made, Workshop


def _refused(made: Made) -> list[tuple[str, str, int | None]]:
    assert {one.field for one in made.problems} <= {"userName"}
    return made.codes


def test_the_first_record_of_a_name_gets_it(workshop: Workshop) -> None:
    first = workshop.load("1,Ann,A,", "2,ANN,A,", "3,Bob,A,", "4,ann,A,")
    assert _refused(first) == [("duplicate-user-name", "2", 3), ("duplicate-user-name", "4", 5)]
    assert (first.counts.joiners, first.counts.invalid, first.counts.to_send) == (2, 2, 2)
    # Whoever was accepted with it keeps it, wherever the records stand.
    second = workshop.load("4,Ann,A,", "2,Ann,A,", "1,Ann,T,")
    assert _refused(second) == [("duplicate-user-name", "4", 2), ("duplicate-user-name", "2", 3)]
    assert [one for one in second.changes if one[0] == "1"] == [("1", "leaver", "planned")]
    assert [one.keys for one in second.problems] == [("1",), ("1",)]


def test_a_name_is_free_when_its_holder_was_accepted_with_another(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    plan = workshop.load("1,Anna,A,", "2,Ann,A,")
    assert _refused(plan) == [("duplicate-user-name", "2", 3)]
    assert "gives it up in this plan" in plan.problems[0].message
    assert workshop.load("1,Anna,A,", "2,Ann,A,").changes == [("2", "mover", "planned")]


def test_people_who_swap_names_are_both_refused(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    assert {key for _, key, _ in _refused(workshop.load("1,Bob,A,", "2,Ann,A,"))} == {"1", "2"}
    assert workshop.plan().counts.invalid == 2


def test_a_name_of_somebody_who_left_is_not_free(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    workshop.load("1,Ann,T,", "2,Bob,A,")
    assert _refused(workshop.load("2,Bob,A,", "3,Ann,A,")) == [("duplicate-user-name", "3", 3)]


def test_a_record_that_is_replaced_takes_no_name(workshop: Workshop) -> None:
    workshop.source((workshop.root / "sources" / "people.yml").read_text() + "duplicates: last\n")
    made = workshop.load("1,Ann,A,", "2,Bob,A,", "1,Cid,A,", "3,Ann,A,")
    assert (made.counts.invalid, made.counts.to_send) == (0, 3)
