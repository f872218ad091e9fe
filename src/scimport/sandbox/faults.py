"""Faults to order: what the sandbox does wrong on purpose, so that a client can be seen to survive it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scimport.sandbox.settings import Count, Seconds


class Kind(StrEnum):
    """A fault that strikes one bulk call; where several would, the first in this order does."""

    CUT_BEFORE = "cut_before"
    THROTTLE = "throttle"
    FAIL = "fail"
    BUCKET_FULL = "bucket_full"
    CUT_AFTER = "cut_after"


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Strike(_Order):
    """When a fault strikes: the next calls, and a share of all others."""

    next: Count = 0
    rate: Annotated[float, Field(ge=0, le=1)] = 0.0


class Throttling(Strike):
    """Throttling without the limits having been passed; ``retry_after`` is in seconds."""

    retry_after: Seconds = 1.0


class Failure(Strike):
    """A failure of the server."""

    status: Annotated[int, Field(ge=500, le=599)] = 503


class Latency(_Order):
    """How long every bulk call waits before it is looked at: ``seconds``, and up to ``jitter`` more."""

    seconds: Seconds = 0.0
    jitter: Seconds = 0.0


class Expiry(_Order):
    """After how many more bulk calls every token issued until then expires, once; None for never."""

    after: Count | None = None


class GraphFailure(_Order):
    """A failure of the calls that are no uploads: the ``next`` ones, after ``after`` others."""

    next: Count = 0
    after: Count = 0
    status: Annotated[int, Field(ge=400, le=599)] = 503
    retry_after: Seconds = 1.0
    """In seconds, for a 429."""


class Faults(_Order):
    """All the faults of a sandbox; they are forgotten when it stops."""

    throttle: Throttling = Throttling()
    """429, with Retry-After as the settings have it."""
    fail: Failure = Failure()
    """A 5xx, without the request having been taken."""
    bucket_full: Strike = Strike()
    """The documented 500."""
    cut_before: Strike = Strike()
    """The connection is closed without an answer, and the request was not taken."""
    cut_after: Strike = Strike()
    """The connection is closed without an answer, though the request was taken."""
    tokens: Expiry = Expiry()
    latency: Latency = Latency()
    graph: GraphFailure = GraphFailure()
    refuse: tuple[str, ...] = ()
    """Values of ``externalId`` that make a request a 400."""
    html: bool = False
    """Errors come as a page of HTML."""
    seed: int | None = None
    """Starts the dice anew."""


class FaultPlan:
    """The faults in force, and the dice: the same order, seed and calls give the same faults."""

    def __init__(self) -> None:
        self._random = Random(0)  # noqa: S311 - repeatable, not secret
        self.faults = Faults()

    def order(self, wishes: Mapping[str, Any]) -> Faults:
        """Replace the faults that are named.

        Raises:
            pydantic.ValidationError: when the order is not understood; nothing has changed then.
        """
        self.faults = Faults.model_validate({**self.faults.model_dump(), **wishes})
        if self.faults.seed is not None and "seed" in wishes:
            self._random.seed(self.faults.seed)
        return self.faults

    def clear(self) -> None:
        """Everything works again."""
        self.faults = Faults()

    def latency(self) -> float:
        """Seconds that the next call waits."""
        order = self.faults.latency
        return order.seconds + (self._random.uniform(0, order.jitter) if order.jitter else 0.0)

    def draw(self) -> Kind | None:
        """What strikes the next call."""
        # Every rate rolls its die for every call, so that the dice depend on the number of calls alone.
        rolled = {kind for kind in Kind if (rate := self._strike(kind).rate) and self._random.random() < rate}
        for kind in Kind:
            strike = self._strike(kind)
            if strike.next:
                strike.next -= 1
                return kind
            if kind in rolled:
                return kind
        return None

    def strikes_graph(self) -> bool:
        """Whether the next call that is no upload fails."""
        order = self.faults.graph
        if not order.next:
            return False
        if order.after:
            order.after -= 1
            return False
        order.next -= 1
        return True

    def expires_tokens(self) -> bool:
        """Whether all tokens expire before the next call."""
        order = self.faults.tokens
        if order.after is None:
            return False
        if order.after:
            order.after -= 1
            return False
        order.after = None
        return True

    def _strike(self, kind: Kind) -> Strike:
        strike: Strike = getattr(self.faults, kind.value)
        return strike
