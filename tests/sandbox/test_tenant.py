from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scimport.sandbox import run_sandbox
from scimport.sandbox.graph import BUCKET_FULL
from scimport.sandbox.settings import Settings

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def _eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _state(lab: Lab) -> tuple[str, int]:
    apps = lab.http.get("/sandbox/apps").json()["value"]
    return next((app["state"], app["queued"]) for app in apps if app["jobId"] == lab.app["jobId"])


def test_a_paused_job_takes_uploads_and_processes_them_in_order_once_started(entra: Lab) -> None:
    assert entra.http.post(f"{entra.job_url}/pause").status_code == 204
    entra.upload(entra.user(1), entra.user(2))
    entra.upload(entra.user(1, title="Architect"))
    assert entra.http.get(entra.job_url).json()["status"]["code"] == "Paused"
    assert (entra.people(), entra.log(), _state(entra)) == ({}, [], ("Paused", 3))
    assert entra.http.post(f"{entra.job_url}/start").status_code == 204
    assert entra.person(1)["jobTitle"] == "Architect"
    assert _state(entra) == ("Active", 0)


def test_a_full_bucket(entra: Lab) -> None:
    entra.settings(bucket_capacity=3)
    entra.upload(*(entra.user(number) for number in range(5)))
    entra.http.post(f"{entra.job_url}/pause")
    entra.upload(entra.user(5), entra.user(6))
    answer = entra.post(entra.request([entra.user(7), entra.user(8)]))
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, BUCKET_FULL)
    entra.upload(entra.user(7))
    entra.http.post(f"{entra.job_url}/start")
    _eventually(lambda: _state(entra) == ("Active", 0))
    assert len(entra.people()) == 8


def test_a_long_queue_is_processed_without_anybody_asking(entra: Lab) -> None:
    entra.http.post(f"{entra.job_url}/pause")
    for number in range(40):
        entra.upload(entra.user(number))
    entra.http.post(f"{entra.job_url}/start")
    entra.upload(entra.user(40))
    _eventually(lambda: entra.http.get("/sandbox/health").is_success and len(entra.people()) == 41)


def test_processing_can_be_delayed(entra: Lab) -> None:
    entra.settings(processing_delay=300)
    entra.upload(entra.user(1))
    entra.settings(clock_offset=299)
    assert entra.people() == {}
    entra.settings(clock_offset=301)
    assert len(entra.people()) == 1


def test_a_job_processes_at_a_rate(entra: Lab) -> None:
    entra.settings(processing_rate=0.1)
    entra.upload(*(entra.user(number) for number in range(3)))
    entra.upload(entra.user(3))
    for offset, people in ((29, 0), (31, 3), (39, 3), (41, 4)):
        entra.settings(clock_offset=offset)
        assert len(entra.people()) == people


def test_uploads_wait_for_the_end_of_the_cycle(entra: Lab) -> None:
    entra.settings(cycle_seconds=2400, clock_offset=2400 - time.time() % 2400 + 60)
    entra.upload(entra.user(1))
    entra.upload(entra.user(2))
    entra.upload(entra.user(1))
    assert entra.people() == {}
    offset = 2400 - time.time() % 2400 + 2401
    entra.settings(clock_offset=offset)
    assert len(entra.people()) == 2
    assert len({entry["cycleId"] for entry in entra.log()}) == 1
    entra.upload(entra.user(3))
    entra.settings(clock_offset=offset + 2400)
    assert len({entry["cycleId"] for entry in entra.log()}) == 2


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"strikt": True}, "strikt"),
        ({"burst_calls": -1}, "burst_calls"),
        ({"retry_after": "x"}, "retry_after"),
    ],
)
def test_wrong_settings_change_nothing(entra: Lab, wishes: dict[str, Any], words: str) -> None:
    before = entra.http.get("/sandbox/settings").json()
    answer = entra.http.put("/sandbox/settings", json=wishes)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert entra.http.put("/sandbox/settings", content=b"x").status_code == 400
    assert entra.http.get("/sandbox/settings").json() == before


def test_everything_survives_a_restart(fresh: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with run_sandbox(folder, settings=Settings(default_domain="kept.example")) as sandbox:
        http = httpx.Client(base_url=sandbox.base_url)
        app = http.post("/sandbox/apps", json={"name": "A", "target": "entra-id"}).json()
        lab = type(fresh)(http, app)
        lab.upload(lab.user(1))
        http.post(f"{lab.job_url}/pause")
        lab.upload(lab.user(2))
        http.close()
    with run_sandbox(folder) as sandbox, httpx.Client(base_url=sandbox.base_url) as http:
        again = http.post("/sandbox/apps", json={"name": "A", "target": "entra-id"}).json()
        assert (again["jobId"], again["state"], again["queued"]) == (app["jobId"], "Paused", 1)
        lab = type(fresh)(http, again, lab.mark)
        http.post(f"{lab.job_url}/start")
        assert lab.person(2)["userPrincipalName"].endswith("@kept.example")
        assert (len(lab.log()), len(lab.calls())) == (2, 2)


def test_two_servers_may_share_a_folder(fresh: Lab, tmp_path: Path) -> None:
    with run_sandbox(tmp_path) as second, httpx.Client(base_url=second.base_url) as http:
        other = type(fresh)(http, http.get("/sandbox/apps").json()["value"][0], fresh.mark)
        fresh.settings(burst_calls=3)
        fresh.upload(fresh.user(1))
        other.upload(other.user(2))
        other.upload(other.user(1, title="Architect"))
        assert fresh.person(1)["jobTitle"] == "Architect"
        assert fresh.post(fresh.request([fresh.user(3)])).status_code == 429
