"""A pipeline that lives: first load, daily runs and looks at the log, through the real stages, without HTTP.

Of every day but the first, one person in a hundred changes; the next day the same people change back, so that
after an even number of days everybody is as at the beginning, with all that has happened in the state.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from unittest.mock import patch

from sqlalchemy import Connection

import people
from scimport import confirm
from scimport.apps.entries import LogEntry, LogPage, LogStatus
from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.plan import Selection
from scimport.project.project import Project
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox

NAME = "people"
DAY = 86_400.0
TEMPLATE = Path(__file__).parent / "project"
LOG_PAGE = 1000
BUCKETS = 100
MEASURED = 37
"""The people who change in ``people.csv_file(..., changed=True)``: number modulo 100. No day has them."""


class Endpoint:
    """Stands in the place of the endpoint and its clock, for the time of its context.

    Attributes:
        size: People in a request.
        ahead: Seconds that the clock of the state is moved on.
        log: External ids that the next look at the log finds.
    """

    def __init__(self) -> None:
        self.size, self.ahead = 50, 0.0
        self.log: Sequence[str] = ()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        clock = Database.now

        def now(database: Database, connection: Connection) -> float:
            return clock(database, connection) + self.ahead

        stages: dict[str, Callable[..., Any]] = {
            "connected": self._connected,
            "limits_of": lambda _, scope: Limits(scope, burst=0, daily_calls=0),
            "deliver": self._deliver,
            "check_job": lambda *_, **__: (),
            "check_guards": lambda _: None,
        }
        looks: dict[str, Callable[..., Any]] = {"connected": self._connected, "LogReader": self._reader}
        for module, stubs in (("stages", stages), ("confirm", looks)):
            for name, stub in stubs.items():
                self._exits.enter_context(patch(f"scimport.{module}.{name}", stub))
        self._exits.enter_context(patch.object(Database, "now", now))
        self._exits.enter_context(patch.dict(os.environ))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def _reader(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(pages=self._pages)

    @contextmanager
    def _connected(self, *_: object) -> Iterator[Any]:
        yield SimpleNamespace(endpoint=SimpleNamespace(tenant="benchmarks"))

    def _deliver(self, outbox: StateOutbox, *_: object, **__: object) -> None:
        """Accept everybody."""
        while operations := outbox.claim(self.size):
            delivery = outbox.begin(operations)
            assert isinstance(delivery, Delivery)
            outbox.finish(delivery, http_status=202, result=DeliveryResult.ACCEPTED)

    def _pages(self, since: float) -> Iterator[LogPage]:
        """The log says of one in fifty that something is wrong."""
        now = datetime.now(UTC).timestamp() + self.ahead
        assert since < now
        for start in range(0, len(self.log), LOG_PAGE):
            page = self.log[start : start + LOG_PAGE]
            yield LogPage(tuple(_entry(one, now) for one in page), server_time=now)


def _entry(external_id: str, at: float) -> LogEntry:
    ids = {"change_id": f"{external_id}-{at:.0f}", "cycle_id": f"{at:.0f}"}
    if int(external_id[1:]) // BUCKETS % 50:
        return LogEntry(external_id, LogStatus.SUCCESS, "update", at, **ids)
    words = {
        "code": "InvalidValue",
        "reason": "the manager's mailbox is full",
        "recommended_action": "mend it",
    }
    return LogEntry(external_id, LogStatus.FAILURE, "update", at, **words, **ids)


class Life:
    """The days of some people.

    Args:
        endpoint: What they are sent to.
        count: How many there are.
        folder: Where the project and its files are made.
        url: The state, which knows nobody.
    """

    def __init__(self, endpoint: Endpoint, count: int, folder: Path, url: str) -> None:
        self.endpoint, self.count, self._folder = endpoint, count, folder
        os.environ["SCIMPORT_STATE_URL"] = url
        self.project = self._project("full")
        self._changes = self._project("changes")
        self._buckets: dict[int, tuple[list[str], list[str]]] = {}
        self.days = 0

    def read(self, *, changed: bool = False) -> None:
        """Have the source hold everybody, or everybody with one in a hundred changed."""
        os.environ["SCIMPORT_BENCHMARK_FILE"] = str(people.csv_file(self.count, changed=changed))

    def live(self, days: int) -> None:
        """Let days go by: on each the changes of one in a hundred are sent, and confirmed."""
        for _ in range(days):
            number = self.days // 2 % (BUCKETS - 1)
            bucket = number + (number >= MEASURED)
            path = self._folder / f"bucket-{bucket}-{self.days % 2}.csv"
            if self.days % 2 == 0:
                self._write_bucket(bucket)
            os.environ["SCIMPORT_BENCHMARK_FILE"] = str(path)
            self.endpoint.ahead += DAY
            with PipelineRun(Project(self._changes), NAME, Selection()) as run:
                while run.extract():
                    pass
                counts = run.plan()
                assert counts.movers == counts.read == self._in_bucket(bucket), counts
                run.deliver()
            self.confirm(self.external_ids(bucket))
            self.days += 1

    def confirm(self, external_ids: Sequence[str]) -> None:
        """Look at a log that has these people."""
        self.endpoint.log = external_ids
        project = Project(self.project)
        database = Database(project.state_url)
        confirm.Confirming(project, database, NAME).read()
        database.close()

    def external_ids(self, bucket: int | None = None) -> list[str]:
        """Ids of everybody, or of those in a bucket."""
        return [f"E{n:07}" for n in range(1, self.count + 1) if bucket is None or n % BUCKETS == bucket]

    def _in_bucket(self, bucket: int) -> int:
        return len(self.external_ids(bucket))

    def _project(self, extent: str) -> Path:
        root = self._folder / extent
        shutil.copytree(TEMPLATE, root)
        source = root / "sources" / "people.yml"
        source.write_text(f"{source.read_text('utf-8')}extent: {extent}\n", encoding="utf-8")
        return root

    def _write_bucket(self, bucket: int) -> None:
        """Write the people of a bucket as they become, and as they were."""
        paths = [self._folder / f"bucket-{bucket}-{n}.csv" for n in range(2)]
        title = people.COLUMNS.index("JobTitle")
        with (
            people.csv_file(self.count).open(encoding="utf-8", newline="") as whole,
            paths[0].open("w", encoding="utf-8", newline="") as moved,
            paths[1].open("w", encoding="utf-8", newline="") as back,
        ):
            reader, writers = csv.reader(whole), (csv.writer(moved), csv.writer(back))
            for writer in writers:
                writer.writerow(people.COLUMNS)
            next(reader)
            for row in reader:
                if int(row[0][1:]) % BUCKETS == bucket:
                    writers[1].writerow(row)
                    row[title] = f"Acting {row[title]}"
                    writers[0].writerow(row)
