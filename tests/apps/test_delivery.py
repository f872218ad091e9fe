from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scimport.apps.answer import Answer
from scimport.apps.app import App
from scimport.apps.auth import Anonymous, StaticToken
from scimport.apps.delivery import Options, _SignIn, deliver
from scimport.apps.hosts import check_endpoint
from scimport.apps.outbox import DeliveryResult, Operation, Wait
from scimport.codes import Code
from scimport.errors import BudgetError, DeliveryError, SignInError, StateError
from scimport.model import DeliveryCounts, Problem

if TYPE_CHECKING:
    from tests.apps.conftest import MemoryOutbox, Reply, Request, Server, Time

    MakeOutbox = Callable[..., MemoryOutbox]
    MakeApp = Callable[..., App]
    MakeOptions = Callable[..., Options]

BUCKET = {"error": {"code": "x", "message": "The bucket that stores the ingested data is full, please wait"}}
INVALID = {"error": {"code": "BadRequest", "message": "Invalid Data Format"}}


class Tokens:
    """Signs in with tokens 1, 2, 3 ..., or with the same for ever."""

    def __init__(self, *, same: bool = False) -> None:
        self.number = 1
        self.renewals = 0
        self.same = same

    def header(self) -> str:
        return f"Bearer {self.number}"

    def renew(self, stale: str) -> None:
        if stale == self.header():
            self.renewals += 1
            self.number += not self.same


def code(error: pytest.ExceptionInfo[DeliveryError]) -> Code:
    (problem,) = error.value.problems
    assert problem.hint
    return problem.code


def refuse(*bad: str) -> Callable[[Request], int]:
    """Answer 400 to each request that has one of these people."""
    return lambda request: 400 if set(request.keys) & set(bad) else 202


def test_everybody_is_sent_once_in_full_requests(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    box = outbox(1001)
    counts = deliver(box, app(), options(workers=8))
    assert counts == DeliveryCounts(accepted=1001, calls=21)
    assert len(box.accepted) == 1001
    assert sorted(len(request.keys) for request in server.requests) == [1] + [50] * 20
    assert len({request.headers["client-request-id"] for request in server.requests}) == 21
    assert {delivery.request_id for delivery, *_ in box.finished} == {
        request.headers["client-request-id"] for request in server.requests
    }
    box.check_settled()


def test_nothing_to_send_makes_no_call(server: Server, outbox: MakeOutbox, app: MakeApp) -> None:
    assert deliver(outbox(0), app()) == DeliveryCounts()
    assert not server.requests


def test_several_requests_are_in_flight(server: Server, outbox: MakeOutbox, app: MakeApp) -> None:
    together = threading.Barrier(4)

    def answer(_: Request) -> int:
        together.wait(timeout=5)
        return 202

    server.answering = answer
    deliver(outbox(400), app(), Options(workers=4))
    assert server.most_in_flight == 4
    assert len({request.connection for request in server.requests}) == 4


def test_the_pace_of_the_outbox_is_kept(
    outbox: MakeOutbox, app: MakeApp, options: MakeOptions, time: Time
) -> None:
    box = outbox(1)
    box.waits = [Wait(4.0), Wait(0.5)]
    assert deliver(box, app(), options()).calls == 1
    assert time.slept == [4.0, 0.5]


def test_the_days_calls_end_it_cleanly(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    box = outbox(1000, budget=3)
    seen: list[DeliveryCounts] = []
    with pytest.raises(BudgetError):
        deliver(box, app(), options(workers=8), on_progress=seen.append)
    assert len(server.requests) == 3
    assert seen[-1] == DeliveryCounts(accepted=150, calls=3)
    assert len(box.left) == 850
    box.check_settled()


def test_throttled_as_long_as_the_server_asks(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, time: Time
) -> None:
    server.say(429, Retry_After="17", request_id="server-1")
    box = outbox(1)
    assert deliver(box, app(), options()) == DeliveryCounts(accepted=1, calls=2, throttled=1)
    assert sum(time.slept) == pytest.approx(17)
    (_, status, result, request_id, retry_after), _ = box.finished
    assert (status, result, request_id, retry_after) == (429, DeliveryResult.THROTTLED, "server-1", 17.0)


def test_throttled_without_a_wish_backs_off(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, time: Time
) -> None:
    for _ in range(6):
        server.say(429)
    deliver(outbox(1), app(), options())
    for slept, longest in zip(time.slept, [5, 10, 20, 40, 60, 60], strict=True):
        assert longest / 2 <= slept <= longest


def test_throttling_holds_every_worker(
    server: Server, outbox: MakeOutbox, app: MakeApp, reply: type[Reply]
) -> None:
    in_flight, asleep = threading.Barrier(2), threading.Barrier(2)
    first_two = iter([True, True])
    now = [0.0]

    def answer(_: Request) -> Reply | int:
        if next(first_two, False) and in_flight.wait(timeout=5) == 0:
            return reply(429, b"", {"Retry-After": "100"})
        if not now[0]:
            # The other worker must not be done before the throttled one has read its answer.
            threading.Event().wait(0.02)
        return 202

    def sleep(seconds: float, _: threading.Event) -> None:
        assert 0 < seconds <= 100
        asleep.wait(timeout=5)
        now[0] = 100.0

    server.answering = answer
    counts = deliver(outbox(5000), app(), Options(workers=2, clock=lambda: now[0], sleep=sleep))
    assert counts == DeliveryCounts(accepted=5000, calls=101, throttled=1)


def test_endless_throttling_ends(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    server.answering = lambda _: 429
    box = outbox(60)
    with pytest.raises(DeliveryError, match="8 times in a row") as stopped:
        deliver(box, app(), options())
    assert code(stopped) is Code.ENDPOINT_FAILING
    assert len(server.requests) == 8
    assert len(box.left) == 60
    box.check_settled()


def test_a_full_bucket_is_waited_for(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, time: Time
) -> None:
    server.say(500, BUCKET)
    server.say(500, BUCKET)
    box = outbox(1)
    assert deliver(box, app(), options()).accepted == 1
    assert sum(time.slept) == pytest.approx(600)
    assert box.results == [DeliveryResult.BUCKET_FULL] * 2 + [DeliveryResult.ACCEPTED]


def test_a_bucket_that_stays_full_ends_it(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    for _ in range(12):
        server.say(500, BUCKET)
    with pytest.raises(DeliveryError, match="12 tries") as stopped:
        deliver(outbox(1), app(), options())
    assert code(stopped) is Code.ENDPOINT_FAILING
    assert "quarantine" in stopped.value.problems[0].hint


def test_failures_back_off_and_pass(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, time: Time
) -> None:
    server.say(503)
    server.cut()
    server.say(500)
    server.say(503, Retry_After="120")
    box = outbox(1)
    assert deliver(box, app(), options()) == DeliveryCounts(accepted=1, calls=5)
    assert box.results == [DeliveryResult.FAILED] * 4 + [DeliveryResult.ACCEPTED]
    assert [status for _, status, *_ in box.finished] == [503, None, 500, 503, 202]
    for slept, (shortest, longest) in zip(time.slept, [(0.5, 1), (1, 2), (2, 4), (120, 120)], strict=True):
        assert shortest <= slept <= longest


def test_failures_without_any_success_end_it(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    server.answering = lambda _: 503
    box = outbox(1000)
    with pytest.raises(DeliveryError, match=r"failed 8 times in a row: HTTP 503") as stopped:
        deliver(box, app(), options(workers=4))
    assert code(stopped) is Code.ENDPOINT_FAILING
    assert len(server.requests) <= 32
    assert len(box.left) == 1000
    box.check_settled()


def test_one_request_that_always_fails_waits_for_the_others(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    server.answering = lambda request: 500 if "E0001" in request.keys else 202
    box = outbox(500)
    with pytest.raises(DeliveryError) as stopped:
        deliver(box, app(), options(workers=2))
    assert code(stopped) is Code.ENDPOINT_FAILING
    assert len(box.accepted) == 450
    box.check_settled()


def test_nobody_listens(
    memory: Callable[..., MemoryOutbox],
    person: Callable[..., Operation],
    app: MakeApp,
    options: MakeOptions,
    time: Time,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    box = memory([person(number, nickName="nothing") for number in range(60)])
    with pytest.raises(DeliveryError, match=f"nothing listens on 127.0.0.1:{port}") as stopped:
        deliver(box, app(url=f"http://127.0.0.1:{port}/x"), options())
    assert code(stopped) is Code.ENDPOINT_UNREACHABLE
    assert len(time.slept) == 4
    assert len(box.left) == 60
    box.check_settled()


def test_a_bad_certificate_is_never_tried_again(
    serve: Callable[..., AbstractContextManager[Server]],
    self_signed: Path,
    outbox: MakeOutbox,
    options: MakeOptions,
    time: Time,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    box = outbox(1)
    with serve(context=context) as server, pytest.raises(DeliveryError, match="self-signed") as stopped:
        deliver(box, App(check_endpoint(server.url), Anonymous()), options())
    assert code(stopped) is Code.CERTIFICATE
    assert len(box.finished) == 1
    assert not time.slept


def test_an_expired_token_is_renewed_once_for_all_workers(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    together = threading.Barrier(4)

    def answer(request: Request) -> int:
        if request.headers["authorization"] == "Bearer 1":
            together.wait(timeout=5)
            return 401
        return 202

    server.answering = answer
    tokens = Tokens()
    box = outbox(400)
    assert deliver(box, app(tokens), options(workers=4)) == DeliveryCounts(accepted=400, calls=12)
    assert tokens.renewals == 1


def test_tokens_may_expire_again_and_again(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    uses: dict[str, int] = {}

    def answer(request: Request) -> int:
        token = request.headers["authorization"]
        uses[token] = uses.get(token, 0) + 1
        return 202 if uses[token] <= 2 else 401

    server.answering = answer
    tokens = Tokens()
    assert deliver(outbox(500), app(tokens), options()).accepted == 500
    assert tokens.renewals == 4


def test_a_late_refusal_of_an_old_token_does_not_taint_the_new_one() -> None:
    tokens = Tokens()
    sign_in = _SignIn(tokens)
    refusal = Answer(DeliveryResult.DENIED, status=401)
    sign_in.refused("Bearer 1", refusal)
    sign_in.accepted("Bearer 2")
    sign_in.refused("Bearer 1", refusal)
    sign_in.refused("Bearer 2", refusal)
    assert (tokens.renewals, tokens.header()) == (2, "Bearer 3")
    with pytest.raises(SignInError):
        sign_in.refused("Bearer 3", refusal)


@pytest.mark.parametrize("same", [False, True])
def test_a_fresh_token_refused_ends_it(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, same: bool
) -> None:
    server.answering = lambda _: 401
    tokens = Tokens(same=same)
    box = outbox(60)
    with pytest.raises(SignInError, match="fresh token") as stopped:
        deliver(box, app(tokens), options())
    assert code(stopped) is Code.SIGN_IN_FAILED
    assert (len(server.requests), tokens.renewals) == (2, 1)
    assert box.results == [DeliveryResult.DENIED] * 2
    assert len(box.left) == 60
    box.check_settled()


@pytest.mark.parametrize("fixed", [Anonymous(), StaticToken("abc")])
def test_what_cannot_be_renewed_ends_it(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, fixed: Any
) -> None:
    server.answering = lambda _: 401
    with pytest.raises(SignInError):
        deliver(outbox(1), app(fixed), options())
    assert len(server.requests) == 1


def test_without_a_token_nothing_is_written_down(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    class Nobody(Anonymous):
        def header(self) -> str:
            raise SignInError(Problem(Code.SIGN_IN_FAILED, "no token"))

    box = outbox(60)
    with pytest.raises(SignInError, match="no token"):
        deliver(box, app(Nobody()), options(workers=4))
    assert not server.requests
    assert not box.finished
    box.check_settled()


@pytest.mark.parametrize(
    "case",
    [
        (403, Code.PERMISSION_MISSING, "SynchronizationData-User.Upload"),
        (404, Code.ENDPOINT_NOT_FOUND, "object id sp (not its application id) and the job id API2AAD."),
        (405, Code.ENDPOINT_REFUSES, "app.endpoint"),
        (302, Code.ENDPOINT_REFUSES, "app.endpoint"),
    ],
)
def test_what_never_gets_better_ends_it_at_once(
    server: Server,
    outbox: MakeOutbox,
    app: MakeApp,
    options: MakeOptions,
    case: tuple[int, Code, str],
) -> None:
    status, expected, words = case
    server.say(status, {"error": {"code": "Nope", "message": "because user1@acme.example"}}, Location="/x")
    box = outbox(60)
    with pytest.raises(DeliveryError, match=r"Nope: because \*\*\*") as stopped:
        deliver(box, app(), options())
    assert code(stopped) is expected
    assert words in stopped.value.problems[0].hint
    assert len(server.requests) == 1
    assert box.results == [DeliveryResult.DENIED]
    assert len(box.left) == 60
    box.check_settled()


def test_one_bad_record_never_blocks_the_others(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, reply: type[Reply]
) -> None:
    words = b'{"error":{"code":"BadRequest","message":"user17@acme.example is no userName\\n"}}'
    server.answering = lambda request: reply(400, words) if "E0017" in request.keys else 202
    box = outbox(50)
    counts = deliver(box, app(), options())
    assert counts == DeliveryCounts(accepted=49, rejected=1, calls=len(server.requests))
    assert counts.calls <= 13
    assert box.rejected == {"E0017": "BadRequest: *** is no userName"}
    assert not box.left
    box.check_settled()


@given(st.sets(st.integers(1, 120), max_size=12), st.integers(1, 4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_refused_all_others_are_accepted(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, bad: set[int], workers: int
) -> None:
    keys = {f"E{number:04}" for number in bad}
    server.answering = refuse(*keys)
    box = outbox(120)
    counts = deliver(box, app(), options(workers=workers))
    assert set(box.rejected) == keys
    assert len(box.accepted) == 120 - len(keys)
    assert (counts.accepted, counts.rejected) == (120 - len(keys), len(keys))
    box.check_settled()


def test_a_few_people_all_wrong_are_rejected(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    server.answering = lambda _: 400
    box = outbox(3)
    assert deliver(box, app(), options()) == DeliveryCounts(rejected=3, calls=5)
    assert set(box.rejected) == {"E0001", "E0002", "E0003"}


def test_an_endpoint_that_refuses_everything_does_not_cost_the_days_calls(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, reply: type[Reply]
) -> None:
    number = iter(range(10_000))
    server.answering = lambda _: reply(415, b"operation %d: not application/scim+json" % next(number))
    box = outbox(1000)
    with pytest.raises(DeliveryError, match="refuses every record") as stopped:
        deliver(box, app(), options(workers=8))
    assert code(stopped) is Code.RECORDS_REFUSED
    assert len(server.requests) <= 99 + 8
    assert len(box.left) == 1000
    box.check_settled()


def test_a_proven_endpoint_is_suspected_later(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    server.answering = lambda _: 400
    box = outbox(300)
    with pytest.raises(DeliveryError) as stopped:
        deliver(box, app(), options(), proven=True)
    assert code(stopped) is Code.RECORDS_REFUSED
    assert len(box.rejected) == 100
    assert len(server.requests) == 3 * 99

    box = outbox(150)
    server.answering = refuse(*(f"E{number:04}" for number in range(1, 101)))
    assert deliver(box, app(), options(), proven=True).accepted == 50
    assert len(box.rejected) == 100
    box.check_settled()


def test_people_refused_for_different_reasons_are_rejected(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, reply: type[Reply]
) -> None:
    server.answering = lambda request: reply(400, b"odd" if int(request.keys[0][1:]) % 2 else b"even")
    box = outbox(20)
    assert deliver(box, app(), options()).rejected == 20


def test_stop_finishes_what_is_in_flight(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    stop = threading.Event()

    def answer(_: Request) -> int:
        stop.set()
        return 202

    server.answering = answer
    box = outbox(1000)
    counts = deliver(box, app(), options(workers=4), stop=stop)
    assert 50 <= counts.accepted <= 200
    assert len(box.left) == 1000 - counts.accepted
    box.check_settled()


def test_stop_before_the_start_sends_nothing(server: Server, outbox: MakeOutbox, app: MakeApp) -> None:
    stop = threading.Event()
    stop.set()
    assert deliver(outbox(10), app(), stop=stop) == DeliveryCounts()
    assert not server.requests


def test_stop_wakes_who_waits(server: Server, outbox: MakeOutbox, app: MakeApp) -> None:
    server.answering = lambda _: 503
    server.say(429, Retry_After="900")
    stop = threading.Event()
    box = outbox(1000)

    def watch(counts: DeliveryCounts) -> None:
        if counts.throttled:
            stop.set()

    counts = deliver(box, app(), stop=stop, on_progress=watch)
    assert counts.throttled == 1
    assert len(box.left) == 1000
    box.check_settled()


def test_stop_while_the_reason_is_sought_rejects_nobody(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    stop = threading.Event()

    def answer(_: Request) -> int:
        if len(server.requests) == 20:
            stop.set()
        return 400

    server.answering = answer
    box = outbox(50)
    assert deliver(box, app(), options(), stop=stop) == DeliveryCounts(calls=20)
    assert len(box.left) == 50
    box.check_settled()


@pytest.mark.parametrize("method", ["claim", "begin", "finish", "reject", "release"])
def test_an_error_of_the_outbox_reaches_the_caller(
    server: Server,
    outbox: MakeOutbox,
    app: MakeApp,
    options: MakeOptions,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StateError(Problem(Code.STATE_UNREACHABLE, f"{method} failed"))

    server.answering = (lambda _: 403) if method == "release" else refuse("E0001")
    box = outbox(500)
    monkeypatch.setattr(box, method, broken)
    with pytest.raises(StateError, match=f"{method} failed"):
        deliver(box, app(), options(workers=4))
    assert threading.active_count() < 20


def test_an_interrupt_ends_every_worker(server: Server, outbox: MakeOutbox, app: MakeApp) -> None:
    def interrupt(_: DeliveryCounts) -> None:
        raise KeyboardInterrupt

    box = outbox(2000)
    server.answering = lambda _: 503
    with pytest.raises(KeyboardInterrupt):
        deliver(box, app(), Options(workers=4), on_progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deliver")]
    assert len(box.left) == 2000
    box.check_settled()


def test_progress_comes_from_the_calling_thread_and_only_grows(
    outbox: MakeOutbox, app: MakeApp, options: MakeOptions
) -> None:
    seen: list[DeliveryCounts] = []
    threads: set[str] = set()

    def watch(counts: DeliveryCounts) -> None:
        seen.append(counts)
        threads.add(threading.current_thread().name)

    counts = deliver(outbox(500), app(), options(workers=4), on_progress=watch)
    assert seen[-1] == counts
    assert [shown.calls for shown in seen] == sorted(shown.calls for shown in seen)
    assert threads == {threading.current_thread().name}


def test_everybody_arrives_through_a_storm(
    server: Server, outbox: MakeOutbox, app: MakeApp, options: MakeOptions, reply: type[Reply]
) -> None:
    chance = random.Random(20261005)
    current = ["Bearer 1"]
    arrived: set[str] = set()

    def answer(request: Request) -> Reply | int:
        if request.headers["authorization"] != current[0]:
            return 401
        fate = chance.random()
        if fate < 0.2:
            return 503
        if fate < 0.25:
            arrived.update(request.keys)
            return 0
        if fate < 0.27:
            return reply(500, b"the bucket is full")
        if fate < 0.30:
            return 429
        if fate < 0.32:
            current[0] = f"Bearer {int(current[0].split()[1]) + 1}"
        arrived.update(request.keys)
        return 202

    server.answering = answer
    box = outbox(5000)
    counts = deliver(box, app(Tokens()), options(workers=8))
    assert counts.accepted == 5000
    assert set(box.accepted) == arrived
    assert len(arrived) == 5000
    box.check_settled()


def test_the_bytes_of_a_user_arrive_as_they_were_validated(
    server: Server, memory: Callable[..., MemoryOutbox], app: MakeApp, options: MakeOptions
) -> None:
    person = Operation(5, "E5", b'{"externalId":"E5","displayName":"\xc5\xbdofie \\ud83d\\ude00"}')
    deliver(memory([person]), app(), options())
    assert person.body in server.requests[0].body
