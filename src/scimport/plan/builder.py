"""Builds one plan: what changed for whom since the endpoint last acknowledged each person."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Change, ChangeKind, PlanCounts, Problem, Status
from scimport.plan.collisions import refuse_external_ids, refuse_user_names
from scimport.plan.compare import deactivated, minimal
from scimport.plan.examine import Examined, Wanted
from scimport.plan.guards import SHOWN, AttributeCounts, Measure, Tally, measured
from scimport.plan.intake import Intake
from scimport.plan.managers import Managers
from scimport.plan.numbering import Numbering
from scimport.plan.order import Order, split
from scimport.plan.recognition import can_recognise, part_examiner
from scimport.plan.records import Input
from scimport.plan.seen import Seen
from scimport.plan.staging import Staging
from scimport.sources.base import Part
from scimport.state.database import Database
from scimport.state.people import People, Person
from scimport.state.references import References, Waiting
from scimport.state.retries import Retries
from scimport.state.stretches import Stretches
from scimport.state.vault import Values

BATCH = 200
"""Rows that are read and looked up together."""

TRANSACTION = 10_000
"""Rows whose changes are committed together."""

_Next = Callable[[Connection], Examined | None]
"""What came of the next rows; ``None`` after the last ones."""


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
        self._missing = self._unresolved = 0
        with database.write() as connection:
            self._seen = Seen(*self._people.id_range(connection))
            self._staging.begin(connection)
            self.plan_id = self._staging.plan_id
        wanted = Wanted(self._keys, selection.full, known=bool(self._seen), plan_id=self.plan_id)
        self._intake = Intake(
            source, self._staging, self._people, self._seen, self._vault, full=selection.full
        )
        self._stretches = Stretches(database, pipeline) if can_recognise(source, wanted) else None
        self._next = self._examined_here(wanted) if examined is None else _one_by_one(examined(wanted))

    @property
    def read(self) -> int:
        """Rows so far that are wanted."""
        return self._intake.read

    @property
    def as_of(self) -> float | None:
        """The newest moment in the column ``as_of`` so far, in seconds since 1970."""
        return self._intake.as_of

    def step(self, records: int) -> bool:
        """Take in about ``records`` more records; returns whether there may be more.

        Raises:
            SourceError: The source cannot be read; nothing of the plan will be sent.
        """
        until = self._intake.taken + records
        while self._intake.taken < until:
            with self._database.write() as connection:
                committed = self._intake.taken + TRANSACTION
                while self._intake.taken < committed:
                    examined = self._next(connection)
                    if examined is None:
                        self._input.source.check_rows(self._intake.taken)
                        return False
                    self._intake.take(connection, examined)
                    if self._stretches is not None:
                        self._stretches.meet(connection, examined.recognised, examined.stretches)
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
            if self._stretches is not None:
                self._stretches.forget_others(connection)
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

    def _examined_here(self, wanted: Wanted) -> _Next:
        source, vault = self._input, self._vault
        examine = part_examiner(source, self._database, self._pipeline, wanted, vault.digest_key, BATCH)
        numbering = Numbering(vault, self._pipeline, self.plan_id) if source.mapping.marks else None
        pieces = source.source.pieces()
        parts: Iterator[Part] = source.source.batches(BATCH) if pieces is None else pieces
        ready: deque[Examined] = deque()

        def following(connection: Connection) -> Examined | None:
            settle = None if numbering is None else partial(numbering.settle, connection)
            while not ready:
                if (part := next(parts, None)) is None:
                    return None
                ready.extend(examine(connection, part, settle))
            return ready.popleft()

        return following

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
            rows=None if in_part else self._intake.read,
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
        if self._intake.read or self._keys or self._input.extent == "changes":
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
            self._intake.unchanged -= managers.send_again(connection, references, self._position_again)
        settled = managers.settle(connection, references, nobody_known=not self._seen)
        self._intake.unchanged += settled.unchanged
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
            read=self._intake.read,
            out_of_scope=self._intake.out_of_scope,
            invalid=self._intake.invalid + self._staging.refused,
            repeated=self._intake.repeated,
            unchanged=self._intake.unchanged,
            joiners=self._staging.planned(ChangeKind.JOINER),
            movers=self._staging.planned(ChangeKind.MOVER),
            leavers=self._staging.planned(ChangeKind.LEAVER) + self._staging.reported(),
            to_send=sum(map(self._staging.planned, ChangeKind)),
            unresolved_managers=self._unresolved,
        )


def _one_by_one(examined: Iterator[Examined]) -> _Next:
    return lambda _: next(examined, None)
