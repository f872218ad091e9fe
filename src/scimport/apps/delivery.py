"""Drains an outbox into an app's endpoint: several workers, each with one request in flight.

Each worker takes up to 50 people, has the request written down, sends it, and has the answer written
down, until nothing is left. What an answer leads to:

=========================  =============================================================================
accepted (202)             the people are acknowledged; the next request
throttled (429)            all workers pause, as long as the server asks, else longer each time
bucket full (500)          all workers pause for minutes
failed (5xx, no answer)    this worker tries again, after longer and longer pauses
401                        one new token for all workers; a 401 to that one stops the delivery
400, 413, 415, 422         the request is sent in halves, down to the records that are refused on their own
403, 404, certificate      the delivery stops: nobody gains from trying again
=========================  =============================================================================

A delivery also stops where one request has failed too many times in a row while no other went through,
and where the endpoint refuses all records alike. Whatever way it ends, who was not accepted or rejected
is still planned.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scimport.apps import stops
from scimport.apps.answer import Answer, Cause
from scimport.apps.app import App
from scimport.apps.auth import Authenticator
from scimport.apps.bulk import bulk_request
from scimport.apps.outbox import MAX_OPERATIONS, Delivery, DeliveryResult, Operation, Outbox, Wait
from scimport.apps.words import mask_values, same_reason
from scimport.model import DeliveryCounts

if TYPE_CHECKING:
    from scimport.apps.client import Client

_POLL = 0.1
_jitter = random.SystemRandom().random


def _sleep(seconds: float, halt: threading.Event) -> None:
    halt.wait(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """How to deliver. Times are in seconds.

    Attributes:
        workers: Requests in flight at most. The outbox keeps the pace; this only hides the latency.
        tries: Tries of one request, while nothing else is accepted either.
        first_tries: The same while the endpoint has never answered, so that its URL is the likely cause.
        full_tries: The same for a full bucket.
        first_pause: Pause before the second try; doubled with each further one.
        throttled_pause: The same after a 429 without Retry-After: the window that Graph counts calls in.
        longest_pause: What no such pause exceeds.
        suspect: Records that must all be refused alike before that is held against the endpoint; fewer may
            well be wrong in the same way.
        refused_requests: Whole requests refused so before a proven endpoint is held to refuse everything;
            for an endpoint that is not proven, one is enough.
        clock: Gives seconds that only go forward.
        sleep: Waits so many seconds, or until the event is set.
    """

    workers: int = 16
    tries: int = 8
    first_tries: int = 5
    full_tries: int = 12
    first_pause: float = 1.0
    throttled_pause: float = 5.0
    longest_pause: float = 60.0
    suspect: int = 10
    refused_requests: int = 3
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float, threading.Event], object] = _sleep


def deliver(
    outbox: Outbox,
    app: App,
    options: Options = Options(),
    *,
    stop: threading.Event | None = None,
    on_progress: Callable[[DeliveryCounts], None] | None = None,
    proven: bool = False,
) -> DeliveryCounts:
    """Send everybody in the outbox.

    Args:
        outbox: The staged people.
        app: Where to, and how to sign in.
        options: How many at once, and when to give up.
        stop: Set it to end early: requests in flight are finished, nothing new is sent, and the counts so
            far are returned.
        on_progress: Called from this thread with the counts, when they have changed and once at the end.
        proven: Whether the endpoint has accepted a request in an earlier delivery.

    Returns:
        People accepted and rejected, calls made (with those that got no answer) and 429 answers.
        ``remaining`` is 0: only the outbox knows that.

    Raises:
        SignInError: No token, or a fresh one is refused.
        BudgetError: The day's calls are used up.
        DeliveryError: The endpoint stopped the delivery; the problem's code says how.
        StateError: The outbox failed.
    """
    run = _Run(outbox, app, options, stop or threading.Event(), proven=proven)
    workers = [_Worker(run, client) for client in app.clients(options.workers)]
    with ThreadPoolExecutor(options.workers, thread_name_prefix="deliver") as pool:
        try:
            futures = [pool.submit(worker.work) for worker in workers]
            _watch(futures, run, on_progress or _ignore)
        finally:
            run.halt.set()
    if run.errors:
        raise run.errors[0]
    return run.tally.counts


def _watch(futures: Sequence[Future[None]], run: _Run, on_progress: Callable[[DeliveryCounts], None]) -> None:
    shown: DeliveryCounts | None = None
    pending = True
    while pending:
        pending = bool(wait(futures, timeout=_POLL).not_done)
        if run.stop.is_set():
            run.halt.set()
        counts = run.tally.counts
        if counts != shown or not pending:
            on_progress(counts)
            shown = counts


def _ignore(_counts: DeliveryCounts) -> None:
    pass


class _Tally:
    """The counts of all workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts = DeliveryCounts()
        self.successes = 0
        self.answered = False

    def answer(self, answer: Answer, people: int) -> None:
        accepted = answer.result is DeliveryResult.ACCEPTED
        with self._lock:
            self.successes += accepted
            self.answered = self.answered or answer.status is not None
            self.counts = replace(
                self.counts,
                calls=self.counts.calls + 1,
                throttled=self.counts.throttled + (answer.result is DeliveryResult.THROTTLED),
                accepted=self.counts.accepted + (people if accepted else 0),
            )

    def rejected(self) -> None:
        with self._lock:
            self.counts = replace(self.counts, rejected=self.counts.rejected + 1)


class _Gate:
    """A pause that all workers keep."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._opens = clock()

    def close(self, seconds: float) -> None:
        with self._lock:
            self._opens = max(self._opens, self._clock() + seconds)

    def remaining(self) -> float:
        return self._opens - self._clock()


class _SignIn:
    """The token of all workers: renewed once, whoever sees first that the endpoint refuses it."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._lock = threading.Lock()
        self._untried: str | None = None

    def header(self) -> str:
        return self._authenticator.header()

    def accepted(self, header: str) -> None:
        with self._lock:
            if header == self._untried:
                self._untried = None

    def refused(self, header: str, answer: Answer) -> None:
        with self._lock:
            if header == self._untried:
                raise stops.fresh_token_refused(answer)
            current = self._authenticator.header()
            self._authenticator.renew(header)
            if header == current:
                self._untried = self._authenticator.header()


class _Run:
    """What the workers of one delivery share."""

    def __init__(
        self, outbox: Outbox, app: App, options: Options, stop: threading.Event, *, proven: bool
    ) -> None:
        self.outbox = outbox
        self.app = app
        self.options = options
        self.stop = stop
        self.halt = threading.Event()
        self.tally = _Tally()
        self.gate = _Gate(options.clock)
        self.sign_in = _SignIn(app.authenticator)
        self.errors: list[BaseException] = []
        self._suspicions = options.refused_requests if proven else 1
        self._trial = threading.Lock()

    @property
    def halted(self) -> bool:
        return self.halt.is_set() or self.stop.is_set()

    def alone(self) -> AbstractContextManager[object]:
        """Let one worker at a time find out what is refused, until anything has been accepted.

        An endpoint that refuses everything thus costs the calls of one request in pieces, not of all at once.
        """
        return nullcontext() if self.tally.successes else self._trial

    def suspect(self, messages: Sequence[str]) -> None:
        """Hold a request against the endpoint whose records were all refused, in the same words."""
        if len(messages) < self.options.suspect or not same_reason(messages):
            return
        self._suspicions -= 1
        if not self._suspicions:
            # Before the next worker takes its turn to find out the same.
            self.halt.set()
            raise stops.refuses_everything(messages[0], len(messages))


@dataclass(slots=True)
class _Tries:
    """How often one request has failed.

    Attributes:
        total: In all; the pauses grow with it.
        barren: Since any request was last accepted; patience ends with it.
        successes: Requests that had been accepted by the last failure.
    """

    total: int = 0
    barren: int = 0
    successes: int = 0

    def failed(self, successes: int) -> None:
        self.total += 1
        self.barren = self.barren + 1 if successes == self.successes else 1
        self.successes = successes


class _Worker:
    """One thread of a delivery: one connection, and the people it holds."""

    def __init__(self, run: _Run, client: Client) -> None:
        self._run = run
        self._client = client
        self._held: dict[int, Operation] = {}

    def work(self) -> None:
        """Deliver until nothing is left or the delivery ends; an error ends it for all workers."""
        try:
            self._drain()
        except BaseException as error:
            self._run.errors.append(error)
            self._run.halt.set()
            raise

    def _drain(self) -> None:
        try:
            while not self._run.halted and (operations := self._run.outbox.claim(MAX_OPERATIONS)):
                self._held = {operation.change_id: operation for operation in operations}
                self._deliver(operations)
        finally:
            self._client.close()
            if self._held:
                self._run.outbox.release(tuple(self._held.values()))
            self._run.outbox.flush()

    def _deliver(self, operations: Sequence[Operation]) -> None:
        answer = self._send(operations)
        if answer is not None and answer.result is DeliveryResult.REFUSED:
            with self._run.alone():
                self._single_out(operations, answer)

    def _single_out(self, operations: Sequence[Operation], answer: Answer) -> None:
        """Find the records that a request was refused for, and reject them."""
        refusals = tuple(self._split(operations, answer))
        if not self._run.tally.successes:
            if self._run.halted:
                return
            self._run.suspect([message for _, message in refusals])
        for operation, message in refusals:
            self._run.outbox.reject(operation, message=message)
            self._run.tally.rejected()
            del self._held[operation.change_id]

    def _split(self, operations: Sequence[Operation], answer: Answer) -> Iterator[tuple[Operation, str]]:
        """Send a refused request in halves; give each record that is refused alone, and why."""
        if len(operations) == 1:
            yield operations[0], _masked(answer, operations).words
            return
        middle = len(operations) // 2
        for half in (operations[:middle], operations[middle:]):
            part = self._send(half)
            if part is not None and part.result is DeliveryResult.REFUSED:
                yield from self._split(half, part)

    def _send(self, operations: Sequence[Operation]) -> Answer | None:
        """Send one request until it is accepted or refused; None where the delivery ended before that."""
        tries = _Tries()
        while (begun := self._begin(operations)) is not None:
            delivery, header = begun
            answer = self._post(delivery, header)
            if answer.result is DeliveryResult.ACCEPTED:
                self._run.sign_in.accepted(header)
                for operation in operations:
                    del self._held[operation.change_id]
                return answer
            if answer.result is DeliveryResult.REFUSED:
                return answer
            self._hold(_masked(answer, operations), header, tries)
        return None

    def _begin(self, operations: Sequence[Operation]) -> tuple[Delivery, str] | None:
        """Wait for the gate and the pace; give the request as written down, and the token for it."""
        run = self._run
        while not run.halted:
            if (closed := run.gate.remaining()) > 0:
                self._rest(closed)
                continue
            # Before the request is written down: without a token it would never be sent.
            header = run.sign_in.header()
            slot = run.outbox.begin(operations)
            if isinstance(slot, Wait):
                self._rest(slot.seconds)
            elif self._is_due(slot):
                return slot, header
            else:
                run.outbox.withdraw(slot)
        return None

    def _is_due(self, delivery: Delivery) -> bool:
        """Wait until a request may be sent; False where the delivery ends or pauses before."""
        run = self._run
        if delivery.due and (early := delivery.due - run.options.clock()) > 0:
            self._rest(early)
            return not run.halted and run.gate.remaining() <= 0
        return True

    def _post(self, delivery: Delivery, header: str) -> Answer:
        body = bulk_request(delivery.operations)
        answer = self._client.post(body, request_id=delivery.request_id, authorization=header)
        self._run.outbox.finish(
            delivery,
            http_status=answer.status,
            result=answer.result,
            request_id=answer.request_id,
            retry_after=answer.retry_after,
            # With the next request, which is written down at once: half the transactions.
            at_once=answer.result is not DeliveryResult.ACCEPTED,
        )
        self._run.tally.answer(answer, len(delivery.operations))
        return answer

    def _hold(self, answer: Answer, header: str, tries: _Tries) -> None:
        """Do what an answer asks for before the next try, or end the delivery."""
        run = self._run
        if answer.status == 401:
            run.sign_in.refused(header, answer)
            return
        if answer.result is DeliveryResult.DENIED:
            raise stops.denied(answer, run.app.endpoint)
        if answer.cause is Cause.CERTIFICATE:
            raise stops.certificate(answer)
        tries.failed(run.tally.successes)
        if tries.barren >= _most_tries(answer, run.options, answered=run.tally.answered):
            raise stops.given_up(answer, tries.barren, run.app.pipeline)
        pause = _pause(answer, tries.total, run.options, run.app.bucket_full_wait)
        if answer.result is DeliveryResult.FAILED:
            self._rest(pause)
        else:
            run.gate.close(pause)

    def _rest(self, seconds: float) -> None:
        self._run.outbox.flush()
        self._run.options.sleep(seconds, self._run.halt)


def _masked(answer: Answer, operations: Sequence[Operation]) -> Answer:
    if answer.cause is not Cause.ANSWERED:
        return answer
    return replace(answer, words=mask_values(answer.words, (operation.body for operation in operations)))


def _most_tries(answer: Answer, options: Options, *, answered: bool) -> int:
    if answer.result is DeliveryResult.BUCKET_FULL:
        return options.full_tries
    if answer.cause is Cause.UNREACHABLE and not answered:
        return options.first_tries
    return options.tries


def _pause(answer: Answer, tries: int, options: Options, bucket_full_wait: float) -> float:
    """Say how many seconds to wait after an answer; half of a pause that we choose is left to chance."""
    asked = answer.retry_after or 0.0
    if answer.result is DeliveryResult.BUCKET_FULL:
        return max(asked, bucket_full_wait)
    throttled = answer.result is DeliveryResult.THROTTLED
    if throttled and asked:
        return asked
    first = options.throttled_pause if throttled else options.first_pause
    longest: float = min(first * 2.0 ** min(tries - 1, 20), options.longest_pause)
    return max(asked, longest * (1 + _jitter()) / 2)
