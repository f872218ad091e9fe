"""Takes what came of rows into a plan, in the order of the source: counted, staged, repeated keys settled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection

from scimport.codes import Code
from scimport.model import Change, ChangeKind, Problem, Severity, Status
from scimport.plan.compare import kind_of
from scimport.plan.examine import Candidate, Examined, candidate
from scimport.plan.records import MAX_KEY, Input
from scimport.plan.seen import Seen
from scimport.plan.staging import Staging
from scimport.state.people import Known, People
from scimport.state.plans import ChangeRow, Staged
from scimport.state.vault import Vault

_KEY: Final = 1
"""Where the key stands in a row that is staged."""

_DUPLICATE = b"duplicate"
"""Stands in the place of a row digest once a key has occurred with different contents."""


class Intake:
    """What a plan has taken in so far.

    Args:
        source: What the plan is made of.
        staging: What it has staged.
        people: Who is known.
        seen: Which of them the source has shown.
        vault: Of the state.
        full: Whether everybody is staged, changed or not.

    Attributes:
        taken: Rows that were read of the source.
        read: Those of them that are wanted.
        out_of_scope: Those that the mapping passes over.
        invalid: Invalid records.
        unchanged: Records that change nothing.
        repeated: Records that were there before.
        as_of: The newest moment in the column ``as_of``, in seconds since 1970.
    """

    def __init__(
        self, source: Input, staging: Staging, people: People, seen: Seen, vault: Vault, *, full: bool
    ) -> None:
        self._input, self._staging, self._people = source, staging, people
        self._seen, self._vault, self._full = seen, vault, full
        self._plans, self._plan_id = staging.plans, staging.plan_id
        self.taken = self.read = self.out_of_scope = self.invalid = self.unchanged = self.repeated = 0
        self.as_of: float | None = None

    def take(self, connection: Connection, examined: Examined) -> None:
        """Stage what came of some rows, which follow those that were taken before."""
        self.taken += examined.taken
        self.read += examined.read
        self.out_of_scope += examined.out_of_scope
        self.as_of = max((one for one in (self.as_of, examined.as_of) if one is not None), default=None)
        repeated = self._seen.mark_all(examined.same, examined.places)
        self.unchanged += len(examined.same) - len(repeated)
        again = self._stage_joiners(connection, examined.joiners, examined.candidates)
        if repeated:
            again += self._same(connection, [(examined.same[n], examined.places[n]) for n in repeated])
        if again:
            self._resolve(connection, sorted(again, key=lambda record: record.position))

    def _same(self, connection: Connection, repeated: Sequence[tuple[int, int]]) -> Iterator[Candidate]:
        """Records as last acknowledged, of people who were found before."""
        known = self._people.known(connection, [number for number, _ in repeated])
        for number, position in repeated:
            key, person = known[number]
            yield Candidate(key, position, person.row_digest, person)

    def _stage_joiners(
        self, connection: Connection, joiners: Sequence[ChangeRow], others: Sequence[Candidate]
    ) -> list[Candidate]:
        """Stage records whose key has not occurred before; returns the others."""
        keys = {row[_KEY] for row in joiners}
        if len(keys) < len(joiners) or any(one.key in keys for one in others):
            records = [*map(candidate, joiners), *others]
            return self._stage(connection, sorted(records, key=lambda record: record.position))
        again: list[Candidate] = []
        if self._staging.put_joiners(connection, joiners) < len(joiners):
            fresh = {row[_KEY]: candidate(row) for row in joiners}
            again = self._not_staged(connection, fresh, [*map(joiner, fresh.values())])
        return again + self._stage(connection, others) if others else again

    def _stage(self, connection: Connection, records: Sequence[Candidate]) -> list[Candidate]:
        """Stage records whose key has not occurred before; returns the others."""
        changes: list[Change] = []
        fresh: dict[str, Candidate] = {}
        again: list[Candidate] = []
        refreshed: list[tuple[int, bytes]] = []
        problems: list[Problem] = []
        for record in records:
            if record.known is None and not record.problems and record.key not in fresh:
                fresh[record.key] = record
                changes.append(joiner(record))
                continue
            if self._is_repeated(record, fresh):
                again.append(record)
                continue
            if record.problems:
                problems += self._staging.placed(record.position, record.key, record.problems)
            change = self._change(record)
            if change is not None:
                changes.append(change)
            elif record.known is not None:
                refreshed.append((record.known.id, record.digest))
        self._people.refresh(connection, refreshed)
        self._plans.add_problems(connection, self._plan_id, problems)
        if self._staging.put(connection, changes) < len(changes):
            again += self._not_staged(connection, fresh, changes)
        return again

    def _is_repeated(self, record: Candidate, fresh: dict[str, Candidate]) -> bool:
        """Whether the key has occurred before, as far as memory tells; the state knows the rest."""
        if record.known is not None:
            return not self._seen.is_first(record.known.id, record.position)
        if record.key and len(record.key) <= MAX_KEY:
            if record.key in fresh:
                return True
            fresh[record.key] = record
        return False

    def _change(self, record: Candidate) -> Change | None:
        """What to stage for a record: nothing when it is unchanged, or has no key."""
        if record.problems:
            self.invalid += 1
            if not record.key or len(record.key) > MAX_KEY:
                return None
            position, digest = record.position, record.digest
            return Change(
                record.key, ChangeKind.INVALID, Status.INVALID, position=position, row_digest=digest
            )
        if record.known is None:
            return joiner(record)
        digest = self._vault.digest(record.body)
        if same := record.known.user_digest == digest:
            self.unchanged += 1
            if not self._full:
                return None
        kind = ChangeKind.UNCHANGED if same else kind_of(record.known, active=record.active)
        return Change(
            record.key,
            kind,
            Status.PLANNED,
            record.external_id,
            record.active,
            record.position,
            record.digest,
            digest,
            record.body,
            record.name_digest,
            record.manager,
        )

    def _not_staged(
        self, connection: Connection, fresh: dict[str, Candidate], changes: Sequence[Change]
    ) -> list[Candidate]:
        """Records of this batch whose new key an earlier batch has staged; they do not count yet."""
        staged = self._plans.staged(connection, self._plan_id, list(fresh))
        late = {
            key: record
            for key, record in fresh.items()
            if key in staged and staged[key].position != record.position
        }
        self._staging.uncount(change for change in changes if change.key in late)
        self.invalid -= sum(1 for record in late.values() if record.problems)
        return list(late.values())

    # keys that occur again

    def _resolve(self, connection: Connection, records: Sequence[Candidate]) -> None:
        keys = list({record.key for record in records})
        staged = self._plans.staged(connection, self._plan_id, keys)
        known = {keys[found[0]]: Known._make(found) for found in self._people.lookup(connection, keys)}
        for record in records:
            first = staged.get(record.key) or self._unchanged_before(known[record.key], record.key)
            if self._is_same(first, record):
                self.repeated += 1
                self._tell(connection, record, Code.REPEATED_ROW, Severity.WARNING)
            elif self._input.duplicates == "last":
                staged[record.key] = self._replace(connection, first, record)
            else:
                staged[record.key] = self._reject_both(connection, first, record)

    def _unchanged_before(self, person: Known, key: str) -> Staged:
        # Its row digest was refreshed when it was found unchanged, so it speaks for the row that was read.
        return Staged(
            key,
            ChangeKind.UNCHANGED,
            Status.ACCEPTED,
            person.active,
            self._seen.position(person.id) or 0,
            person.row_digest,
            person.user_digest,
            b"",
        )

    def _is_same(self, first: Staged, record: Candidate) -> bool:
        """Whether a record repeats an earlier one of its key: its row, or a row that makes the same user."""
        if first.row_digest == record.digest:
            return True
        if first.body and record.body:
            return first.body == record.body
        if record.body:
            digest = self._vault.digest(record.body)
        else:
            # Without a body and problems, its row is as last acknowledged, and so is its user.
            digest = record.known.user_digest if record.known and not record.problems else b""
        return bool(digest) and first.user_digest == digest

    def _uncount(self, connection: Connection, first: Staged) -> None:
        """The first record of a key does not count any more."""
        self.unchanged -= first.kind is ChangeKind.UNCHANGED
        self.invalid -= first.kind is ChangeKind.INVALID
        self._staging.take(connection, first)

    def _replace(self, connection: Connection, first: Staged, record: Candidate) -> Staged:
        """The last record of a key wins; within a batch, unchanged records come before changed ones."""
        self.repeated += 1
        if record.position < first.position:
            return first
        self._uncount(connection, first)
        self._plans.drop_problems(connection, self._plan_id, record.key)
        problems = self._staging.placed(record.position, record.key, record.problems)
        self._plans.add_problems(connection, self._plan_id, problems)
        # Without a body its row is as last acknowledged: it was not mapped.
        change = self._change(record) if record.body or record.problems else None
        if change is not None:
            self._staging.put(connection, [change])
            return _staged(change)
        if not record.body:
            self.unchanged += 1
        assert record.known is not None  # noqa: S101 - a record that changes nothing is of somebody known
        known = record.known
        as_read = known._replace(row_digest=record.digest)
        self._seen.mark(known.id, record.position)
        return self._unchanged_before(as_read, record.key)

    def _reject_both(self, connection: Connection, first: Staged, record: Candidate) -> Staged:
        """Nobody can say which of several contents of a key is true: all its records are invalid."""
        position = first.position
        refused = Change(
            record.key, ChangeKind.INVALID, Status.INVALID, position=position, row_digest=_DUPLICATE
        )
        if first.row_digest != _DUPLICATE:
            self._uncount(connection, first)
            self.invalid += 1
            self._tell(connection, record._replace(position=position), Code.DUPLICATE_KEY, Severity.ERROR)
            self._staging.put(connection, [refused])
        self.invalid += 1
        self._tell(connection, record, Code.DUPLICATE_KEY, Severity.ERROR)
        return _staged(refused)

    def _tell(self, connection: Connection, record: Candidate, code: Code, severity: Severity) -> None:
        problem = dataclasses.replace(_REPEATS[code], severity=severity, field=self._input.key)
        self._staging.tell(connection, record.position, record.key, (problem,))


def joiner(record: Candidate) -> Change:
    """What is staged for somebody new."""
    # Nothing to compare with yet: the digest of a new user is made when the user is acknowledged.
    return Change(
        record.key,
        ChangeKind.JOINER,
        Status.PLANNED,
        record.external_id,
        record.active,
        record.position,
        record.digest,
        b"",
        record.body,
        record.name_digest,
        record.manager,
    )


def _staged(one: Change) -> Staged:
    return Staged(
        one.key, one.kind, one.status, one.active, one.position, one.row_digest, one.user_digest, one.body
    )


_REPEATS = {
    Code.REPEATED_ROW: Problem(Code.REPEATED_ROW, "the same record occurs before; it is taken once"),
    Code.DUPLICATE_KEY: Problem(
        Code.DUPLICATE_KEY,
        "the key occurs more than once, with different contents: none of its records is taken",
        hint="Correct the source, or say `duplicates: last` if the last record is the true one.",
    ),
}
