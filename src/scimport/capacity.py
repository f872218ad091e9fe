"""How long loads take under the tenant's limits, when they fit, and what sending only changes saves.

The limits are those of :class:`scimport.state.outbox.Limits`: so many calls in any window of seconds, and so
many in any 24 hours, by everybody who uploads to the tenant. How long an endpoint takes for a call is left
out: it answers several at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scimport.apps.outbox import MAX_OPERATIONS
from scimport.project import Pipeline
from scimport.state import Database, runs
from scimport.state.calls import DAY, last_scope, sent_since
from scimport.state.outbox import Limits, limits_of
from scimport.state.people import People

RUNS = 30
"""Runs that are looked back at."""


@dataclass(frozen=True, slots=True)
class Load:
    """A load as the limits let it go.

    Attributes:
        people: People to send.
        calls: Requests that takes.
        seconds: From its first call to its last, if it began now and nobody else called.
        fits_in: Seconds until it could go through without waiting for the day's calls; 0 for now, ``None``
            when it needs more calls than a day has.
    """

    people: int
    calls: int
    seconds: float
    fits_in: float | None


@dataclass(frozen=True, slots=True)
class Habit:
    """What the last runs that read the whole source sent.

    Attributes:
        runs: How many there were.
        people: People sent by the median run.
        calls: Calls of all of them.
        everybody_calls: Calls of all of them, had each sent everybody.
    """

    runs: int
    people: int
    calls: int
    everybody_calls: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a pipeline can send, and when.

    Attributes:
        used: Calls to its tenant in the last 24 hours, by all pipelines of this state.
        daily_calls: Calls that the tenant has in 24 hours; 0 for any number.
        everybody: A load of the whole population.
        usual: A load as the median run is; ``None`` when no run has sent anything.
        habit: What that is taken from.
    """

    pipeline: str
    used: int
    daily_calls: int
    everybody: Load
    usual: Load | None
    habit: Habit


def capacity(database: Database, pipeline: Pipeline, people: int | None = None) -> Capacity:
    """Work out what a pipeline can send.

    Args:
        database: The state.
        pipeline: The pipeline.
        people: Size of the population; else who is known, or what the last run read where that is more.
    """
    name = pipeline.name
    history = runs.whole(database, name, RUNS)
    with database.read() as connection:
        now = database.now(connection)
        scope = last_scope(connection, name)
        used = [at - now for at in sent_since(connection, scope, now - DAY)] if scope else []
        known, _ = People(database, name).count(connection)
    habit = _habit(history)
    if people is None:
        people = max(known, _everybody(history[0]) if history else 0)
    limits = limits_of(pipeline.config.app, scope or "")
    usual = load(used, habit.people, limits) if habit.people else None
    return Capacity(name, len(used), limits.daily_calls, load(used, people, limits), usual, habit)


def load(used: Sequence[float], people: int, limits: Limits) -> Load:
    """What the limits make of a load that begins now.

    Args:
        used: When the calls of the last 24 hours were sent: seconds before now, negative, in order.
        people: People to send.
        limits: The endpoint's limits.
    """
    calls = calls_for(people)
    return Load(people, calls, last_call(used, calls, limits), fits_in(used, calls, limits.daily_calls))


def calls_for(people: int) -> int:
    """Requests that so many people take."""
    return -(-people // MAX_OPERATIONS)


def last_call(used: Sequence[float], calls: int, limits: Limits) -> float:
    """Seconds from now to the last of so many calls, each sent as soon as both limits allow it."""
    if not limits.burst and not limits.daily_calls:
        return 0.0
    sent = list(used)
    for _ in range(calls):
        at = sent[-1] if sent else 0.0
        if len(sent) >= limits.burst:
            at = max(at, sent[-limits.burst] + limits.window)
        if len(sent) >= limits.daily_calls:
            at = max(at, sent[-limits.daily_calls] + DAY)
        sent.append(max(at, 0.0))
    return sent[-1] if calls else 0.0


def fits_in(used: Sequence[float], calls: int, daily_calls: int) -> float | None:
    """Seconds until so many calls are free at once; ``None`` when a day never has so many."""
    if not daily_calls:
        return 0.0
    free = daily_calls - calls
    if free < 0:
        return None
    return 0.0 if len(used) <= free else max(used[len(used) - free - 1] + DAY, 0.0)


def _habit(history: Sequence[runs.Run]) -> Habit:
    sent = [run.summary["plan"]["to_send"] for run in history]
    return Habit(
        runs=len(history),
        people=int(median(sent)) if sent else 0,
        calls=sum(run.summary["delivery"]["calls"] for run in history),
        everybody_calls=sum(calls_for(_everybody(run)) for run in history),
    )


def _everybody(run: runs.Run) -> int:
    """People that a run would have sent, had everybody changed."""
    plan = run.summary["plan"]
    return int(plan["read"] - plan["out_of_scope"] - plan["invalid"] - plan["repeated"])
