from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.codes import Code
from scimport.model import Severity
from scimport.plan.guards import (
    AttributeCounts,
    Measure,
    Tally,
    allowed,
    differences,
    flatten,
    measured,
    stops,
)
from scimport.project.config import GuardLimit, GuardsConfig

GUARDS = GuardsConfig()
LIMITS: dict[str, GuardLimit] = {name: limit for name, limit in GUARDS if isinstance(limit, GuardLimit)}
POPULATIONS = (1, 10, 26, 1_000)
# What docs/guards.md says for these populations.
MOST = {
    "leavers": (0, 2, 2, 100),
    "changes": (0, 3, 7, 300),
    "per_attribute": (0, 3, 7, 300),
    "blanks": (0, 2, 2, 50),
    "inactive_share": (0, 2, 6, 250),
    "invalid": (0, 2, 2, 100),
    "new_keys": (0, 3, 7, 300),
    "changed_keys": (0, 2, 2, 50),
    "rows": (0, 3, 7, 300),
}
CASES = [
    (name, population, most)
    for name, row in MOST.items()
    for population, most in zip(POPULATIONS, row, strict=True)
]


def test_every_guard_has_its_case() -> None:
    assert MOST.keys() == LIMITS.keys()


@pytest.mark.parametrize(("name", "population", "most"), CASES)
def test_a_guard_stops_at_one_more_than_its_limit(name: str, population: int, most: int) -> None:
    guard = f"{name}:title" if name in ("per_attribute", "blanks") else name
    assert allowed(population, LIMITS[name]) == most
    assert not stops([Measure(guard, most, population, "of", "")], GUARDS)
    (stopped,) = stops([Measure(guard, most + 1, population, "of", "Look.", ("00103",))], GUARDS)
    assert stopped.code is Code(f"guard-{name.replace('_', '-')}")
    assert stopped.severity is Severity.ERROR
    assert (stopped.field, stopped.hint) == (guard.partition(":")[2], "Look.")
    assert stopped.keys == ("00103",)
    for said in (f"{most + 1:,} of {population:,}", f"at most {most:,} are"):
        assert said in stopped.message
    assert "00103" not in stopped.message


def test_max_count_holds_in_a_large_population() -> None:
    assert allowed(2_000_000, LIMITS["leavers"]) == 499
    assert allowed(1_000, GuardLimit(max_percent=100, max_count=5_000)) == 999
    assert allowed(1_000, GuardLimit(max_percent=0, max_count=5_000)) == 2
    assert allowed(1_000, GuardLimit(max_percent=50, max_count=0)) == 0


def test_without_a_population_nothing_is_stopped() -> None:
    assert not stops([Measure(name, 1_000, 0, "of", "") for name in LIMITS if ":" not in name], GUARDS)


LIMIT = st.builds(GuardLimit, max_percent=st.floats(0, 100), max_count=st.integers(0, 10_000))


@given(st.integers(0, 100_000), st.integers(0, 100_000), LIMIT)
def test_what_is_let_through_grows_with_the_population_and_is_never_all(
    one: int, other: int, limit: GuardLimit
) -> None:
    few, many = sorted((one, other))
    assert 0 <= allowed(few, limit) <= allowed(many, limit) <= limit.max_count
    assert allowed(few, limit) < few or few == 0


# What differs

NAMES = st.sampled_from(("title", "active", "department", "urn:acme:User", "name"))
SCALARS = st.one_of(st.text(max_size=3), st.booleans(), st.none())
ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(("type", "value")), st.sampled_from(("work", "home")), min_size=1),
    max_size=3,
)
VALUES = st.one_of(SCALARS, ENTRIES, st.dictionaries(NAMES, SCALARS, max_size=3))
USERS = st.dictionaries(NAMES, VALUES, max_size=4)


def _differ(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return differences(orjson.dumps(before), orjson.dumps(after))


@given(USERS)
def test_a_user_does_not_differ_from_itself(user: dict[str, Any]) -> None:
    assert _differ(user, user) == []


@given(USERS, USERS)
def test_a_difference_names_exactly_the_paths_that_change(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = _differ(before, after)
    paths = [path for path, _, _ in found]
    assert paths == sorted(set(paths))
    patched = flatten(before)
    for path, old, new in found:
        assert patched.pop(path, None) == old != new
        if new is not None:
            patched[path] = new
    assert patched == flatten(after)


@given(st.dictionaries(st.sampled_from("abcdef"), st.text(min_size=1), min_size=1), st.data())
def test_a_change_of_some_attributes_names_those(user: dict[str, Any], data: st.DataObject) -> None:
    changed = data.draw(st.sets(st.sampled_from(sorted(user))))
    after = {name: value + "x" if name in changed else value for name, value in user.items()}
    assert [path for path, _, _ in _differ(user, after)] == sorted(changed)


def test_paths_are_those_of_scim() -> None:
    extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    user = {
        "active": True,
        "name": {"givenName": "Ann"},
        "emails": [{"type": "work", "value": "a@acme.example"}, {"value": "b@acme.example"}],
        "phoneNumbers": [{"type": "work", "value": "1"}, {"type": "work", "value": "2"}],
        extension: {"department": "IT", "manager": {"value": "1"}},
        "schemas": ["a", "b"],
        "title": None,
    }
    assert sorted(flatten(user)) == [
        "active",
        "emails[1].value",
        "emails[work].type",
        "emails[work].value",
        "name.givenName",
        "phoneNumbers[0].type",
        "phoneNumbers[0].value",
        "phoneNumbers[1].type",
        "phoneNumbers[1].value",
        "schemas",
        f"{extension}:department",
        f"{extension}:manager.value",
    ]


# What is counted


def test_attributes_are_counted_for_each_person_who_changes() -> None:
    counts = AttributeCounts()
    for n in range(7):
        before = {"active": True, "title": "a", "department": "IT"}
        after = {"active": False, "title": "b" if n % 2 else None, "department": "IT"}
        counts.add(f"{n}", orjson.dumps(before), orjson.dumps(after))
    measures = {one.guard: one for one in counts.measures(20)}
    assert set(measures) == {"per_attribute:title", "blanks:title"}
    changed, blanked = measures["per_attribute:title"], measures["blanks:title"]
    assert (changed.count, changed.population, changed.keys) == (7, 20, ("0", "1", "2", "3", "4"))
    assert (blanked.count, blanked.population, blanked.keys) == (4, 20, ("0", "2", "4", "6"))
    codes = [(one.code, one.field) for one in stops(measures.values(), GUARDS)]
    assert codes == [(Code.GUARD_PER_ATTRIBUTE, "title"), (Code.GUARD_BLANKS, "title")]


def _tally(**known: Any) -> Tally:
    nobody = dict.fromkeys(("valid", "invalid", "known", "active", "leavers", "missing"), 0)
    nobody |= dict.fromkeys(("changes", "joiners", "inactive"), 0)
    return Tally(**{**nobody, "rows": None, "usual_rows": (), **known})


def _stopped(tally: Tally) -> list[str]:
    return [one.code.value for one in stops(measured(tally, lambda guard: (guard,)), GUARDS)]


def test_the_first_load_is_stopped_by_what_is_wrong_in_itself_alone() -> None:
    assert _stopped(_tally(valid=300, joiners=300, rows=300)) == []
    assert _stopped(_tally(valid=300, joiners=300, inactive=76)) == ["guard-inactive-share"]
    assert _stopped(_tally(valid=270, invalid=31, joiners=270)) == ["guard-invalid"]


def test_a_load_that_was_begun_in_parts_may_be_finished() -> None:
    assert _stopped(_tally(valid=300, known=60, active=60, joiners=240)) == []
    assert _stopped(_tally(valid=300, known=60, active=60, joiners=240, rows=300, usual_rows=(300,))) == [
        "guard-new-keys"
    ]


def test_new_keys_are_taken_for_changed_as_far_as_others_have_gone() -> None:
    moved = _tally(valid=300, known=300, active=300, joiners=16, missing=16, usual_rows=(300,))
    assert _stopped(moved) == ["guard-changed-keys"]
    for harmless in ({"joiners": 16}, {"missing": 16}, {"joiners": 15, "missing": 16}):
        assert _stopped(_tally(valid=300, known=300, active=300, usual_rows=(300,), **harmless)) == []


@pytest.mark.parametrize(
    ("rows", "usual", "is_stopped"),
    [
        (700, (1_000,), False),
        (699, (1_000,), True),
        (1_300, (1_000,), False),
        (1_301, (1_000,), True),
        (500, (1_000, 1_000, 20), True),
        (500, (500, *[1_000] * 9), False),
        (1_000, (500, *[1_000] * 9), False),
    ],
    ids=str,
)
def test_rows_are_compared_with_the_median_or_with_the_last_run(
    rows: int, usual: tuple[int, ...], is_stopped: bool
) -> None:
    assert _stopped(_tally(rows=rows, usual_rows=usual)) == ["guard-rows"] * is_stopped
