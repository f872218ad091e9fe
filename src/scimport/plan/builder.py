"""Builds one plan: what changed for whom since the endpoint last acknowledged each person."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Change, ChangeKind, PlanCounts, Problem, Severity, Status
from scimport.plan.collisions import refuse_external_ids, refuse_user_names
from scimport.plan.compare import deactivated, kind_of, minimal
from scimport.plan.examine import Candidate, Examined, Examiner, Wanted
from scimport.plan.guards import SHOWN, AttributeCounts, Measure, Tally, measured
from scimport.plan.managers import Managers
from scimport.plan.numbering import Numbering
from scimport.plan.order import Order, split
from scimport.plan.records import MAX_KEY, Input
from scimport.plan.seen import Seen
from scimport.plan.staging import Staging
from scimport.state.database import Database
from scimport.state.people import Known, People, Person
from scimport.state.plans import Staged
from scimport.state.references import References, Waiting
from scimport.state.retries import Retries
from scimport.state.vault import Values

BATCH = 200
"""Rows that are read and looked up together."""

TRANSACTION = 10_000
"""Rows whose changes are committed together."""

_DUPLICATE = b"duplicate"
"""Stands in the place of a row digest once a key has occurred with different contents."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What part of the work is wanted.

    Attributes:
        full: Send everybody, changed or not.
        limit: Send this many people at most; the rest is for the next run.
        keys: Consider these keys alone; empty for all.
        again: The keys are of people who were accepted and have not arrived: they are sent once more, who has
            left too, and each time is counted.
    """

    full: bool = False
    limit: int | None = None
    keys: Collection[str] = field(default_factory=frozenset)
    again: bool = False


class PlanBuilder:
    """Reads a source to its end and stages what changed, in bounded memory.

    The plan is complete, and can be applied, when ``finish`` returns; a builder that is dropped before leaves
    a plan that nobody will apply.

    Args:
        database: The state.
        pipeline: Name of the pipeline.
        source: What the plan is made of.
        selection: What part of it is wanted.
        examined: Examines the source elsewhere, and gives what came of it in the order of the source; without
            it the source is examined here.
    """

    def __init__(
        self,
        database: Database,
        pipeline: str,
        source: Input,
        selection: Selection,
        examined: Callable[[Wanted], Iterator[Examined]] | None = None,
    ) -> None:
        self._database, self._input, self._selection = database, source, selection
        self._pipeline, self._people = pipeline, People(database, pipeline)
        self._staging = Staging(database, pipeline, source.source)
        self._plans = self._staging.plans
        self._vault = database.vault
        self._keys = frozenset(selection.keys)
        self.read = self._out_of_scope = self._invalid = self._unchanged = 0
        self._repeated = self._missing = self._taken = self._unresolved = 0
        self.as_of: float | None = None
        """The newest moment in the column ``as_of`` so far, in seconds since 1970."""
        with database.write() as connection:
            self._seen = Seen(*self._people.id_range(connection))
            self._staging.begin(connection)
            self.plan_id = self._staging.plan_id
        wanted = Wanted(self._keys, selection.full, known=bool(self._seen))
        self._examiner = Examiner(source, self._people, wanted, self._vault.digest_key)
        self._numbering = Numbering(self._vault, pipeline, self.plan_id) if source.mapping.marks else None
        self._batches = iter(source.source.batches(BATCH)) if examined is None else iter(())
        self._examined = None if examined is None else examined(wanted)

    def step(self, records: int) -> bool:
        """Take in about ``records`` more records; returns whether there may be more.

        Raises:
            SourceError: The source cannot be read; nothing of the plan will be sent.
        """
        until = self._taken + records
        while self._taken < until:
            with self._database.write() as connection:
                committed = self._taken + TRANSACTION
                while self._taken < committed:
                    examined = self._next(connection)
                    if examined is None:
                        return False
                    self._take(connection, examined)
        return True

    def finish(self) -> PlanCounts:
        """Complete the plan after the last step.

        Raises:
            SourceError: A source that should hold everybody holds nobody.
        """
        self._check_not_empty()
        with self._database.write() as connection:
            self._plans.add_problems(connection, self.plan_id, self._input.warnings)
            self._refuse_collisions(connection)
            if self._input.extent == "full" and self._input.leavers != "ignore":
                self._stage_leavers(connection)
            waves = list(self._settle_managers(connection).waves())
            if self._selection.again:
                Retries(self._pipeline).count_attempts(connection, self.plan_id)
            counts = self._counts()
            if self._selection.limit is not None:
                waves, surplus = split(waves, self._selection.limit)
                self._plans.drop(connection, surplus)
                held_back = len(surplus)
                counts = dataclasses.replace(counts, to_send=counts.to_send - held_back, held_back=held_back)
            self._plans.finish_building(connection, self.plan_id, counts, waves)
        return counts

    # some rows

    def _next(self, connection: Connection) -> Examined | None:
        if self._examined is not None:
            return next(self._examined, None)
        if (batch := next(self._batches, None)) is None:
            return None
        settle = None if self._numbering is None else partial(self._numbering.settle, connection)
        return self._examiner.examine(connection, batch, settle)

    def _take(self, connection: Connection, examined: Examined) -> None:
        """Stage what came of some rows, which follow those that were taken before."""
        self._taken += examined.taken
        self.read += examined.read
        self._out_of_scope += examined.out_of_scope
        self.as_of = max((one for one in (self.as_of, examined.as_of) if one is not None), default=None)
        repeated = self._seen.mark_all(examined.same, examined.places)
        self._unchanged += len(examined.same) - len(repeated)
        again = self._stage(connection, examined.candidates)
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
        self._plans.add_problems(connection, self.plan_id, problems)
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
            self._invalid += 1
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
            self._unchanged += 1
            if not self._selection.full:
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
        staged = self._plans.staged(connection, self.plan_id, list(fresh))
        late = {
            key: record
            for key, record in fresh.items()
            if key in staged and staged[key].position != record.position
        }
        self._staging.uncount(change for change in changes if change.key in late)
        self._invalid -= sum(1 for record in late.values() if record.problems)
        return list(late.values())

    # keys that occur again

    def _resolve(self, connection: Connection, records: Sequence[Candidate]) -> None:
        keys = list({record.key for record in records})
        staged = self._plans.staged(connection, self.plan_id, keys)
        known = {keys[found[0]]: Known._make(found) for found in self._people.lookup(connection, keys)}
        for record in records:
            first = staged.get(record.key) or self._unchanged_before(known[record.key], record.key)
            if self._is_same(first, record):
                self._repeated += 1
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
        self._unchanged -= first.kind is ChangeKind.UNCHANGED
        self._invalid -= first.kind is ChangeKind.INVALID
        self._staging.take(connection, first)

    def _replace(self, connection: Connection, first: Staged, record: Candidate) -> Staged:
        """The last record of a key wins; within a batch, unchanged records come before changed ones."""
        self._repeated += 1
        if record.position < first.position:
            return first
        self._uncount(connection, first)
        self._plans.drop_problems(connection, self.plan_id, record.key)
        problems = self._staging.placed(record.position, record.key, record.problems)
        self._plans.add_problems(connection, self.plan_id, problems)
        # Without a body its row is as last acknowledged: it was not mapped.
        change = self._change(record) if record.body or record.problems else None
        if change is not None:
            self._staging.put(connection, [change])
            return _staged(change)
        if not record.body:
            self._unchanged += 1
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
            self._invalid += 1
            self._tell(connection, record._replace(position=position), Code.DUPLICATE_KEY, Severity.ERROR)
            self._staging.put(connection, [refused])
        self._invalid += 1
        self._tell(connection, record, Code.DUPLICATE_KEY, Severity.ERROR)
        return _staged(refused)

    # the end

    def measures(
        self, connection: Connection, counts: PlanCounts, usual_rows: Sequence[int]
    ) -> list[Measure]:
        """What the guards count of the finished plan."""
        known, active = self._people.count(connection)
        planned = {kind: self._staging.planned(kind) for kind in ChangeKind}
        valid = counts.read - counts.out_of_scope - counts.invalid - counts.repeated
        in_part = bool(self._keys) or self._input.extent == "changes"
        seen = Tally(
            # A part of the source says nothing about shares: one leaver may be all that it holds.
            valid=max(valid, known) if in_part else valid,
            invalid=counts.invalid,
            known=known,
            active=active,
            leavers=planned[ChangeKind.LEAVER],
            missing=self._missing,
            changes=planned[ChangeKind.MOVER] + planned[ChangeKind.LEAVER],
            joiners=planned[ChangeKind.JOINER],
            inactive=sum(self._staging.planned(kind, False) for kind in ChangeKind),
            rows=None if in_part else self.read,
            usual_rows=usual_rows,
        )
        measures = measured(seen, lambda guard: self._first_keys(connection, guard))
        if seen.changes:
            attributes = AttributeCounts()
            for key, before, after in self._plans.modified(connection, self.plan_id):
                attributes.add(key, before, after)
            measures += attributes.measures(known)
        return measures

    def _first_keys(self, connection: Connection, guard: str) -> tuple[str, ...]:
        wanted: dict[str, dict[str, Any]] = {
            "leavers": {"kind": ChangeKind.LEAVER.value, "status": Status.PLANNED.value},
            "changes": {"kind": ChangeKind.MOVER.value},
            "invalid": {"kind": ChangeKind.INVALID.value},
            "inactive_share": {"active": False, "status": Status.PLANNED.value},
        }
        conditions = wanted.get(guard, {"kind": ChangeKind.JOINER.value})
        found = self._plans.first_keys(connection, self.plan_id, SHOWN, **conditions)
        return self._first_keys(connection, "leavers") if guard == "changes" and not found else found

    def _check_not_empty(self) -> None:
        if self.read or self._keys or self._input.extent == "changes":
            return
        message = "the source holds everybody (`extent: full`), and it has no record at all"
        hint = "Look at the export. If there is really nobody, say `extent: changes`."
        place = self._input.source.place(0)
        raise SourceError(Problem(Code.SOURCE_EMPTY, message, hint=hint, file=place.file))

    def _refuse_collisions(self, connection: Connection) -> None:
        if not self._is_key("externalId"):
            refuse_external_ids(self._staging, connection)
        references = References(self._vault, self._pipeline, self.plan_id)
        refuse_user_names(self._staging, connection, references, nobody_known=not self._seen)

    def _settle_managers(self, connection: Connection) -> Order:
        """Whom to send, in order, when it is known what becomes of managers who are not known."""
        references = References(self._vault, self._pipeline, self.plan_id)
        managers = Managers(
            self._vault,
            self._staging,
            self._people,
            self._input.unresolved_manager,
            self._input.mapping.clear,
            full=self._selection.full,
        )
        if self._seen:
            self._unchanged -= managers.send_again(connection, references, self._position_again)
        settled = managers.settle(connection, references, nobody_known=not self._seen)
        self._unchanged += settled.unchanged
        self._unresolved = settled.unresolved
        return settled.order

    def _position_again(self, one: Waiting) -> int | None:
        """Where somebody is who may be sent again; ``None`` when the source does not have the person."""
        if self._keys and one.key not in self._keys:
            return None
        position = self._seen.position(one.person_id)
        return -1 if position is None and self._input.extent == "changes" else position

    def _is_key(self, attribute: str) -> bool:
        """Whether an attribute is the key itself, so that it differs whenever the key does."""
        leaf = next(leaf for leaf in self._input.mapping.leaves if leaf.path == attribute)
        bare = leaf.expression.replace(" ", "") in {
            f"{{{{{self._input.key}}}}}",
            f'{{{{row["{self._input.key}"]}}}}',
        }
        return bare and self._input.trim

    def _stage_leavers(self, connection: Connection) -> None:
        unseen = self._seen.unseen()
        if self._keys:
            chosen = {found[1] for found in self._people.lookup(connection, sorted(self._keys))}
            unseen = [number for number in unseen if number in chosen]
        for page in self._people.listed(connection, unseen, inactive=self._selection.again):
            self._missing += len(page)
            self._staging.put(connection, [self._leaver(person) for person in page])

    def _leaver(self, person: Person) -> Change:
        leaver = Change(person.key, ChangeKind.LEAVER, Status.REPORTED, person.external_id, active=False)
        if self._input.leavers == "report":
            return leaver
        known = self._vault.values is not Values.DIGEST
        body = deactivated(person.body) if known else minimal(person.external_id)
        return leaver._replace(
            status=Status.PLANNED,
            body=body,
            user_digest=self._vault.digest(body),
            name_digest=person.name_digest,
        )

    def _counts(self) -> PlanCounts:
        return PlanCounts(
            read=self.read,
            out_of_scope=self._out_of_scope,
            invalid=self._invalid + self._staging.refused,
            repeated=self._repeated,
            unchanged=self._unchanged,
            joiners=self._staging.planned(ChangeKind.JOINER),
            movers=self._staging.planned(ChangeKind.MOVER),
            leavers=self._staging.planned(ChangeKind.LEAVER) + self._staging.reported(),
            to_send=sum(map(self._staging.planned, ChangeKind)),
            unresolved_managers=self._unresolved,
        )

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
