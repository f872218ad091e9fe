from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest
from tests.sites import HTTP, Site

from scimport.apps.auth import AzureSignIn
from scimport.errors import DeliveryError, Interrupted, LockedError, SourceError
from scimport.model import DeliveryCounts
from scimport.plan import Selection
from scimport.stages import PipelineRun, Progress, unfinished


def _people(count: int, first: int = 0) -> list[tuple[object, ...]]:
    return [(f"{n:05}", f"Person {n}", "A") for n in range(first, first + count)]


def _wanted(people: Sequence[tuple[object, ...]]) -> dict[str, tuple[str, bool]]:
    return {str(key): (str(name), status == "A") for key, name, status in people}


def test_a_second_run_makes_no_call_and_one_changed_cell_makes_one(site: Site) -> None:
    people = _people(120)
    site.people("staff", people)
    assert site.run("staff").delivery == DeliveryCounts(accepted=120, calls=3)
    assert site.run("staff").delivery == DeliveryCounts()
    people[7] = (people[7][0], "Somebody else", "A")
    site.people("staff", people)
    assert site.run("staff").delivery == DeliveryCounts(accepted=1, calls=1)
    assert sorted(call["operations"] for call in site.calls()) == [1, 20, 50, 50]
    assert site.directory("staff") == _wanted(people)


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (50, 1), (51, 2), (1000, 20), (1001, 21)])
def test_fifty_people_a_call(site: Site, count: int, calls: int) -> None:
    site.people("staff", _people(count))
    assert site.run("staff").delivery == DeliveryCounts(accepted=count, calls=calls)
    assert len(site.calls()) == calls


def test_leavers_are_disabled_and_come_back(site: Site) -> None:
    people = _people(5)
    site.people("staff", people)
    site.run("staff")
    site.people("staff", people[:4])
    assert site.run("staff").plan.leavers == 1
    assert site.directory("staff") == _wanted([*people[:4], ("00004", "Person 4", "T")])
    site.people("staff", people)
    assert site.run("staff").plan.movers == 1
    assert site.directory("staff") == _wanted(people)


def test_two_runs_side_by_side_keep_to_forty_calls_in_any_five_seconds(site: Site) -> None:
    site.pipeline("guests")
    site.people("staff", _people(1150))
    site.people("guests", _people(1150, first=50_000))
    command = [sys.executable, "-m", "scimport", "--project", str(site.root), "run", "--no-prefect", "--json"]
    both = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in ("staff", "guests")
    ]
    reports = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], reports
    assert [json.loads(out)["throttled"] for out, _ in reports] == [0, 0]
    times = sorted(call["monotonic"] for call in site.calls())
    assert len(times) == 46
    window = max(sum(begin <= other < begin + 5.0 for other in times) for begin in times)
    assert window <= 40
    assert window > 30, "the pace should be used, not only kept"


class _SandboxCredential:
    """A credential as azure-identity's, that gets its tokens from the sandbox."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to let go of."""

    def get_token(self, scope: str) -> SimpleNamespace:
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s", "scope": scope}
        answer = HTTP.post(self._url, data=form).raise_for_status().json()
        return SimpleNamespace(token=answer["access_token"], expires_on=time.time() + answer["expires_in"])


@pytest.mark.usefixtures("short_pauses")
def test_nobody_is_lost_among_faults(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    HTTP.put(f"{site.base_url}/sandbox/settings", json={"require_token": True, "burst_calls": 0})
    people = _people(1000)
    site.people("staff", people)
    secret = "{kind: client_secret, tenant_id: t, client_id: c, client_secret: s}"
    site.pipeline("staff", auth=secret)
    sign_in = AzureSignIn(lambda: _SandboxCredential(site.apps["staff"]["tokenEndpoint"]), "scope/.default")
    monkeypatch.setattr("scimport.connection.authenticator", lambda *_: sign_in)
    site.faults(
        fail={"rate": 0.2},
        cut_before={"rate": 0.03},
        cut_after={"rate": 0.02},
        bucket_full={"next": 2},
        tokens={"after": 9},
        seed=4,
    )
    summary = site.run("staff")
    assert summary.delivery.accepted == 1000
    assert summary.delivery.remaining == summary.delivery.rejected == 0
    assert summary.delivery.calls > 22
    assert {401, 500, 503} <= {call["status"] for call in site.calls()}
    assert site.directory("staff") == _wanted(people)


def test_one_bad_record_never_blocks_the_others(site: Site) -> None:
    people = _people(100)
    site.people("staff", people)
    site.faults(refuse=["00003", "00077"])
    summary = site.run("staff")
    assert (summary.delivery.accepted, summary.delivery.rejected) == (98, 2)
    with (site.root / summary.problems_file).open() as file:
        rows = list(csv.DictReader(file))
    rejected = sorted((row["code"], row["key"]) for row in rows)
    assert rejected == [("record-rejected", "00003"), ("record-rejected", "00077")]
    assert site.directory("staff") == _wanted([one for one in people if one[0] not in {"00003", "00077"}])


def test_when_all_are_refused_the_next_run_plans_anew(site: Site) -> None:
    people = _people(12)
    site.people("staff", people)
    site.faults(refuse=[str(one[0]) for one in people])
    with pytest.raises(DeliveryError) as caught:
        site.run("staff")
    assert [problem.code for problem in caught.value.problems] == ["records-refused"]
    assert unfinished(site.project, "staff") is None
    HTTP.delete(f"{site.base_url}/sandbox/faults")
    assert site.run("staff").delivery.accepted == 12


def test_an_endpoint_that_denies_leaves_everybody_staged(site: Site) -> None:
    site.people("staff", _people(3))
    HTTP.put(f"{site.base_url}/sandbox/settings", json={"permissions": []})
    with pytest.raises(DeliveryError) as caught:
        site.run("staff")
    assert [problem.code for problem in caught.value.problems] == ["permission-missing"]
    assert unfinished(site.project, "staff") is not None
    HTTP.put(f"{site.base_url}/sandbox/settings", json={"permissions": ["SynchronizationData-User.Upload"]})
    with PipelineRun(site.project, "staff", Selection()) as run:
        run.finish_interrupted()
    assert run.summary.delivery == DeliveryCounts(accepted=3, calls=1)
    assert unfinished(site.project, "staff") is None


def test_a_stop_finishes_what_is_in_flight_and_can_be_resumed(site: Site) -> None:
    people = _people(2000)
    site.people("staff", people)
    site.faults(latency={"seconds": 0.4})
    stop = threading.Event()

    def after_the_first(now: Progress) -> None:
        if now.stage == "deliver" and now.done:
            stop.set()

    with pytest.raises(Interrupted):
        site.run("staff", stop=stop, on_progress=after_the_first)
    accepted = len(site.directory("staff"))
    assert 0 < accepted < 2000
    site.people("staff", [*people, ("new", "New", "A")])
    assert site.run("staff").delivery.accepted == 2000 - accepted + 1
    assert site.directory("staff") == _wanted([*people, ("new", "New", "A")])


def test_a_source_that_breaks_off_sends_nothing(site: Site) -> None:
    site.people("staff", _people(300))
    with (site.root / "staff.csv").open("a") as file:
        file.write("00301,too,many,cells\n")
    with pytest.raises(SourceError):
        site.run("staff")
    assert site.calls() == []
    assert unfinished(site.project, "staff") is None


def test_a_second_run_of_a_pipeline_waits_for_the_first(site: Site) -> None:
    site.people("staff", _people(1))
    with PipelineRun(site.project, "staff", Selection()), pytest.raises(LockedError):
        site.run("staff")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_state_may_be_in_a_database_that_machines_share(
    site: Site, request: pytest.FixtureRequest, kind: str
) -> None:
    (site.root / ".env").write_text(f"SCIMPORT_STATE_URL={request.getfixturevalue(f'{kind}_url')}\n")
    people = _people(120)
    site.people("staff", people)
    assert site.run("staff").delivery == DeliveryCounts(accepted=120, calls=3)
    site.people("staff", [("00000", "Renamed", "A"), *people[1:118]])
    summary = site.run("staff")
    assert (summary.plan.unchanged, summary.plan.movers, summary.plan.leavers) == (117, 1, 2)
    assert summary.delivery == DeliveryCounts(accepted=3, calls=1)
    gone = [(key, name, "T") for key, name, _ in people[118:]]
    assert site.directory("staff") == _wanted([("00000", "Renamed", "A"), *people[1:118], *gone])
    assert not (site.root / ".scimport" / "state.db").exists()


KILLER = f"""
import random, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1] / "benchmarks")!r})
from kills import attempt
dice, project = random.Random(11), Path(sys.argv[1])
killed = [attempt(project, "run", dice.uniform(0.1, 1.0)) for _ in range(10)].count(None)
print(killed, attempt(project, "resume", None), attempt(project, "run", None))
"""
"""Runs that are forked from a process which has imported all that takes long."""


def test_killed_at_any_moment_and_resumed_nobody_is_lost(site: Site) -> None:
    people = _people(1200)
    site.pipeline("people")
    site.people("people", people)
    site.faults(latency={"seconds": 0.2, "jitter": 0.2})
    HTTP.put(f"{site.base_url}/sandbox/settings", json={"burst_calls": 0})
    done = subprocess.run([sys.executable, "-c", KILLER, site.root], check=True, stdout=subprocess.PIPE)
    killed, *ended = map(int, done.stdout.split())
    assert killed
    assert ended == [0, 0]
    assert site.directory("people") == _wanted(people)
    assert site.run("people").delivery == DeliveryCounts()
