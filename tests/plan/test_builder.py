from __future__ import annotations

import csv
import io

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plan.conftest import MAPPING, Workshop

from scimport.errors import SourceError
from scimport.model import PlanCounts
from scimport.plan import builder


def test_everybody_is_a_joiner_at_first_and_unchanged_then(workshop: Workshop) -> None:
    first = workshop.load("1,Ann,A,", "2,Bob,T,")
    assert first.counts == PlanCounts(read=2, joiners=2, to_send=2)
    assert first.changes == [("1", "joiner", "planned"), ("2", "joiner", "planned")]
    assert workshop.plan().counts == PlanCounts(read=2, unchanged=2)


def test_what_is_planned_and_not_accepted_is_planned_again(workshop: Workshop) -> None:
    workshop.people("1,Ann,A,")
    assert workshop.plan().counts.joiners == 1
    assert workshop.plan().counts.joiners == 1


def test_movers_leavers_and_those_who_come_back(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,", "3,Cid,A,")
    second = workshop.load("1,Anna,A,", "2,Bob,T,", "3,Cid,A,")
    assert second.counts == PlanCounts(read=3, unchanged=1, movers=1, leavers=1, to_send=2)
    assert second.changes == [("1", "mover", "planned"), ("2", "leaver", "planned")]
    third = workshop.load("1,Anna,A,", "2,Bob,A,", "3,Cid,A,")
    assert third.changes == [("2", "mover", "planned")]


def test_a_cell_that_the_mapping_does_not_use_changes_nobody(workshop: Workshop) -> None:
    workshop.people("1,Ann,A,,old", header="id,name,status,kind,exported")
    workshop.load("1,Ann,A,")
    workshop.people("1,Ann,A,,new", header="id,name,status,kind,exported")
    assert workshop.plan().counts == PlanCounts(read=1, unchanged=1)


def test_white_space_changes_nobody(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,")
    workshop.people(" 1 , Ann,A ,")
    assert workshop.plan().counts == PlanCounts(read=1, unchanged=1)


def test_another_mapping_compares_by_result(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    text = (workshop.root / "mappings" / "people.yml").read_text()
    workshop.mapping(f"# a comment\n{text.replace('| lower', '|   lower')}")
    assert workshop.plan().counts == PlanCounts(read=2, unchanged=2)
    workshop.mapping(text.replace("{{ name | lower }}", "{{ name | lower | trim }}"))
    assert workshop.plan().counts == PlanCounts(read=2, unchanged=2)
    workshop.mapping(
        text.replace('displayName: "{{ name }}"', "displayName: \"{{ name | replace('Bob', 'Rob') }}\"")
    )
    assert workshop.plan().changes == [("2", "mover", "planned")]


def test_rows_out_of_scope_are_counted_and_not_mapped(workshop: Workshop) -> None:
    made = workshop.load("1,Ann,A,", "2,Bob,nonsense,X", ",,,X")
    assert made.counts == PlanCounts(read=3, out_of_scope=2, joiners=1, to_send=1)
    assert made.problems == []


def test_an_invalid_record_does_not_stop_the_others(workshop: Workshop) -> None:
    made = workshop.load("1,Ann,A,", "2,Bob,B,", ",Cid,A,", f"{'9' * 256},Dan,A,", "5,Eve,A,")
    assert made.counts == PlanCounts(read=5, invalid=3, joiners=2, to_send=2)
    assert made.codes == [("contract-values", "2", 3), ("key-blank", "", 4), ("key-too-long", "9" * 256, 5)]
    assert made.changes == [
        ("1", "joiner", "planned"),
        ("5", "joiner", "planned"),
        ("2", "invalid", "invalid"),
    ]


def test_a_known_person_whose_record_is_invalid_is_no_leaver(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    workshop.people("1,Ann,A,", "2,Bob,B,")
    assert workshop.plan().counts == PlanCounts(read=2, unchanged=1, invalid=1)


def test_full_sends_everybody(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    workshop.people("1,Ann,A,", "2,Rob,A,")
    made = workshop.plan(full=True)
    assert made.changes == [("1", "unchanged", "planned"), ("2", "mover", "planned")]
    assert made.counts == PlanCounts(read=2, unchanged=1, movers=1, to_send=2)


def test_limit_sends_the_first_and_leaves_the_rest(workshop: Workshop) -> None:
    first = workshop.load("1,Ann,A,", "2,Bob,A,", "3,Cid,A,", limit=2)
    assert first.counts == PlanCounts(read=3, joiners=3, to_send=2, held_back=1)
    assert workshop.plan().changes == [("3", "joiner", "planned")]


def test_keys_consider_nobody_else(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,", "3,Cid,A,")
    workshop.pipeline((workshop.root / "pipelines" / "people.yml").read_text() + "leavers: deactivate\n")
    workshop.people("1,Anna,A,", "2,Rob,A,")
    made = workshop.plan(keys=frozenset({"1", "3"}))
    assert made.changes == [("1", "mover", "planned"), ("3", "leaver", "planned")]
    assert made.counts.read == 1


@pytest.mark.parametrize(
    ("policy", "status"), [("report", "reported"), ("deactivate", "planned"), ("ignore", None)]
)
def test_people_who_are_missing_leave_as_the_pipeline_says(
    workshop: Workshop, policy: str, status: str | None
) -> None:
    workshop.pipeline((workshop.root / "pipelines" / "people.yml").read_text() + f"leavers: {policy}\n")
    first = workshop.load("1,Ann,A,", "2,Bob,A,", "3,Cid,T,")
    made = workshop.load("1,Ann,A,")
    assert made.changes == ([("2", "leaver", status)] if status else [])
    assert made.counts.leavers == (1 if status else 0)
    if policy == "deactivate":
        before, after = orjson.loads(workshop.bodies(first)["2"]), orjson.loads(workshop.bodies(made)["2"])
        assert after == before | {"active": False}
        assert workshop.plan().counts.leavers == 0
        back = workshop.load("1,Ann,A,", "2,Bob,A,")
        assert back.changes == [("2", "mover", "planned")]


def test_someone_who_leaves_the_scope_leaves(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    workshop.people("1,Ann,A,", "2,Bob,A,X")
    made = workshop.plan()
    assert made.changes == [("2", "leaver", "reported")]
    assert made.counts.out_of_scope == 1


def test_a_source_of_changes_has_no_missing_people(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,", "2,Bob,A,")
    workshop.source((workshop.root / "sources" / "people.yml").read_text() + "extent: changes\n")
    workshop.people("1,Ann,A,")
    assert workshop.plan().counts == PlanCounts(read=1, unchanged=1)
    workshop.people()
    assert workshop.plan().counts == PlanCounts()


def test_a_source_of_everybody_that_holds_nobody_is_refused(workshop: Workshop) -> None:
    workshop.load("1,Ann,A,")
    workshop.people()
    with pytest.raises(SourceError) as caught:
        workshop.plan()
    assert [(one.code, one.file) for one in caught.value.problems] == [("source-empty", "people.csv")]


class TestKeysThatOccurAgain:
    def test_rows_that_make_the_same_user_are_repeats(self, workshop: Workshop) -> None:
        made = workshop.load("1,Ann,A,", "1, Ann ,A,Y")
        assert made.counts == PlanCounts(read=2, repeated=1, joiners=1, to_send=1)
        workshop.people("1, Ann ,A,Y", "1,Ann,A,")
        assert workshop.plan().counts == PlanCounts(read=2, repeated=1, unchanged=1)

    def test_exact_repeats_collapse_with_a_warning(self, workshop: Workshop) -> None:
        made = workshop.load("1,Ann,A,", "2,Bob,A,", "1,Ann,A,", "1,Ann,A,")
        assert made.counts == PlanCounts(read=4, repeated=2, joiners=2, to_send=2)
        assert made.codes == [("repeated-row", "1", 4), ("repeated-row", "1", 5)]
        again = workshop.plan()
        assert again.counts == PlanCounts(read=4, repeated=2, unchanged=2)

    def test_different_contents_make_all_records_invalid(self, workshop: Workshop) -> None:
        made = workshop.load("1,Ann,A,", "2,Bob,A,", "1,Anna,A,", "1,Ann,A,")
        assert made.counts == PlanCounts(read=4, invalid=3, joiners=1, to_send=1)
        assert made.codes == [("duplicate-key", "1", 2), ("duplicate-key", "1", 4), ("duplicate-key", "1", 5)]
        assert made.changes == [("2", "joiner", "planned"), ("1", "invalid", "invalid")]

    def test_an_unchanged_record_is_invalid_too_when_another_disagrees(self, workshop: Workshop) -> None:
        workshop.load("1,Ann,A,", "2,Bob,A,")
        workshop.people("1,Ann,A,", "2,Bob,A,", "1,Anna,A,")
        made = workshop.plan()
        assert made.counts == PlanCounts(read=3, invalid=2, unchanged=1)
        workshop.people("1,Anna,A,", "2,Bob,A,", "1,Ann,A,")
        assert workshop.plan().counts == made.counts

    def test_the_last_record_wins_where_the_source_says_so(self, workshop: Workshop) -> None:
        workshop.source((workshop.root / "sources" / "people.yml").read_text() + "duplicates: last\n")
        made = workshop.load("1,Ann,B,", "1,Ann,A,", "1,Anna,A,", "2,Bob,A,")
        assert made.counts == PlanCounts(read=4, repeated=2, joiners=2, to_send=2)
        assert orjson.loads(workshop.bodies(made)["1"])["displayName"] == "Anna"
        assert made.problems == []
        workshop.people("1,Ann,A,", "2,Bob,A,", "1,Anna,A,")
        assert workshop.plan().counts == PlanCounts(read=3, repeated=1, unchanged=2)
        workshop.people("1,Anna,A,", "2,Bob,A,", "1,Ann,A,")
        assert workshop.plan().counts == PlanCounts(read=3, repeated=1, movers=1, unchanged=1, to_send=1)

    def test_a_record_out_of_scope_is_no_repeat(self, workshop: Workshop) -> None:
        made = workshop.load("1,Ann,A,", "1,Second assignment,A,X")
        assert made.counts == PlanCounts(read=2, out_of_scope=1, joiners=1, to_send=1)

    def test_it_does_not_matter_how_far_apart_they_are(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(builder, "BATCH", 2)
        monkeypatch.setattr(builder, "TRANSACTION", 4)
        rows = [f"{n},P{n},A," for n in range(20)]
        made = workshop.load(*rows, "3,Other,A,", "4,P4,A,")
        assert made.counts == PlanCounts(read=22, invalid=2, repeated=1, joiners=19, to_send=19)


def test_two_keys_with_one_external_id_are_invalid(workshop: Workshop) -> None:
    text = (workshop.root / "mappings" / "people.yml").read_text()
    workshop.mapping(text.replace('externalId: "{{ id }}"', 'externalId: "{{ id | lower }}"'))
    made = workshop.load("a,Ann,A,", "A,Bob,A,", "c,Cid,A,")
    assert made.counts == PlanCounts(read=3, invalid=2, joiners=1, to_send=1)
    assert made.codes == [("duplicate-external-id", "a", 2), ("duplicate-external-id", "A", 3)]
    workshop.people("c,Cid,A,", "C,Cindy,A,")
    assert workshop.plan().codes == [("duplicate-external-id", "C", 3)]


_names = st.sampled_from(["Ann", "Bob", "Cid"])
_days = st.lists(
    st.lists(st.tuples(st.sampled_from("12345"), _names, st.sampled_from("ATB")), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=_days, size=st.integers(1, 5))
def test_whatever_comes_the_counts_add_up_and_the_state_follows_the_file(
    workshop: Workshop, days: list[list[tuple[str, str, str]]], size: int
) -> None:
    builder.BATCH = size
    # People of a name are no mistake here.
    workshop.mapping(MAPPING.replace("{{ name | lower }}", "{{ id }}"))
    try:
        for rows in days:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows((*row, "") for row in rows)
            made = workshop.load(*text.getvalue().splitlines())
            counts, missing = made.counts, sum(status == "reported" for _, _, status in made.changes)
            here = counts.joiners + counts.movers + counts.leavers - missing
            assert counts.read == len(rows) == here + counts.unchanged + counts.invalid + counts.repeated
            expected = {
                key: {(name, status) for other, name, status in rows if other == key}
                for key in {row[0] for row in rows}
            }
            good = {
                key
                for key, contents in expected.items()
                if len(contents) == 1 and next(iter(contents))[1] != "B"
            }
            again = workshop.plan()
            assert again.counts.unchanged == len(good)
            assert again.counts.to_send == 0
    finally:
        builder.BATCH = 200
