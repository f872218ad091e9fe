"""Guards: what a plan may not do unasked. They count before the first write, and stop all of it or nothing.

A guard stops a plan when its count is above the limit, which is, for a population of ``n``::

    min(max_count, max(2, n * max_percent / 100 rounded down), n - 1)

Two changes are let through however few people there are, and everybody at once never is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from scimport.codes import Code
from scimport.model import Problem, Severity
from scimport.project import GuardLimit, GuardsConfig

AT_LEAST = 2
"""Changes that are let through however small the population is, unless they are everybody."""

SHOWN = 5
"""Keys that a message names."""

PRESENTED = frozenset(("active", "schemas"))
"""Attributes that are not counted one by one: other guards count the one, we make the other."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What one guard counted.

    Attributes:
        guard: Key of the guard in the pipeline's file.
        count: The numerator.
        population: The denominator; a guard with none has nothing to compare with, and lets all through.
        what: What was counted, of what: ``people would leave, of the active ones``.
        keys: Keys of the first ones.
        hint: What most often is behind it.
    """

    guard: str
    count: int
    population: int
    what: str
    hint: str
    keys: tuple[str, ...] = ()


def allowed(population: int, limit: GuardLimit) -> int:
    """The highest count that a guard lets through."""
    share = int(population * limit.max_percent / 100)
    return max(min(limit.max_count, max(AT_LEAST, share), population - 1), 0)


def stops(measures: Iterable[Measure], guards: GuardsConfig) -> list[Problem]:
    """One problem for each guard that stops the plan; none when all let it through."""
    found = []
    for measure in measures:
        limit: GuardLimit = getattr(guards, measure.guard.partition(":")[0])
        most = allowed(measure.population, limit)
        if measure.population and measure.count > most:
            found.append(_problem(measure, most, limit))
    return found


def _problem(measure: Measure, most: int, limit: GuardLimit) -> Problem:
    guard, _, attribute = measure.guard.partition(":")
    share = 100 * measure.count / measure.population
    message = (
        f"{measure.count:,} {measure.what} {measure.population:,} ({share:.0f} %);"
        f" at most {most:,} are let through ({limit.max_percent:g} %, {limit.max_count:,})"
    )
    code = Code(f"guard-{guard.replace('_', '-')}")
    return Problem(code, message, Severity.ERROR, measure.hint, field=attribute, keys=measure.keys)


def flatten(user: dict[str, Any]) -> dict[str, Any]:
    """A user's values by attribute path; entries of a list by their type, else their number."""
    flat: dict[str, Any] = {}
    for name, value in user.items():
        _flatten(value, name, ":" if name.startswith("urn:") else ".", flat)
    return flat


def _flatten(value: Any, path: str, separator: str, flat: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(inner, f"{path}{separator}{name}", ".", flat)
    elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        types = [entry.get("type") if isinstance(entry, dict) else None for entry in value]
        for n, entry in enumerate(value):
            named = types[n] is not None and types.count(types[n]) == 1
            _flatten(entry, f"{path}[{types[n] if named else n}]", ".", flat)
    elif value is not None:
        flat[path] = value


def differences(before: bytes, after: bytes) -> list[tuple[str, Any, Any]]:
    """What changes between two users (JSON): path, old and new value, ``None`` for none; in order of path."""
    was, will = orjson.loads(before), orjson.loads(after)
    # Most of a user stays as it is: only attributes that differ are looked into.
    differing = [name for name in was.keys() | will.keys() if was.get(name) != will.get(name)]
    old = flatten({name: was[name] for name in differing if name in was})
    new = flatten({name: will[name] for name in differing if name in will})
    paths = sorted(old.keys() | new.keys())
    return [(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


class AttributeCounts:
    """For how many people each attribute changes, or loses its value."""

    def __init__(self) -> None:
        self._changed: Counter[str] = Counter()
        self._blanked: Counter[str] = Counter()
        self._keys: dict[tuple[str, str], list[str]] = {}

    def add(self, key: str, before: bytes, after: bytes) -> None:
        """Count one person who changes."""
        for path, _, new in differences(before, after):
            if path.partition("[")[0] in PRESENTED:
                continue
            self._count("per_attribute", self._changed, path, key)
            if new is None:
                self._count("blanks", self._blanked, path, key)

    def _count(self, guard: str, counter: Counter[str], path: str, key: str) -> None:
        counter[path] += 1
        keys = self._keys.setdefault((guard, path), [])
        if len(keys) < SHOWN:
            keys.append(key)

    def measures(self, known: int) -> list[Measure]:
        """A measure for each attribute."""
        hint = "Look whether a column was renamed, emptied or filled anew, or the mapping edited."
        return [
            Measure(
                f"{guard}:{path}",
                count,
                known,
                f"people {words} {path}, of",
                hint,
                tuple(self._keys[guard, path]),
            )
            for guard, counter, words in (
                ("per_attribute", self._changed, "change in"),
                ("blanks", self._blanked, "lose their"),
            )
            for path, count in counter.most_common()
        ]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a plan would do, counted.

    Attributes:
        valid: Valid records in scope; at least the known people where only a part was read.
        invalid: Invalid records.
        known: People acknowledged before.
        active: Those of them who are active.
        leavers: People who would be made inactive.
        missing: Active people who are no longer in the source, sent or not.
        changes: Known people who would be changed.
        joiners: People not known before.
        inactive: People who would be sent as inactive.
        rows: Records read; ``None`` where that is not everybody.
        usual_rows: Records that the last runs read, newest first.
    """

    valid: int
    invalid: int
    known: int
    active: int
    leavers: int
    missing: int
    changes: int
    joiners: int
    inactive: int
    rows: int | None
    usual_rows: Sequence[int]


def measured(tally: Tally, keys: Callable[[str], tuple[str, ...]]) -> list[Measure]:
    """What each guard counts, but for those by attribute.

    Args:
        tally: The counts.
        keys: Gives the first keys for a guard.
    """
    export = "Look whether the export is complete and its columns mean what they did."
    scheme = (
        "Look whether the key column means what it did: a new key makes a leaver and a joiner of a person."
    )
    # Until the whole source was loaded once, new keys are what is expected.
    established = tally.known if tally.usual_rows else 0
    measures = [
        Measure(
            "leavers", tally.leavers, tally.active, "people would be made inactive, of the active", export
        ),
        Measure("changes", tally.changes, tally.known, "people would be changed, of the known", export),
        Measure("invalid", tally.invalid, tally.valid + tally.invalid, "records are invalid, of", export),
        Measure(
            "inactive_share", tally.inactive, tally.valid, "people would be sent as inactive, of", export
        ),
        Measure("new_keys", tally.joiners, established, "keys are new, beside the known", scheme),
        Measure(
            "changed_keys",
            min(tally.joiners, tally.missing),
            tally.known,
            "keys seem to be changed, of",
            scheme,
        ),
    ]
    named = [
        Measure(
            one.guard, one.count, one.population, one.what, one.hint, keys(one.guard) if one.count else ()
        )
        for one in measures
    ]
    if tally.rows is not None and tally.usual_rows:
        median = sorted(tally.usual_rows)[len(tally.usual_rows) // 2]
        # What the last run was allowed to read is usual too: who approves a step need not do so every night.
        usual = min(median, tally.usual_rows[0], key=lambda rows: abs(rows - (tally.rows or 0)))
        what = f"records more or less than usual ({tally.rows:,} read), of"
        named.append(Measure("rows", abs(tally.rows - usual), usual, what, export))
    return named
