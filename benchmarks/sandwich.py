"""Speed against a reference, on a machine whose own speed doubles and halves within seconds.

A run is interrupted every fifth of a second for one slice of the reference, so that each of its pieces lies
between two slices of what it is compared with. Only CPU time counts. A timer does the cutting, because a
whole run (with its database at the end) cannot be cut from outside, and cutting it inside would change it.
"""

from __future__ import annotations

import gc
import os
import signal
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from time import process_time

PIECE = 0.2
"""Seconds of a run between two slices of the reference."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Something to measure.

    Attributes:
        name: What the table calls it.
        ready: Sets up one run, outside the measurement. It gives what does the work and returns how many rows
            that were.
    """

    name: str
    ready: Callable[[], AbstractContextManager[Callable[[], int]]]


@dataclass(slots=True)
class Speed:
    """What a variant came to: one entry a round.

    Attributes:
        ratios: Speed against the reference; 2.0 does twice as many rows in the same CPU time.
        microseconds: CPU time a row; worth little beyond the machine and the minute it was taken.
    """

    ratios: list[float] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)


def compare(reference: Callable[[], int], variants: Sequence[Variant], rounds: int) -> dict[str, Speed]:
    """Run every variant once a round, in alternating order, sandwiched by slices of the reference.

    Args:
        reference: Does one slice (some 20 ms) and returns the number of rows of it.
        variants: What to measure.
        rounds: How often.

    Returns:
        The speeds by name of the variant.
    """
    speeds = {variant.name: Speed() for variant in variants}
    with one_core():
        for number in range(rounds):
            for variant in variants if number % 2 == 0 else reversed(variants):
                ratio, microseconds = measure(reference, variant)
                speeds[variant.name].ratios.append(ratio)
                speeds[variant.name].microseconds.append(microseconds)
    return speeds


def measure(reference: Callable[[], int], variant: Variant) -> tuple[float, float]:
    """Run a variant once; give its speed against the reference and its CPU microseconds a row."""
    pieces: list[float] = []
    slices: list[float] = []
    began = 0.0

    def cut(*_: object) -> None:
        nonlocal began
        pieces.append(process_time() - began)
        slices.append(_seconds_a_row(reference))
        signal.setitimer(signal.ITIMER_REAL, PIECE)
        began = process_time()

    with variant.ready() as run, _timer_calls(cut):
        slices.append(_seconds_a_row(reference))
        signal.setitimer(signal.ITIMER_REAL, PIECE)
        began = process_time()
        rows = run()
        signal.setitimer(signal.ITIMER_REAL, 0)
        pieces.append(process_time() - began)
        slices.append(_seconds_a_row(reference))
    # How many rows the reference would have done in the time of each piece, at the speed it had around it.
    worth = sum(
        2 * piece / (before + after) for piece, before, after in zip(pieces, slices, slices[1:], strict=False)
    )
    return rows / worth, 1e6 * sum(pieces) / rows


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the process on one core, where the system lets it."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def _seconds_a_row(reference: Callable[[], int]) -> float:
    # In a process of its own the reference would not pay for collecting what the variants keep. (To freeze
    # that for the time would put off the variants' own collections, which are part of their cost.)
    gc.disable()
    reference()  # warms the processor's caches, which the variant has just filled
    began = process_time()
    rows = reference()
    seconds = process_time() - began
    gc.enable()
    return seconds / rows


@contextmanager
def _timer_calls(handler: Callable[..., None]) -> Iterator[None]:
    # Not ITIMER_PROF: while one runs, Linux counts the CPU time of a process in ticks of 4 ms.
    previous = signal.signal(signal.SIGALRM, handler)
    # Libraries in C go on with the read or write that the timer interrupts.
    signal.siginterrupt(signal.SIGALRM, False)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
