"""One run of one pipeline, stage by stage. The command line and the Prefect flow both call these stages.

::

    with PipelineRun(project, "employees", Selection()) as run:
        run.finish_interrupted()
        while run.extract(50_000):
            ...
        run.plan()
        run.deliver()
    run.summary
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scimport.apps.app import App
from scimport.apps.delivery import deliver
from scimport.codes import Code
from scimport.connection import checked_endpoint, connected
from scimport.engines import engine
from scimport.errors import DeliveryError, Interrupted, ScimportError, StateError
from scimport.files import write_problems, write_requests
from scimport.forget import AT_MOST, ages_of, purge_old
from scimport.inputs import opened
from scimport.model import DeliveryCounts, PlanCounts, Problem, RunSummary
from scimport.plan import Input, PlanBuilder, Selection
from scimport.plan.age import age_problem, as_warning, same_file
from scimport.plan.guards import stops
from scimport.preflight import check_job
from scimport.project import Project
from scimport.review import check_applicable, check_guards, digests
from scimport.sources.base import source_digest, source_time
from scimport.state import locks, open_state, runs
from scimport.state.outbox import StateOutbox, limits_of
from scimport.state.people import People
from scimport.state.plans import Plans, PlanState, find_plan
from scimport.state.purge import Ages
from scimport.state.queue import Queue
from scimport.streaming import streaming

PART = 50_000
"""Records of a part: what is extracted and mapped between two looks at the clock, or in one task."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: ``extract`` or ``deliver``.
        done: Records read, or people accepted or rejected.
        total: People to send; ``None`` where it is not known.
    """

    stage: str
    done: int
    total: int | None = None


class PipelineRun:
    """One run of a pipeline, from its source to its app. Its context holds the pipeline's lock.

    Args:
        project: The project folder.
        name: Name of the pipeline.
        selection: What part of the work is wanted.
        show_values: Whether problems are written with the offending values.
        on_progress: Told how far the run is, from the thread that calls the stage.
        stop: Set by a person or a signal: the run ends after what is in flight.
        queue_anyway: Send to a paused job too, where people wait until somebody starts it.

    Raises:
        ConfigError: A file of the project is wrong.
        LockedError: Another run holds the pipeline.
        StateError: The state cannot be used.
    """

    def __init__(
        self,
        project: Project,
        name: str,
        selection: Selection,
        *,
        show_values: bool = False,
        on_progress: Callable[[Progress], None] = lambda _: None,
        stop: threading.Event | None = None,
        queue_anyway: bool = False,
    ) -> None:
        self._project, self._selection, self._show_values = project, selection, show_values
        self._on_progress, self._stop = on_progress, stop or threading.Event()
        self._queue_anyway = queue_anyway
        self.pipeline = project.pipeline(name)
        checked_endpoint(self.pipeline)
        self._exits = ExitStack()
        self._began, self._now = time.monotonic(), datetime.now(UTC)
        self._builder: PlanBuilder | None = None
        self._source: Input | None = None
        self._delivered = False
        self._earlier = DeliveryCounts()
        self.stopped: list[Problem] = []
        """Problems of the guards that stop the plan."""
        self.summary = RunSummary(pipeline=name, run_id="", plan_id="")

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self._database = open_state(self._project)
            exits.callback(self._database.close)
            exits.enter_context(locks.hold(self._database, self.pipeline.name))
            self._plans = Plans(self._database, self.pipeline.name)
            self._exits = exits.pop_all()
        self._note(run_id=runs.start(self._database, self.pipeline.name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._note(seconds=round(time.monotonic() - self._began, 3))
            self._end(error)
        finally:
            self._exits.close()

    @property
    def folder(self) -> Path:
        """Where this run puts its files."""
        return self._project.data_dir / "runs" / self.summary.run_id

    def unfinished(self) -> str | None:
        """Id of a plan whose delivery was cut off, if there is one."""
        with self._database.read() as connection:
            return self._plans.unfinished(connection)

    def finish_interrupted(self) -> None:
        """Deliver what an earlier run has left of its plan, so that nobody in it is lost."""
        if (plan_id := self.unfinished()) is not None:
            self.resume(plan_id)
            self._earlier = self.summary.delivery

    def resume(self, plan_id: str) -> None:
        """Deliver what is left of a plan whose delivery was cut off."""
        with self._database.read() as connection:
            counts = self._plans.counts(connection, plan_id)
        self._note(plan_id=plan_id, plan=counts, **self._as_made(plan_id))
        self.deliver()

    def extract(self, records: int = PART) -> bool:
        """Read, map, validate and stage about ``records`` more records; returns whether there may be more."""
        if self._stop.is_set():
            raise _interrupted("nothing was sent", self.pipeline.name)
        if self._builder is None:
            self._builder = self._begin()
            self._exits.enter_context(streaming())
            self._note(plan_id=self._builder.plan_id)
        more = self._builder.step(records)
        self._on_progress(Progress("extract", self._builder.read))
        return more

    def plan(self) -> PlanCounts:
        """Complete the plan; nothing has been sent yet."""
        if self._builder is None:
            raise RuntimeError("extract first")
        counts = self._builder.finish()
        self._note(plan=counts, whole=not self._selection.keys and not counts.held_back)
        self._write_problems()
        usual = runs.usual_rows(self._database, self.pipeline.name)
        old = self._look_at_source(self._builder.as_of, counts.to_send)
        with self._database.write() as connection:
            measures = self._builder.measures(connection, counts, usual)
            self.stopped = [*stops(measures, self.pipeline.config.guards), *old]
            self._plans.review(connection, self.summary.plan_id, self._digests(), self.stopped)
        return counts

    def _look_at_source(self, as_of: float | None, to_send: int) -> list[Problem]:
        """Note that the source was loaded before; returns why it is too old to be sent."""
        config, guards = self._project.source(self.pipeline.config.source).config, self.pipeline.config.guards
        if guards.same_file == "note" and self.summary.whole:
            digest = source_digest(config, self._project.root)
            self._note(source_digest=digest)
            if (before := runs.loaded(self._database, self.pipeline.name, digest)) is not None:
                self.add_notes([same_file(before.id, before.started_at)])
        if config.as_of is None:
            as_of = source_time(config, self._project.root)
        with self._database.read() as connection:
            old = age_problem(as_of, self._database.now(connection), guards.source_age)
        if old is not None and not to_send:
            # It changes nobody, so that nobody need approve it; but somebody must look.
            self.add_notes([as_warning(old)])
            return []
        return [old] if old else []

    def apply(self, plan_id: str) -> None:
        """Deliver exactly a plan that was made before, or refuse it.

        Raises:
            UsageError: It is not staged (any more), or what it was made of has changed.
            GuardStop: A guard stops it, and nobody has approved it.
        """
        review = check_applicable(self._database, self.pipeline.name, plan_id, self._digests)
        self._note(plan_id=plan_id, plan=review.counts, **self._as_made(plan_id))
        self.deliver()

    def deliver(self) -> DeliveryCounts:
        """Send what the plan has staged, and keep what the endpoint says of each request.

        Raises:
            GuardStop: A guard stops the plan, and nobody has approved it; nothing is sent.
            DeliveryError: The endpoint stopped the delivery, or its job is paused or in quarantine; what is
                left stays staged.
            Interrupted: A person or a signal did.
        """
        plan_id, name = self.summary.plan_id, self.pipeline.name
        with self._database.read() as connection:
            review = find_plan(connection, plan_id)
        check_guards(review)
        old = (one for one in review.stopped if one.code is Code.GUARD_SOURCE_AGE) if review else ()
        self.add_notes(map(as_warning, old))
        with connected(self._project, self.pipeline) as app:
            limits = limits_of(self.pipeline.config.app, app.endpoint.tenant)
            outbox = StateOutbox(self._database, name, plan_id, limits)
            before = outbox.tally()
            if before.remaining:
                self._check_job(app)
            with self._database.write() as connection:
                self._plans.set_state(connection, plan_id, PlanState.APPLYING)
            try:
                self._drain(outbox, app, before.remaining)
            except DeliveryError as error:
                self._give_up_if_hopeless(error)
                raise
            finally:
                self._note(delivery=_since(before, outbox.tally(), self._earlier))
        if self.summary.delivery.remaining:
            raise _interrupted("what was not accepted is still staged", name)
        with self._database.write() as connection:
            self._plans.set_state(connection, plan_id, PlanState.DONE)
        self._delivered = True
        if self.summary.delivery.rejected or not self.summary.problems_file:
            self._write_problems()
        return self.summary.delivery

    def first_problems(self, count: int) -> list[Problem]:
        """The first problems of the plan's records."""
        with self._database.read() as connection:
            return list(itertools.islice(self._plans.problems(connection, self.summary.plan_id), count))

    def reasons(self, count: int) -> list[tuple[str, str, int]]:
        """The most frequent errors of the plan's records: code, column or attribute, and of how many."""
        with self._database.read() as connection:
            return self._plans.reasons(connection, self.summary.plan_id, count)

    def add_notes(self, notes: Iterable[Problem]) -> None:
        """Add warnings and notes about the run as a whole."""
        self._note(notes=(*self.summary.notes, *notes))

    def write_requests(self, folder: Path) -> int:
        """Write the exact bodies of the requests that would deliver the plan, readable by the owner alone.

        Returns:
            How many were written: ``request-00001.json`` and so on.
        """
        with self._database.read() as connection:
            queue = Queue(self._database.vault, self.pipeline.name, self.summary.plan_id)
            pages = queue.pages(connection)
            return write_requests(folder, (one for page in pages for one in page.operations))

    def _check_job(self, app: App) -> None:
        with self._database.read() as connection:
            now = self._database.now(connection)
        notes = check_job(app, self.pipeline.name, now=now, queue_anyway=self._queue_anyway)
        self._note(notes=tuple(dict.fromkeys((*self.summary.notes, *notes))))

    def _drain(self, outbox: StateOutbox, app: App, total: int) -> None:
        if not total:
            return
        with self._database.read() as connection:
            proven = People(self._database, self.pipeline.name).any(connection)

        def tell(counts: DeliveryCounts) -> None:
            self._on_progress(Progress("deliver", counts.accepted + counts.rejected, total))

        try:
            deliver(outbox, app, stop=self._stop, on_progress=tell, proven=proven)
        except KeyboardInterrupt:
            # The workers have finished what was in flight; the outbox knows what is left.
            self._stop.set()

    def _give_up_if_hopeless(self, error: DeliveryError) -> None:
        """A plan whose records the endpoint refuses alike would be refused again: the next run plans anew.

        A source of changes is not read again from its beginning, so its plan is kept.
        """
        extent = self._project.source(self.pipeline.config.source).config.extent
        if error.problems[0].code is Code.RECORDS_REFUSED and extent == "full":
            with self._database.write() as connection:
                self._plans.set_state(connection, self.summary.plan_id, PlanState.DISCARDED)

    def _begin(self) -> PlanBuilder:
        source = self._open()
        examined = engine(self._project, self.pipeline, source, self._now, self._database, self._exits)
        return PlanBuilder(self._database, self.pipeline.name, source, self._selection, examined)

    def _open(self) -> Input:
        if self._source is None:
            self._source = self._exits.enter_context(opened(self._project, self.pipeline, self._now))
        return self._source

    def _digests(self) -> dict[str, str]:
        return digests(self._project, self.pipeline, self._open())

    def _as_made(self, plan_id: str) -> dict[str, Any]:
        """What is known of the source from the run that made a plan: whether it was whole, and its digest."""
        made = runs.find(self._database, plan_id)
        names = ("whole", "source_digest")
        return {name: made.summary[name] for name in names if made is not None and name in made.summary}

    def _note(self, **known: Any) -> None:
        self.summary = dataclasses.replace(self.summary, **known)

    def _end(self, error: BaseException | None) -> None:
        state = "failed" if error is not None else "done" if self._delivered else "planned"
        if isinstance(error, Interrupted) or not isinstance(error, Exception | None):
            state = "interrupted"
        words = str(error) if isinstance(error, ScimportError) else type(error).__name__ if error else ""
        runs.end(self._database, self.summary, state, words)
        self._purge()

    def _purge(self) -> None:
        """Remove some of what is older than the project keeps; what is left is for the next run."""
        ages = ages_of(self._project.retention)
        if ages != Ages():
            with suppress(StateError):  # the run has ended as it has; the next one tries again
                purge_old(self._project, self._database, ages, at_most=AT_MOST)

    def _write_problems(self) -> None:
        path = self.folder / "problems.csv"
        with self._database.read() as connection:
            problems = self._plans.problems(connection, self.summary.plan_id)
            if write_problems(path, problems, show_values=self._show_values):
                self._note(problems_file=path.relative_to(self._project.root).as_posix())


def unfinished(project: Project, name: str) -> str | None:
    """Id of the plan of a pipeline whose delivery was cut off, if there is one."""
    database = open_state(project)
    try:
        with database.read() as connection:
            return Plans(database, project.pipeline(name).name).unfinished(connection)
    finally:
        database.close()


def _since(before: DeliveryCounts, after: DeliveryCounts, earlier: DeliveryCounts) -> DeliveryCounts:
    """What was done between two tallies of the same plan, and earlier in the same run."""
    return DeliveryCounts(
        accepted=earlier.accepted + after.accepted - before.accepted,
        rejected=earlier.rejected + after.rejected - before.rejected,
        remaining=after.remaining,
        calls=earlier.calls + after.calls - before.calls,
        throttled=earlier.throttled + after.throttled - before.throttled,
    )


def _interrupted(what: str, pipeline: str) -> Interrupted:
    hint = f"Go on with `scimport resume {pipeline}`; the next `scimport run {pipeline}` does so too."
    return Interrupted(Problem(Code.INTERRUPTED, f"stopped before the end; {what}", hint=hint))
