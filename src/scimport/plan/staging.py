"""What a plan has staged so far, and what it counts of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter

from sqlalchemy import Connection

from scimport.model import Change, ChangeKind, Place, Problem, Status, placed
from scimport.plan.names import Names
from scimport.sources.base import Source
from scimport.state.database import Database
from scimport.state.plans import ChangeRow, Plans, Staged

_KIND_STATUS_ACTIVE = itemgetter(1, 2, 4)
_NAME_DIGEST = itemgetter(9)
_IS_ACTIVE, _ROW_NAME_DIGEST = itemgetter(5), itemgetter(10)
_PAGE = 500


class Staging:
    """The changes of a plan that is being built, and its problems.

    Counting in memory what is staged spares to read every user again.

    Args:
        database: The state.
        pipeline: Name of the pipeline.
        source: Where the records are from, for the places of problems.

    Attributes:
        plan_id: The plan; ``begin`` makes it.
        refused: Records that were staged, and were found to be invalid beside others.
        names: Digests of the user names that were staged.
    """

    def __init__(self, database: Database, pipeline: str, source: Source) -> None:
        self.plans = Plans(database, pipeline)
        self.plan_id = ""
        self.refused = 0
        self.names = Names()
        self._source = source
        self._tally: Counter[tuple[ChangeKind, Status, bool]] = Counter()

    def begin(self, connection: Connection) -> None:
        """Make the plan."""
        self.plan_id = self.plans.create(connection)

    def put(self, connection: Connection, changes: Sequence[Change]) -> int:
        """Stage changes, passing over keys that are staged already; returns how many were added."""
        self._tally.update(map(_KIND_STATUS_ACTIVE, changes))
        self.names.add(map(_NAME_DIGEST, changes))
        return self.plans.stage(connection, self.plan_id, changes)

    def put_joiners(self, connection: Connection, rows: Sequence[ChangeRow]) -> int:
        """Stage people who are new, as ``put`` does."""
        active = sum(map(_IS_ACTIVE, rows))
        self._tally[ChangeKind.JOINER, Status.PLANNED, True] += active
        self._tally[ChangeKind.JOINER, Status.PLANNED, False] += len(rows) - active
        self.names.add(map(_ROW_NAME_DIGEST, rows))
        return self.plans.stage_rows(connection, rows)

    def take_names(self) -> Names:
        """The digests of the user names so far, which are needed once."""
        names, self.names = self.names, Names()
        return names

    def uncount(self, changes: Iterable[Change]) -> None:
        """Changes that were passed over do not count."""
        self._tally.subtract(map(_KIND_STATUS_ACTIVE, changes))

    def take(self, connection: Connection, staged: Staged) -> None:
        """Take what is staged for a key out of the plan, if anything is."""
        self._tally[staged.kind, staged.status, staged.active] -= 1
        self.plans.unstage(connection, self.plan_id, staged.key)

    def refuse(self, connection: Connection, problems: Sequence[tuple[str, Problem]]) -> None:
        """Records that are staged are invalid after all: by key, why."""
        for start in range(0, len(problems), _PAGE):
            page = problems[start : start + _PAGE]
            staged = self.plans.staged(connection, self.plan_id, [key for key, _ in page])
            for key, problem in page:
                position = staged[key].position
                self.take(connection, staged[key])
                self.put(connection, [Change(key, ChangeKind.INVALID, Status.INVALID, position=position)])
                self.tell(connection, position, key, (problem,))
        self.refused += len(problems)

    def planned(self, kind: ChangeKind, *active: bool) -> int:
        """How many people of a kind are to be sent; only active or inactive ones if it is said."""
        return sum(self._tally[kind, Status.PLANNED, flag] for flag in active or (True, False))

    def reported(self) -> int:
        """How many leavers are only reported."""
        return self._tally[ChangeKind.LEAVER, Status.REPORTED, False]

    def placed(self, position: int, key: str, problems: Iterable[Problem]) -> list[Problem]:
        """The problems of a record, with its place and key."""
        if not problems:
            return []
        place = self._source.place(position)
        return [placed(problem, place, key) for problem in problems]

    def place(self, position: int) -> Place:
        """Where a record is."""
        return self._source.place(position)

    def tell(self, connection: Connection, position: int, key: str, problems: Iterable[Problem]) -> None:
        """Keep the problems of a record."""
        self.plans.add_problems(connection, self.plan_id, self.placed(position, key, problems))
