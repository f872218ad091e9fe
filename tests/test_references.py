"""Managers, names and the day's budget, end to end: what the sandbox's directory has in the end."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from tests.sites import HTTP, MAPPING, Site

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.codes import Code
from scimport.errors import BudgetError, Interrupted
from scimport.state.outbox import Limits, StateOutbox

# The name says who the manager is.
CHART = (
    MAPPING.replace('displayName: "{{ name }}"', 'displayName: "{{ id }}"')
    + '  enterprise: {manager: {value: "{{ name }}"}}\n'
)

GUARDS = ("leavers", "changes", "per_attribute", "inactive_share", "new_keys", "changed_keys", "rows")
NO_GUARDS = "guards:\n" + "".join(f"  {name}: {{max_percent: 100, max_count: 5000}}\n" for name in GUARDS)


@pytest.fixture
def site(site: Site) -> Site:
    """A site whose people have managers, and whose guards let all through."""
    (site.root / "mappings" / "people.yml").write_text(CHART)
    with (site.root / "pipelines" / "staff.yml").open("a") as file:
        file.write(NO_GUARDS)
    return site


def _users(site: Site) -> list[dict[str, Any]]:
    url = f"{site.base_url}/sandbox/apps/{site.apps['staff']['jobId']}/users"
    users: list[dict[str, Any]] = []
    after = ""
    while page := HTTP.get(url, params={"top": 500, "after": after}).json()["value"]:
        users += page
        after = page[-1]["externalId"]
    return users


def _managers(site: Site) -> dict[str, str]:
    """externalId of each person's manager, as the directory has resolved it; empty for none."""
    users = _users(site)
    by_id = {one["id"]: one["externalId"] for one in users} | {None: ""}
    return {one["externalId"]: by_id[one["attributes"].get("manager")] for one in users}


def _chart(count: int, draw: random.Random) -> list[tuple[object, ...]]:
    """People each of whom but the first is managed by one before, some levels deep, in no order."""
    people: list[tuple[object, ...]] = [("00000", "", "A")]
    people += [(f"{n:05}", f"{max(n - draw.randint(1, 60), 0):05}", "A") for n in range(1, count)]
    draw.shuffle(people)
    return people


def _wanted(people: Sequence[tuple[object, ...]]) -> dict[str, str]:
    return {str(key): str(manager) for key, manager, _ in people}


def test_a_first_load_resolves_every_manager(site: Site) -> None:
    people = _chart(1500, random.Random(7))
    site.people("staff", people)
    site.faults(latency={"seconds": 0.02})
    summary = site.run("staff")
    assert (summary.delivery.accepted, summary.delivery.calls) == (1500, 30)
    assert _managers(site) == _wanted(people)


@pytest.mark.usefixtures("short_pauses")
def test_faults_and_an_interruption_lose_no_manager(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    people = _chart(600, random.Random(11))
    site.people("staff", people)
    site.faults(fail={"rate": 0.2}, cut_after={"rate": 0.1}, seed=3)
    stop = threading.Event()
    original = StateOutbox.finish

    def finish(outbox: StateOutbox, delivery: Delivery, **end: Any) -> None:
        original(outbox, delivery, **end)
        if end["result"] is DeliveryResult.ACCEPTED:
            stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(StateOutbox, "finish", finish)
        with pytest.raises(Interrupted):
            site.run("staff", stop=stop)
    site.faults()
    site.run("staff")
    assert _managers(site) == _wanted(people)


def test_reports_of_a_manager_who_comes_later_and_of_a_circle(site: Site) -> None:
    people = [("1", "9", "A"), ("2", "3", "A"), ("3", "2", "A"), *((f"p{n}", "", "A") for n in range(60))]
    site.people("staff", people)
    site.run("staff")
    assert _managers(site)["1"] == ""
    site.people("staff", [*people, ("9", "", "A")])
    # The one who was accepted before a manager of the same circle is sent again, too.
    assert site.run("staff").delivery.accepted == 3
    assert _managers(site) == _wanted(people) | {"9": ""}
    assert site.run("staff").delivery.calls == 0


def test_when_the_calls_run_out_what_matters_most_was_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = [(f"{n:03}", "", "A") for n in range(101)]
    site.people("staff", everybody)
    site.run("staff")
    movers = [(key, "099", "A") for key, _, _ in everybody[:60]]
    leavers = [(key, "", "T") for key, _, _ in everybody[61:]]
    joiners = [(f"j{n}", "", "A") for n in range(10)]
    site.people("staff", [everybody[60], *movers, *joiners, *leavers])
    # Three calls were made; the fourth is the last of the day.
    monkeypatch.setattr("scimport.stages.limits_of", lambda _, scope: Limits(scope, daily_calls=4))
    with pytest.raises(BudgetError) as caught:
        site.run("staff")
    assert [problem.code for problem in caught.value.problems] == [Code.BUDGET_EXHAUSTED]
    assert "60 movers" in str(caught.value)
    accounts = site.directory("staff")
    assert not any(accounts[str(key)][1] for key, _, _ in leavers)
    assert all(str(key) in accounts for key, _, _ in joiners)
    assert not any(_managers(site).values())


def test_people_of_one_name_get_accounts_with_numbered_names(site: Site) -> None:
    text = CHART.replace('"{{ id }}@acme.example"', "\"{{ 'ann' | unique }}@acme.example\"")
    (site.root / "mappings" / "people.yml").write_text(text)
    people = [(f"{n:02}", "", "A") for n in range(70)]
    site.people("staff", people)
    assert site.run("staff", limit=60).delivery.accepted == 60
    random.Random(5).shuffle(people)
    site.people("staff", people)
    assert site.run("staff").plan.joiners == 10
    assert site.run("staff", full=True).delivery.accepted == 70
    # The directory has a domain of its own.
    names = {
        str(one["externalId"]): one["attributes"]["userPrincipalName"].partition("@")[0]
        for one in _users(site)
    }
    assert [names[key] for key in ("00", "01", "59")] == ["ann", "ann2", "ann60"]
    assert len(set(names.values())) == 70
