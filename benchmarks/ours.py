"""scimport's side of the benchmarks: the stages of a run, each ready to be timed without its set-up.

Set-up is what happens before the first row: reading the project folder, compiling the mapping, opening the
source, making the tables of an empty state.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from scimport.apps.bulk import bulk_request
from scimport.apps.outbox import MAX_OPERATIONS, DeliveryResult, Operation, Wait
from scimport.inputs import compiled, opened
from scimport.mappings.scim import json_schema
from scimport.model import PlanCounts
from scimport.plan import Input, Selection
from scimport.plan.examine import SLICE
from scimport.plan.records import Mapper, Row, key_texts
from scimport.project.project import Project
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.plans import PlanState
from scimport.state.schema import change, plan
from scimport.streaming import streaming

PROJECT = Path(__file__).parent / "project"
MAPPING = PROJECT / "mappings" / "people.yml"
NAME = "people"


def schema() -> dict[str, Any]:
    """Give the JSON Schema of the users."""
    project = Project(PROJECT)
    mapping, _ = compiled(project, project.pipeline(NAME), None, datetime.now(UTC))
    return json_schema(mapping.schema)


@contextmanager
def ready_bodies(path: Path) -> Iterator[Iterator[bytes]]:
    """Get ready to make the bodies of the bulk requests for a CSV file, 50 validated people each."""
    opening = project(path)
    with opened(opening, opening.pipeline(NAME), datetime.now(UTC)) as source, streaming():
        yield _bodies(source)


@contextmanager
def ready_plan(path: Path, state: Path, root: Path = PROJECT) -> Iterator[Callable[[], PlanCounts]]:
    """Get ready to plan a whole CSV file against a state and to stage what changed; nothing is sent."""
    with PipelineRun(project(path, state, root), NAME, Selection()) as run:
        run.extract(0)

        def finish() -> PlanCounts:
            while run.extract():
                pass
            return run.plan()

        yield finish


def make_state(state: Path) -> None:
    """Make a state that knows nobody, in the place of any other."""
    remove_state(state)
    Database(f"sqlite:///{state}").close()


def copy_state(original: Path, state: Path) -> None:
    """Put a copy of a state that nobody has open in the place of any other."""
    remove_state(state)
    shutil.copyfile(original, state)


def remove_state(state: Path) -> None:
    """Remove a state with its write-ahead log."""
    for suffix in ("", "-wal", "-shm"):
        state.with_name(state.name + suffix).unlink(missing_ok=True)


def acknowledge(state: Path) -> None:
    """Take everybody in the staged plan for accepted, as if an endpoint without limits had said so."""
    database = Database(f"sqlite:///{state}")
    with database.read() as connection:
        plan_id = connection.execute(select(plan.c.id).where(plan.c.state == PlanState.STAGED)).scalar_one()
        query = select(change.c.id).where(change.c.plan_id == plan_id).order_by(change.c.id)
        ids = iter(connection.execute(query).scalars().all())
    outbox = StateOutbox(database, NAME, plan_id, Limits("benchmarks", burst=10**9, daily_calls=10**9))
    while some := tuple(itertools.islice(ids, 5000)):
        delivery = outbox.begin([Operation(number, "", b"") for number in some])
        assert not isinstance(delivery, Wait)
        outbox.finish(delivery, http_status=202, result=DeliveryResult.ACCEPTED)
    database.close()


def _bodies(source: Input) -> Iterator[bytes]:
    numbers = itertools.count(1)
    operations: list[Operation] = []
    mapper = Mapper(source)
    for batch in source.source.batches(SLICE):
        picked = [*map(mapper.pick, batch.rows)]
        rows = [
            Row(key, position, b"", None, values)
            for key, position, values in zip(
                key_texts(picked, mapper.key), batch.positions, picked, strict=True
            )
        ]
        valid = (record for record in mapper.records(rows) if not record.problems)
        operations += [Operation(next(numbers), record.key, record.body) for record in valid]
        while len(operations) >= MAX_OPERATIONS:
            yield bulk_request(operations[:MAX_OPERATIONS])
            del operations[:MAX_OPERATIONS]
    if operations:
        yield bulk_request(operations)


def project(path: Path, state: Path = Path("none"), root: Path = PROJECT) -> Project:
    """The project of the benchmarks, with a CSV file and a state."""
    os.environ["SCIMPORT_BENCHMARK_FILE"] = str(path)
    os.environ["SCIMPORT_STATE_URL"] = f"sqlite:///{state}"
    return Project(root)
