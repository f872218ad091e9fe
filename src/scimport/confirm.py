"""Finds out what became of people after the endpoint accepted them: its log, joined to the state.

202 means that the endpoint has staged a request. What it did with each person is in its log, some minutes
later. Entries are joined by job and ``externalId``; the last one since the person's own last delivery counts.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from scimport.apps.app import App
from scimport.apps.entries import LogEntry, LogPage, LogStatus
from scimport.apps.job import read_job
from scimport.apps.logs import TURN, LogReader
from scimport.apps.words import mask_values
from scimport.codes import Code
from scimport.connection import connected
from scimport.errors import ScimportError, UsageError
from scimport.model import Problem, Status
from scimport.project import Pipeline, Project
from scimport.provisioning.status import job_problem
from scimport.state import Database, runs
from scimport.state.outcomes import Delivered, Outcome, OutcomeCounts, Outcomes, Story
from scimport.state.people import People
from scimport.state.turns import take_turn

LAG = 300.0
"""Seconds after a delivery until its entries are worth waiting for; Microsoft says five to ten minutes."""
FIRST_PAUSE = 60.0
"""Seconds between the first two reads while somebody waits."""
GLANCE = 3
"""Pages of the log that a glance reads: some seconds."""
LISTED = 20
"""People of each kind that a confirmation names."""

_OVERLAP = 900.0
_RETENTION = 30 * 86_400.0
# Times of entries and headers may be cut to the second, and answers take their time.
_TOLERANCE = 2.0
_LONGEST_PAUSE = 600.0

_STATUS = {
    LogStatus.SUCCESS: Status.PROVISIONED,
    LogStatus.WARNING: Status.PROVISIONED,
    LogStatus.FAILURE: Status.REJECTED,
    LogStatus.SKIPPED: Status.SKIPPED,
}
# Of several entries with one time, the gravest says most.
_GRAVITY = {Status.SKIPPED: 0, Status.PROVISIONED: 1, Status.REJECTED: 2}


@dataclass(frozen=True, slots=True)
class Time:
    """Where time comes from.

    Attributes:
        ahead: Seconds that deadlines are ahead of the state's own clock.
        sleep: Waits so many seconds.
    """

    ahead: Callable[[], float] = lambda: 0.0
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is known of the people of a pipeline, or of one run.

    Attributes:
        run_id: The run, when it is about one.
        counts: People by the outcome of their last delivery.
        entries: Entries of the log that were read.
        odd: Entries among them that could not be understood.
        rejected: The first people whom the endpoint did not provision, by key.
        unconfirmed: The first people of whom its log says nothing, by key.
        obstacle: Why the log says nothing of those who wait, where the app's job is stopped or in quarantine.
    """

    pipeline: str
    run_id: str
    counts: OutcomeCounts
    entries: int
    odd: int
    rejected: tuple[Story, ...]
    unconfirmed: tuple[Story, ...]
    obstacle: Problem | None = None


class Confirming:
    """The outcomes of one pipeline, read from its app's log. Its lock is not taken: a run may go on.

    Args:
        project: The project folder.
        database: The state.
        name: Name of the pipeline, or id of one of its runs or plans.
        at: Where time comes from.

    Raises:
        ConfigError: A file of the project is wrong.
        UsageError: There is no such pipeline or run.
    """

    def __init__(self, project: Project, database: Database, name: str, at: Time = Time()) -> None:
        self._project, self._database, self._time = project, database, at
        self.pipeline, self._run_id, plan_id = _chosen(project, database, name)
        self._outcomes = Outcomes(database, self.pipeline.name)
        self._chosen = Outcomes(database, self.pipeline.name, plan_id)
        self._entries = self._odd = 0
        self.obstacle: Problem | None = None

    def counts(self) -> OutcomeCounts:
        """What is known now, without asking."""
        with self._database.read() as connection:
            return self._chosen.counts(connection)

    def reasons(self, count: int) -> list[tuple[str, int]]:
        """The endpoint's codes of rejections and how many people each is of, the most frequent first."""
        with self._database.read() as connection:
            return self._chosen.reasons(connection, count)

    def read(self, pages: int | None = None) -> None:
        """Read the log once, and keep what it says. Who has waited too long is unconfirmed afterwards.

        Args:
            pages: Read this many pages at most; where the log goes on, nobody is given up.

        Raises:
            LogError: The log cannot be read; what was read so far is kept.
            SignInError: No token, or a fresh one is refused.
        """
        began = self._now()
        too_late = began + self._time.ahead() - self.pipeline.config.confirm_within
        since = self._since(began, too_late)
        if since is None:
            return
        more = ""
        with connected(self._project, self.pipeline) as app:
            scope = f"log {app.endpoint.tenant}"[:255]
            log = LogReader(app, turn=lambda: take_turn(self._database, scope, TURN), sleep=self._time.sleep)
            for page in itertools.islice(log.pages(since), pages):
                self._keep(page)
                more = page.next_link
            counts = self.counts()
            waits = counts.waiting or counts.unconfirmed
            self.obstacle = _obstacle(app, self.pipeline.name) if waits else None
        if not more:
            self._give_up(too_late)

    def wait(self) -> None:
        """Read the log again and again, more and more seldom, until nobody waits any longer.

        Raises:
            LogError: The log cannot be read.
        """
        pause = FIRST_PAUSE
        if (age := self._age()) is not None and age < LAG:
            self._time.sleep(LAG - age)
        while True:
            self.read()
            if (left := self.left()) is None:
                return
            self._time.sleep(min(pause, left))
            pause = longer(pause)

    def left(self) -> float | None:
        """Seconds until the first of those who wait will have waited too long; None when nobody waits."""
        if (age := self._age()) is None:
            return None
        # A little more than what is left, so that the deadline is past then and not just reached.
        return max(self.pipeline.config.confirm_within - age, 0.0) + 1.0

    def result(self) -> Confirmation:
        """What is known now, with the first people who need somebody."""
        with self._database.read() as connection:
            return Confirmation(
                pipeline=self.pipeline.name,
                run_id=self._run_id,
                counts=self._chosen.counts(connection),
                entries=self._entries,
                odd=self._odd,
                rejected=tuple(self._chosen.listed(connection, Status.REJECTED, LISTED)),
                unconfirmed=tuple(self._chosen.listed(connection, Status.UNCONFIRMED, LISTED)),
                obstacle=self.obstacle,
            )

    def _age(self) -> float | None:
        """Seconds since the oldest delivery that is waited for was accepted; None when nobody waits."""
        with self._database.read() as connection:
            oldest = self._chosen.oldest_waiting(connection)
            now = self._database.now(connection)
        return None if oldest is None else now + self._time.ahead() - oldest[1]

    def _since(self, now: float, too_late: float) -> float | None:
        """From when on to read; None when nobody was ever delivered.

        Later cycles change what was known. They are looked for behind the newest entry that is known, since
        entries do not appear in the order of their times. That is enough too while somebody waits, so that
        a read stays short; before somebody is given up, all since the delivery is read once more.
        """
        with self._database.read() as connection:
            oldest = self._outcomes.oldest_waiting(connection)
            newest = self._outcomes.newest_logged(connection)
            unconfirmed = self._outcomes.has(connection, Status.UNCONFIRMED)
        times = [oldest[0]] if oldest else []
        if newest is not None:
            times.append(newest)
            if oldest and oldest[1] > too_late:
                times = [max(times)]
        if times:
            return max(min(times) - _OVERLAP, now - _RETENTION)
        return now - _RETENTION if unconfirmed else None

    def _keep(self, page: LogPage) -> None:
        """Join one page to the people, in one transaction."""
        self._entries += len(page.entries) + page.odd
        self._odd += page.odd
        latest = last_entries(page.entries)
        with self._database.write() as connection:
            now = self._database.now(connection)
            skew = _skew(page.server_time, now)
            found = self._outcomes.find(connection, list(latest))
            news = [(one, latest[one.external_id]) for one in found if one.external_id in latest]
            news = [(one, entry) for one, entry in news if is_news(one, entry, skew)]
            worded = [one.person_id for one, entry in news if entry.reason or entry.recommended_action]
            bodies = self._outcomes.bodies(connection, worded)
            outcomes = [outcome_of(one, entry, bodies.get(one.person_id)) for one, entry in news]
            self._outcomes.keep(connection, outcomes, now)

    def _give_up(self, accepted_before: float) -> None:
        more = True
        while more:
            with self._database.write() as connection:
                now = self._database.now(connection)
                more = bool(self._outcomes.give_up(connection, accepted_before, now))

    def _now(self) -> float:
        with self._database.read() as connection:
            return self._database.now(connection)


def _obstacle(app: App, name: str) -> Problem | None:
    """Why the app takes up nothing of what waits for it, as far as it may be seen."""
    if not app.endpoint.job:
        return None
    with suppress(ScimportError):
        job = read_job(app).job
        return job_problem(job, name) if job else None
    return None


def longer(pause: float) -> float:
    """The pause after a pause, in seconds."""
    return min(pause * 1.5, _LONGEST_PAUSE)


def last_entries(entries: Iterable[LogEntry]) -> dict[str, LogEntry]:
    """The last entry of each person, by externalId."""
    last: dict[str, LogEntry] = {}
    for entry in entries:
        known = last.get(entry.external_id)
        if known is None or _order(known.at, _STATUS[known.status]) <= _order(
            entry.at, _STATUS[entry.status]
        ):
            last[entry.external_id] = entry
    return last


def is_news(person: Delivered, entry: LogEntry, skew: float = 0.0) -> bool:
    """Whether an entry says something new of a person's last delivery.

    Args:
        person: The person as last delivered.
        entry: An entry about the person.
        skew: Seconds that the endpoint's clock is ahead of the state's.
    """
    if entry.at < person.sent_at + skew - _TOLERANCE:
        return False
    if person.logged_at is None:
        return True
    known = _order(person.logged_at, Status(person.status))
    return known < _order(entry.at, _STATUS[entry.status])


def outcome_of(person: Delivered, entry: LogEntry, body: bytes | None = None) -> Outcome:
    """What an entry says of a person, without the values of the person's user (``body``) in its words.

    Words of the endpoint that may quote a user who is not known are not kept.
    """
    users = () if body is None else (body,)
    if body is None and (entry.reason or entry.recommended_action):
        entry = dataclasses.replace(entry, reason=_unsaid(entry.reason), recommended_action="")
    return Outcome(
        person=person,
        status=_STATUS[entry.status],
        logged_at=entry.at,
        code=entry.code,
        reason=mask_values(entry.reason, users),
        recommended_action=mask_values(entry.recommended_action, users),
        change_id=entry.change_id,
        cycle_id=entry.cycle_id,
    )


def _unsaid(reason: str) -> str:
    return "(not kept: they may quote values)" if reason else ""


def _order(at: float, status: Status) -> tuple[float, int]:
    return at, _GRAVITY[status]


def _skew(server_time: float | None, now: float) -> float:
    skew = 0.0 if server_time is None else server_time - now
    return skew if abs(skew) > _TOLERANCE else 0.0


def _chosen(project: Project, database: Database, name: str) -> tuple[Pipeline, str, str]:
    """The pipeline, and the ids of the run and its plan when one is named."""
    if name in project.pipeline_names:
        return project.pipeline(name), "", ""
    found = runs.find(database, name)
    if found is None:
        there = ", ".join(project.pipeline_names) or "none yet"
        message = f"there is no pipeline and no run '{name}'"
        raise UsageError(Problem(Code.UNKNOWN_RUN, message, hint=f"Pipelines: {there}."))
    return project.pipeline(found.pipeline), found.id, found.plan_id


def delivered_pipelines(project: Project, database: Database) -> Sequence[str]:
    """The pipelines of the project that have delivered anybody."""
    with database.read() as connection:
        return [name for name in project.pipeline_names if People(database, name).any(connection)]
