from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def test_the_41st_call_in_five_seconds_is_throttled_and_calls_are_written_down(fresh: Lab) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: fresh.post(fresh.request([fresh.user(number)])), range(45)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [202] * 40 + [429] * 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    calls = fresh.calls()
    assert [call["status"] for call in calls].count(202) == 40
    assert all(call["operations"] == call["taken"] == (call["status"] == 202) for call in calls)
    arrivals = [call["monotonic"] for call in calls]
    assert arrivals == sorted(arrivals)
    assert began < arrivals[0] <= calls[0]["finished"] < time.monotonic()
    assert abs(calls[0]["wall"] - time.time()) < 60
    assert {call["requestId"] for call in calls} == {answer.headers["request-id"] for answer in answers}
    assert calls == fresh.http.get("/sandbox/calls").json()["value"]


def test_the_window_moves_on(fresh: Lab) -> None:
    fresh.settings(burst_calls=2, burst_seconds=1000)
    fresh.upload(fresh.user(1))
    fresh.settings(clock_offset=500)
    fresh.upload(fresh.user(2))
    assert fresh.post(fresh.request([fresh.user(3)])).status_code == 429
    fresh.settings(clock_offset=1001)
    fresh.upload(fresh.user(3))
    assert fresh.post(fresh.request([fresh.user(4)])).status_code == 429


def test_the_limit_is_the_tenants(fresh: Lab) -> None:
    fresh.settings(burst_calls=1)
    app = fresh.http.post("/sandbox/apps", json={"name": "B", "target": "on-premises-ad"}).json()
    other = type(fresh)(fresh.http, app)
    fresh.upload(fresh.user(1))
    assert other.post(other.request([other.user(1)])).status_code == 429


def test_the_days_calls_roll_or_end_at_midnight(fresh: Lab) -> None:
    fresh.settings(daily_calls=2, burst_calls=0)
    fresh.upload(fresh.user(1))
    fresh.upload(fresh.user(2))
    refused = fresh.post(fresh.request([fresh.user(3)]))
    assert (refused.status_code, int(refused.headers["retry-after"]) > 86_000) == (429, True)
    fresh.settings(daily_window="fixed")
    refused = fresh.post(fresh.request([fresh.user(3)]))
    left = 86_400 - time.time() % 86_400
    assert abs(int(refused.headers["retry-after"]) - left) < 60
    fresh.settings(clock_offset=left + 1)
    fresh.upload(fresh.user(3))


def test_retry_after_may_be_a_date_or_missing(fresh: Lab) -> None:
    fresh.settings(burst_calls=1, retry_after="date")
    fresh.upload(fresh.user(1))
    header = fresh.post(fresh.request([fresh.user(2)])).headers["retry-after"]
    assert 0 < parsedate_to_datetime(header).timestamp() - time.time() <= 6
    fresh.settings(retry_after="off")
    assert "retry-after" not in fresh.post(fresh.request([fresh.user(2)])).headers


def test_calls_come_in_pages(entra: Lab) -> None:
    for number in range(3):
        entra.upload(entra.user(number))
    page = entra.http.get(f"/sandbox/apps/{entra.app['jobId']}/calls?top=2").json()
    rest = entra.http.get(page["nextLink"]).json()
    assert (len(page["value"]), len(rest["value"]), "nextLink" in rest) == (2, 1, False)
