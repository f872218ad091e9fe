"""Recognises stretches of a file of which every record was as last acknowledged, and reads only the others.

A plan that has read some lines and found nobody changed in them keeps their digest, with who they are. The
same lines under the same mapping make the same rows; so if their people still have the digests of those rows,
nothing is changed for them, and the lines need not be read. What a stretch says is never trusted beyond that:
who was sent again, changed or forgotten since has another digest, or none, and the lines are read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection

from scimport.digests import DIGEST_SIZE
from scimport.plan.examine import Candidate, Examined, Examiner, Wanted
from scimport.plan.records import Input, Settle
from scimport.sources.base import Batch, Part, Piece
from scimport.state.database import Database
from scimport.state.people import People
from scimport.state.plans import ChangeRow
from scimport.state.stretches import Stretch, Stretches, number


def can_recognise(source: Input, wanted: Wanted) -> bool:
    """Whether lines may be left unread: not where each row is wanted, or says when it was exported."""
    return wanted.known and not wanted.full and not wanted.keys and source.as_of is None


def part_examiner(
    source: Input, database: Database, pipeline: str, wanted: Wanted, digest_key: bytes, size: int
) -> Callable[..., list[Examined]]:
    """Get ready to examine the parts of a source.

    Args:
        source: What the plan is made of.
        database: The state.
        pipeline: Name of the pipeline.
        wanted: Which rows are wanted.
        digest_key: The state's.
        size: Rows that are read and looked up together.

    Returns:
        Takes a connection that reads the state, a part, and what puts values in the places of the marks of
        ``unique``, or ``None``; gives what came of the part.
    """
    people = People(database, pipeline)
    examiner = Examiner(source, people, wanted, digest_key)
    used = (source.mapping.columns, source.contract.columns, source.key, source.trim)
    context = repr((pipeline, source.mapping.fingerprint, used)).encode()
    begin = blake2b(context, digest_size=DIGEST_SIZE, key=digest_key)
    recognition = Recognition(source, examiner, people, Stretches(database, pipeline), begin, size)
    recognises = can_recognise(source, wanted)

    def examine(connection: Connection, part: Part, settle: Settle | None = None) -> list[Examined]:
        if recognises and isinstance(part, Piece) and (stretches := source.source.stretches(part)):
            return [recognition.examine(connection, part, stretches, settle)]
        batches = [part] if isinstance(part, Batch) else source.source.piece_batches(part, size)
        return [examiner.examine(connection, batch, settle) for batch in batches]

    return examine


_POSITION: Final = 6
"""Where the position stands in a row that is staged."""


class Recognition:
    """Examines pieces of one source under one mapping.

    Args:
        source: What the plan is made of.
        examiner: Examines what is not recognised.
        people: Who is known.
        stretches: What is known of files.
        begin: Digest of all that decides what comes of a row, but for how its file is read.
        size: Rows that are read and looked up together.
    """

    def __init__(
        self,
        source: Input,
        examiner: Examiner,
        people: People,
        stretches: Stretches,
        begin: blake2b,
        size: int,
    ) -> None:
        self._source, self._examiner, self._people, self._stretches = source, examiner, people, stretches
        self._begin, self._size = begin, size

    def examine(
        self,
        connection: Connection,
        piece: Piece,
        stretches: Sequence[tuple[int, bytes]],
        settle: Settle | None = None,
    ) -> Examined:
        """Examine a piece of a file.

        Args:
            connection: A connection that reads the state.
            piece: The piece.
            stretches: What it is cut into.
            settle: Puts values in the places of the marks of ``unique``.
        """
        parts = self._parts(connection, piece, stretches)
        read = _Read()
        for batch in self._batches([part for part in parts if part.known is None], read):
            read.add(self._examiner.examine(connection, batch, settle))
        return _together(parts, read)

    def _parts(
        self, connection: Connection, piece: Piece, stretches: Sequence[tuple[int, bytes]]
    ) -> list[_Part]:
        """The stretches of a piece, with what is known of those that still hold."""
        begin, digests = self._begin.copy(), []
        begin.update(self._source.source.reading(piece.file))
        for _, data in stretches:
            digest = begin.copy()
            digest.update(data)
            digests.append(digest.digest())
        known = self._still(connection, self._stretches.lookup(connection, digests))
        return [
            _Part(piece, line, data, digest, known.get(digest))
            for (line, data), digest in zip(stretches, digests, strict=True)
        ]

    def _still(self, connection: Connection, found: dict[bytes, Stretch]) -> dict[bytes, _Known]:
        """Those stretches whose people all have the digests of their rows."""
        people = {digest: array("q", one.people).tolist() for digest, one in found.items()}
        ids = [*chain.from_iterable(people.values())]
        now = self._people.row_digests(connection, ids) if ids else {}
        return {
            digest: _Known(one, people[digest])
            for digest, one in found.items()
            if b"".join([now.get(person, b"") for person in people[digest]]) == one.row_digests
        }

    def _batches(self, parts: Sequence[_Part], read: _Read) -> Iterator[Batch]:
        """The rows of several parts, with as many as are wanted in a batch."""
        rows: list[Sequence[object]] = []
        positions: list[int] = []
        for part in parts:
            before = len(rows)
            for batch in self._source.source.piece_batches(part.cut_out(), self._size):
                rows += batch.rows
                positions += batch.positions
            read.records.append(len(rows) - before)
            if len(rows) >= self._size:
                yield Batch(rows, positions)
                rows, positions = [], []
        if rows:
            yield Batch(rows, positions)


class _Known(NamedTuple):
    """A stretch that need not be read, and its people."""

    stretch: Stretch
    people: list[int]


class _Part(NamedTuple):
    """A stretch of a piece; what is known of it, if it need not be read."""

    piece: Piece
    line: int
    data: bytes
    digest: bytes
    known: _Known | None

    def cut_out(self) -> Piece:
        """It by itself."""
        return Piece(self.piece.file, self.piece.before + self.line, self.data)


class _Read:
    """What came of the rows that were read of a piece, in their order."""

    def __init__(self) -> None:
        self.records: list[int] = []
        """Of each part that was read."""
        self.taken = self.out_of_scope = 0
        self.same: list[int] = []
        self.places: list[int] = []
        self.digests: list[bytes] = []
        self.candidates: list[Candidate] = []
        self.joiners: list[ChangeRow] = []
        self._positions: list[int] = []
        self._joined: list[int] = []

    def add(self, examined: Examined) -> None:
        """Some rows more."""
        self.taken += examined.taken
        self.out_of_scope += examined.out_of_scope
        self.same += examined.same
        self.places += examined.places
        self.digests += examined.digests
        self.candidates += examined.candidates
        self.joiners += examined.joiners
        self._positions += [one.position for one in examined.candidates]
        self._joined += [row[_POSITION] for row in examined.joiners]

    def has_candidate(self, begin: int, end: int) -> bool:
        """Whether somebody between two positions may have changed."""
        found = self._positions, self._joined
        return any(bisect_left(places, begin) < bisect_left(places, end) for places in found)


def _together(parts: Sequence[_Part], read: _Read) -> Examined:
    """What came of a piece, in the order of the file."""
    same: list[int] = []
    places: list[int] = []
    found: list[int] = []
    new: list[Stretch] = []
    first, records = parts[0].piece.position, iter(read.records)
    taken, out_of_scope = read.taken, read.out_of_scope
    for n, (_, line, _, digest, known) in enumerate(parts):
        if known is not None:
            stretch, people = known
            same += people
            places += _places(stretch.lines, first + line, len(people))
            taken += stretch.records
            out_of_scope += stretch.records - len(people)
            found.append(stretch.id)
            continue
        end = first + parts[n + 1].line if n + 1 < len(parts) else 2**63
        rows = slice(bisect_left(read.places, first + line), bisect_left(read.places, end))
        same += read.same[rows]
        places += read.places[rows]
        if (count := next(records)) and not read.has_candidate(first + line, end):
            new.append(_stretch(digest, first + line, count, read, rows))
    return Examined(
        taken=taken,
        read=taken,
        out_of_scope=out_of_scope,
        same=same,
        places=places,
        candidates=read.candidates,
        recognised=found,
        stretches=new,
        joiners=read.joiners,
    )


def _stretch(digest: bytes, first: int, records: int, read: _Read, rows: slice) -> Stretch:
    people, places = array("q", read.same[rows]), read.places[rows]
    follow = places == [*range(first, first + len(places))]
    lines = array("I", () if follow else [place - first for place in places])
    row_digests = b"".join(read.digests[rows])
    return Stretch(number(digest), digest, records, people.tobytes(), lines.tobytes(), row_digests)


def _places(lines: bytes, first: int, count: int) -> Sequence[int]:
    return [first + line for line in array("I", lines)] if lines else range(first, first + count)
