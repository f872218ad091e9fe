"""Examines rows: which are as last acknowledged, and what the others come to. It writes nothing.

What comes of a row depends on the row and on the state as it was, not on other rows, so that parts of a
source can be examined by several processes; what depends on the order is left to
:class:`scimport.plan.intake.Intake`.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection

from scimport.digests import digest_name, digest_rows
from scimport.model import ChangeKind, Problem, Status
from scimport.plan.age import newest
from scimport.plan.managers import MANAGER, manager_of
from scimport.plan.records import Input, Mapper, Record, Row, Settle, key_texts
from scimport.sources.base import Batch
from scimport.state.people import Known, People
from scimport.state.plans import ChangeRow
from scimport.state.stretches import Stretch

SLICE = 100
"""Rows that are mapped, validated and serialised together: few enough to stay in the processor's cache."""


class Candidate(NamedTuple):
    """A record in scope that is not as last acknowledged, so far as its row tells, and no valid new one.

    Attributes:
        key: Its key.
        position: Where it is in the source.
        digest: Digest of the row.
        known: The person as last acknowledged; ``None`` for somebody new.
        body: The user as JSON; empty when there are problems, or when the row is as last acknowledged.
        problems: What makes the record invalid.
        external_id: The user's ``externalId``.
        active: The user's ``active``.
        name_digest: Digest of the user's ``userName``; 0 for none.
        manager: ``externalId`` of the manager whom the user names; empty for none.
    """

    key: str
    position: int
    digest: bytes
    known: Known | None
    body: bytes = b""
    problems: tuple[Problem, ...] = ()
    external_id: str = ""
    active: bool = True
    name_digest: int = 0
    manager: str = ""


def candidate(row: ChangeRow) -> Candidate:
    """The record of somebody new, of what is staged for it."""
    _, key, _, _, external_id, active, position, digest, _, body, name, manager = row
    return Candidate(key, position, digest, None, body, (), external_id, active, name, manager)


# Plain text, which drivers and what packs it take faster than members of an enumeration.
_JOINER = (str(ChangeKind.JOINER), str(Status.PLANNED))

Packed = tuple[Any, ...]
"""What came of some rows as plain tuples and arrays, which are pickled many times faster."""


class Examined(NamedTuple):
    """What came of some rows.

    Attributes:
        taken: Rows that were read of the source.
        read: Those of them that are wanted.
        out_of_scope: Those that the mapping passes over.
        same: Ids of the people whose rows are as last acknowledged.
        places: Where those rows are in the source.
        candidates: All others but the joiners, in the order of the source.
        as_of: The newest moment in the column ``as_of``, in seconds since 1970; ``None`` for none.
        digests: Digests of the rows that are as last acknowledged; left out when they are packed.
        recognised: Ids of the stretches that were not read.
        stretches: New ones.
        joiners: What is staged for people who are new and valid, in the order of the source: rows, since in a
            first load that is everybody.
    """

    taken: int
    read: int
    out_of_scope: int
    same: Sequence[int]
    places: Sequence[int]
    candidates: list[Candidate]
    as_of: float | None = None
    digests: Sequence[bytes] = ()
    recognised: Sequence[int] = ()
    stretches: Sequence[Stretch] = ()
    joiners: Sequence[ChangeRow] = ()

    def packed(self) -> Packed:
        """The same, fit to be sent to another process."""
        plain = [
            (*one[:3], tuple(one.known), *one[4:]) if one.known else tuple(one) for one in self.candidates
        ]
        same, places, recognised = (array("q", some) for some in (self.same, self.places, self.recognised))
        new = [tuple(one) for one in self.stretches]
        # Everybody in a first load: what the interpreter packs its own code with takes a third of the time.
        joiners = marshal.dumps(tuple(self.joiners))
        return (*self[:3], same, places, plain, self.as_of, (), recognised, new, joiners)

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """What ``packed`` has made of it."""
        candidates = [
            Candidate._make((*one[:3], Known._make(one[3]), *one[4:]) if one[3] else one) for one in packed[5]
        ]
        stretches = [*map(Stretch._make, packed[9])]
        joiners = marshal.loads(packed[10])  # noqa: S302 - of a process that runs this program
        return cls._make((*packed[:5], candidates, *packed[6:9], stretches, joiners))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are wanted, and which are examined though they are as last acknowledged.

    Attributes:
        keys: Rows with these keys alone; empty for all.
        full: All rows are mapped, changed or not.
        known: Whether anybody is known.
        plan_id: The plan.
    """

    keys: Collection[str] = frozenset()
    full: bool = False
    known: bool = True
    plan_id: str = ""


class Examiner:
    """Examines the rows of one source under one mapping.

    Args:
        source: What the plan is made of.
        people: Who is known.
        wanted: Which rows are wanted.
        digest_key: The state's, for digests of rows and names.
    """

    def __init__(self, source: Input, people: People, wanted: Wanted, digest_key: bytes) -> None:
        self._people, self._wanted, self._digest_key = people, wanted, digest_key
        self._plan_id = wanted.plan_id
        self._mapper, self._fingerprint = Mapper(source), source.mapping.fingerprint
        self._names_manager = any(leaf.path == MANAGER for leaf in source.mapping.leaves)
        self._as_of = None if source.as_of is None else source.source.columns.index(source.as_of)

    def examine(self, connection: Connection, batch: Batch, settle: Settle | None = None) -> Examined:
        """Examine some rows.

        Args:
            connection: A connection that reads the state.
            batch: The rows.
            settle: Puts values in the places of the marks of ``unique``.
        """
        as_of = None if self._as_of is None else newest(batch.rows, self._as_of)
        rows = [*map(self._mapper.pick, batch.rows)]
        keys, positions = key_texts(rows, self._mapper.key), batch.positions
        if self._wanted.keys:
            kept = [n for n, key in enumerate(keys) if key in self._wanted.keys]
            rows, keys = [rows[n] for n in kept], [keys[n] for n in kept]
            positions = [positions[n] for n in kept]
        digests = digest_rows(self._fingerprint, rows, self._digest_key)
        found = sorted(self._people.lookup(connection, keys)) if self._wanted.known else []
        # Comprehensions, since this is once a row where next to nothing has changed.
        hits = [] if self._wanted.full else [one for one in found if one[3] == digests[one[0]]]
        same, places = [one[1] for one in hits], [positions[one[0]] for one in hits]
        is_same = {one[0] for one in hits}
        known = {one[0]: Known._make(one) for one in found if one[0] not in is_same}
        others = [n for n in range(len(rows)) if n not in is_same]
        changed = [Row(keys[n], positions[n], digests[n], known.get(n), rows[n]) for n in others]
        candidates: list[Candidate] = []
        joiners: list[ChangeRow] = []
        for record in self._records(changed, settle):
            self._sort_in(record, candidates, joiners)
        out_of_scope = len(changed) - len(candidates) - len(joiners)
        return Examined(
            taken=len(batch.rows),
            read=len(rows),
            out_of_scope=out_of_scope,
            same=same,
            places=places,
            candidates=candidates,
            as_of=as_of,
            digests=[one[3] for one in hits],
            joiners=joiners,
        )

    def _records(self, rows: Sequence[Row], settle: Settle | None) -> Iterator[Record]:
        for start in range(0, len(rows), SLICE):
            yield from self._mapper.records(rows[start : start + SLICE], settle)

    def _sort_in(self, record: Record, candidates: list[Candidate], joiners: list[ChangeRow]) -> None:
        key, position, digest, known, user, body, problems = record
        if problems:
            candidates.append(Candidate(key, position, digest, known, b"", problems))
            return
        name = digest_name(user["userName"], self._digest_key)
        manager = manager_of(user) if self._names_manager else ""
        external_id, active = user["externalId"], user["active"]
        if known is None:
            # The user's digest is made when the user is acknowledged: nothing is compared with it before.
            made = position, digest, b"", body, name, manager
            joiners.append((self._plan_id, key, *_JOINER, external_id, active, *made))
            return
        candidates.append(
            Candidate(key, position, digest, known, body, (), external_id, active, name, manager)
        )
