"""What delivery needs of the state: a queue of people that remembers every request sent for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

MAX_OPERATIONS = 50
"""Operations that one bulk request may hold (Graph, resource ``synchronization-bulkUpload``)."""


class DeliveryResult(StrEnum):
    """What one request came to. Only ``ACCEPTED`` acknowledges its people; else they are still planned.

    ``FAILED`` leaves open whether the endpoint staged the request; sending it again is safe, since the
    endpoint creates or updates by ``externalId``.
    """

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    BUCKET_FULL = "bucket_full"
    FAILED = "failed"
    REFUSED = "refused"
    DENIED = "denied"


class Operation(NamedTuple):
    """One person to send: a tuple, since there is one for each person of a plan.

    Attributes:
        change_id: Id of the change in the state; unique there, so it serves as ``bulkId`` too.
        key: Key of the record in its source.
        body: The SCIM user as JSON, UTF-8 (RFC 7643 section 4.1).
    """

    change_id: int
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that has been written down and may be sent, as soon as the pace has room for it.

    Attributes:
        id: Id of the delivery in the state.
        request_id: GUID for the ``client-request-id`` header.
        operations: The people in it, 1 to 50.
        due: From when on it may be sent, by the clock ``time.monotonic``; 0 for at once.
    """

    id: int
    request_id: str
    operations: tuple[Operation, ...]
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """No call may start before ``seconds`` have passed."""

    seconds: float


class Outbox(Protocol):
    """The staged people of one plan. Every method may be called from any thread."""

    def claim(self, size: int = MAX_OPERATIONS) -> tuple[Operation, ...]:
        """Take the next planned people, in order, that nobody in this process holds; ``()`` for none.

        It may wait until others have delivered, or given back, the people who must come before.
        """
        ...

    def begin(self, operations: Sequence[Operation]) -> Delivery | Wait:
        """Write a request down before it is sent, taking a slot of the shared pace, now or soon.

        Raises:
            BudgetError: The day's calls are used up.
            StateError: The state database cannot be used.
        """
        ...

    def withdraw(self, delivery: Delivery) -> None:
        """Give a slot back whose request is not sent after all."""
        ...

    def finish(
        self,
        delivery: Delivery,
        *,
        http_status: int | None,
        result: DeliveryResult,
        request_id: str = "",
        retry_after: float | None = None,
        at_once: bool = True,
    ) -> None:
        """Write down what came of a request; ``ACCEPTED`` acknowledges its people.

        Args:
            delivery: The request, as ``begin`` gave it.
            http_status: Status of the answer; None when there was none.
            result: What it came to.
            request_id: The server's ``request-id`` header, to quote to support.
            retry_after: Seconds that the server asked to wait; None when it did not.
            at_once: Whether it is written down when this returns; else that may wait for the next request
                that begins, or for ``flush``.
        """
        ...

    def flush(self) -> None:
        """Write down what may have waited for that."""
        ...

    def reject(self, operation: Operation, *, message: str) -> None:
        """Write down that the endpoint refuses this one record, in the endpoint's words."""
        ...

    def release(self, operations: Sequence[Operation]) -> None:
        """Give people back that were claimed and not accepted; they are still planned."""
        ...
