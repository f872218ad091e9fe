from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import ValidationError

from scimport.sandbox.faults import FaultPlan, Faults
from scimport.sandbox.graph import BUCKET_FULL

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab


def _statuses(lab: Lab, calls: int) -> list[int]:
    return [lab.post(lab.request([lab.user(number)])).status_code for number in range(calls)]


def test_throttling(entra: Lab) -> None:
    entra.faults(throttle={"next": 2, "retry_after": 7})
    refused = entra.post(entra.request([entra.user(1)]))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert _statuses(entra, 2) == [429, 202]
    assert [call["fault"] for call in entra.calls()] == ["throttle", "throttle", None]


def test_failures(entra: Lab) -> None:
    entra.faults(fail={"next": 1, "status": 504}, bucket_full={"next": 1})
    assert _statuses(entra, 1) == [504]
    full = entra.post(entra.request([entra.user(1)]))
    assert (full.status_code, full.json()["error"]["message"]) == (500, BUCKET_FULL)
    assert _statuses(entra, 1) == [202]


def test_a_rate_is_repeatable_with_its_seed(entra: Lab) -> None:
    entra.faults(fail={"rate": 0.3}, seed=4)
    first = _statuses(entra, 20)
    entra.faults(seed=4)
    assert _statuses(entra, 20) == first
    assert 2 <= first.count(503) <= 11
    assert first.count(202) + first.count(503) == 20


@pytest.mark.parametrize(("fault", "taken"), [("cut_before", False), ("cut_after", True)])
def test_a_cut_connection_has_no_answer(entra: Lab, fault: str, taken: bool) -> None:
    entra.faults(**{fault: {"next": 1}})
    with pytest.raises(httpx.TransportError):
        entra.post(entra.request([entra.user(1)]))
    assert len(entra.people()) == taken
    call = entra.calls()[-1]
    assert (call["status"], call["taken"], call["fault"], call["operations"]) == (
        None,
        taken,
        fault,
        int(taken),
    )
    assert _statuses(entra, 1) == [202]


def test_a_large_request_can_be_cut_while_it_is_sent(entra: Lab) -> None:
    entra.faults(cut_before={"rate": 1})
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            entra.post({"pad": "x" * 3_000_000})


def test_tokens_expire_once_after_some_calls(entra: Lab) -> None:
    entra.faults(tokens={"after": 2})
    mine, renewed = {"authorization": f"Bearer {entra.mark}"}, {"authorization": f"Bearer {entra.mark}-new"}
    request = entra.request([entra.user(1)])
    assert [entra.post(request, **mine).status_code for _ in range(4)] == [202, 202, 401, 401]
    assert [entra.post(request, **renewed).status_code for _ in range(4)] == [202] * 4


def test_latency(entra: Lab) -> None:
    entra.faults(latency={"seconds": 0.2, "jitter": 0.05})
    began = time.monotonic()
    entra.upload(entra.user(1))
    assert time.monotonic() - began >= 0.2
    call = entra.calls()[-1]
    assert 0.2 <= call["finished"] - call["monotonic"] < 2


def test_people_can_be_refused(entra: Lab) -> None:
    entra.faults(refuse=[f"{entra.mark}-2"])
    answer = entra.post(entra.request([entra.user(1), entra.user(2)]))
    assert answer.status_code == 400
    assert "Operations[1] (bulkId 'b1')" in answer.json()["error"]["message"]
    entra.upload(entra.user(1))


def test_errors_may_be_html(entra: Lab) -> None:
    entra.faults(html=True, fail={"next": 1})
    for request, status in ((entra.request([entra.user(1)]), 503), ({}, 400)):
        answer = entra.post(request)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, "text/html")
        assert answer.text.startswith("<!DOCTYPE html>")
    entra.upload(entra.user(1))


@pytest.mark.parametrize(
    "wishes", [{"nope": 1}, {"fail": {"rate": 2}}, {"fail": {"status": 400}}, {"refuse": 1}]
)
def test_a_wrong_order_changes_nothing(entra: Lab, wishes: dict[str, Any]) -> None:
    entra.faults(fail={"next": 3})
    assert entra.http.post("/sandbox/faults", json=wishes).status_code == 400
    assert entra.http.get("/sandbox/faults").json()["fail"]["next"] == 3
    entra.http.delete("/sandbox/faults")
    assert entra.http.get("/sandbox/faults").json() == Faults().model_dump(mode="json")


def test_the_dice_depend_on_the_number_of_calls_alone() -> None:
    def drawn(**more: Any) -> list[str | None]:
        plan = FaultPlan()
        plan.order({"seed": 7, "fail": {"rate": 0.2}, "cut_after": {"rate": 0.1}, **more})
        return [plan.draw() for _ in range(200)]

    plain, throttled = drawn(), drawn(throttle={"next": 50})
    assert plain == drawn()
    assert throttled[50:] == plain[50:]
    assert 20 <= plain.count("fail") <= 65
    with pytest.raises(ValidationError):
        FaultPlan().order({"latency": {"seconds": -1}})
