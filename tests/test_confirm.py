"""Outcomes against the sandbox's own truth: the last row of its log for each person, from its database."""

from __future__ import annotations

import csv
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.sites import HTTP, Site

from scimport.apps.entries import LogEntry, LogPage, LogStatus
from scimport.apps.logs import LogReader
from scimport.confirm import Confirming, Time, is_news, last_entries, outcome_of
from scimport.errors import LogError, UsageError
from scimport.model import RunSummary, Status
from scimport.plan import Selection
from scimport.sandbox import Sandbox, run_sandbox
from scimport.sandbox.settings import Settings
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outbox import Limits
from scimport.state.outcomes import Delivered, OutcomeCounts
from scimport.state.schema import change, outcome, person

MAPPING = """
user:
  externalId: "P-{{ id }}"
  userName: "{{ login }}@acme.example"
  displayName: "{{ name }}"
  active: true
"""
TRUTH = {"success": "provisioned", "warning": "provisioned", "failure": "rejected", "skipped": "skipped"}
OFF = Settings(daily_calls=0, burst_calls=0, log_calls=0)


class LogSite(Site):
    """A site whose people Entra refuses where their login has a blank in it."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        super().__init__(root, sandbox.base_url)
        self.sandbox = sandbox
        (root / "mappings" / "people.yml").write_text(MAPPING)
        self.pipeline("staff")
        self.ahead = 0.0
        self.slept: list[float] = []
        self.last = RunSummary("", "", "")
        self.database = Database(self.project.state_url)

    def write(self, logins: Sequence[tuple[int, str]]) -> None:
        with (self.root / "staff.csv").open("w", newline="") as file:
            rows = [(f"{n:05}", login, f"Person {n}") for n, login in logins]
            csv.writer(file).writerows([("id", "login", "name"), *rows])

    def deliver(self, logins: Sequence[tuple[int, str]]) -> str:
        self.write(logins)
        with PipelineRun(self.project, "staff", Selection(), queue_anyway=True) as run:
            run.finish_interrupted()
            while run.extract():
                pass
            run.plan()
            run.deliver()
        assert run.summary.delivery.accepted
        return run.summary.run_id

    def cycle(self, logins: Sequence[tuple[int, str]]) -> None:
        """Let the service try people once more by itself."""
        for start in range(0, len(logins), 50):
            operations = [
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": str(n),
                    "data": {
                        "schemas": [
                            "urn:ietf:params:scim:schemas:core:2.0:User",
                            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                        ],
                        "externalId": f"P-{n:05}",
                        "userName": f"{login}@acme.example",
                        "displayName": f"Person {n}",
                        "active": True,
                    },
                }
                for n, login in logins[start : start + 50]
            ]
            schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
            request = {"schemas": [schema], "Operations": operations, "failOnErrors": None}
            headers = {"content-type": "application/scim+json"}
            answer = HTTP.post(self.apps["staff"]["endpoint"], json=request, headers=headers)
            assert answer.status_code == 202, answer.text

    def settings(self, **wishes: Any) -> None:
        HTTP.put(f"{self.base_url}/sandbox/settings", json=wishes).raise_for_status()

    def job(self, action: str) -> None:
        url = self.apps["staff"]["endpoint"].removesuffix("bulkUpload") + action
        HTTP.post(url).raise_for_status()

    def sleep(self, seconds: float) -> None:
        """Let time pass for the sandbox and for deadlines."""
        self.slept.append(seconds)
        self.ahead += seconds
        self.settings(clock_offset=self.ahead)

    def confirming(self, name: str = "staff") -> Confirming:
        return Confirming(self.project, self.database, name, Time(lambda: self.ahead, lambda _: None))

    def confirm(self, name: str = "staff") -> OutcomeCounts:
        confirming = self.confirming(name)
        confirming.read()
        return confirming.counts()

    def known(self) -> dict[str, str]:
        """Outcomes of the people's last deliveries by externalId, as the state has them."""
        own = outcome.c.person_id == person.c.id
        with self.database.read() as connection:
            query = select(person.c.external_id, outcome.c.status).join(outcome, own)
            return {row[0]: row[1] for row in connection.execute(query)}

    def changes(self) -> dict[str, str]:
        """Statuses of the changes of the last plan by externalId."""
        with self.database.read() as connection:
            last = select(change.c.plan_id).order_by(change.c.id.desc()).limit(1).scalar_subquery()
            query = select(change.c.external_id, change.c.status).where(change.c.plan_id == last)
            return {row[0]: row[1] for row in connection.execute(query)}

    def truth(self) -> dict[str, str]:
        """What the sandbox did last with each person."""
        (path,) = self.sandbox.folder.glob("*.db")
        connection = sqlite3.connect(path)
        query = "SELECT json_extract(facts, '$.source'), status FROM log ORDER BY activity, id"
        found = {source: TRUTH[status] for source, status in connection.execute(query)}
        connection.close()
        return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LogSite]:
    (tmp_path / "project").mkdir()
    with run_sandbox(tmp_path / "sandbox", settings=OFF) as sandbox:
        site = LogSite(tmp_path / "project", sandbox)
        yield site
        site.database.close()


def _people(count: int, bad: int = 7) -> list[tuple[int, str]]:
    """People of whom each ``bad``-th has a login that the directory refuses."""
    return [(n, f"p {n}" if n % bad == 0 else f"p{n}") for n in range(count)]


def test_two_thousand_people_have_the_outcomes_that_the_endpoint_gave_them(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scimport.stages.limits_of", lambda _, scope: Limits(scope, burst=1000))
    site.settings(log_lag=600, source_identity="guid", log_page_limit=170)
    people = _people(2100)
    run_id = site.deliver(people)
    assert site.confirm() == OutcomeCounts(waiting=2100)
    site.sleep(300)
    assert site.confirm() == OutcomeCounts(waiting=2100)
    site.sleep(310)
    assert site.confirm() == OutcomeCounts(provisioned=1800, rejected=300)
    assert site.known() == site.changes() == site.truth()
    assert site.confirming(run_id).counts() == OutcomeCounts(provisioned=1800, rejected=300)
    # Later cycles: some are mended, some break, some are sent again as they are.
    site.cycle([(n, f"p{n}") for n in range(0, 700, 14)])
    site.cycle([(n, f"q {n}") for n in range(1, 300, 3)])
    site.cycle([(n, f"p{n}") for n in range(2, 100, 3) if n % 7])
    site.cycle([(n, f"p{n}") for n in range(1, 100, 9)])
    site.sleep(700)
    counts = site.confirm()
    assert counts.skipped
    assert site.known() == site.truth()
    assert sum(status == "rejected" for status in site.known().values()) == counts.rejected
    result = site.confirming().result()
    assert [one.key for one in result.rejected[:3]] == ["00004", "00007", "00013"]
    assert len(result.rejected) == 20
    assert result.rejected[0].code == "AzureActiveDirectoryInvalidUserPrincipalName"
    assert result.rejected[0].reason == "Property userPrincipalName is invalid."


def test_pages_in_any_order_that_overlap_and_repeat_change_nothing(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settings(log_page_limit=30)
    site.deliver(_people(200))
    site.cycle([(n, f"p{n}") for n in range(0, 70, 7)])
    site.cycle([(n, f"p {n}") for n in range(1, 70, 9)])
    real = LogReader.pages

    def shuffled(self: LogReader, since: float) -> Iterator[LogPage]:
        pages = list(real(self, since))
        yield from pages[::-1]
        yield LogPage(())
        yield from pages[1:3]
        yield pages[0]

    monkeypatch.setattr(LogReader, "pages", shuffled)
    site.confirm()
    assert site.known() == site.truth()
    site.confirm()
    assert site.known() == site.truth()


def test_who_is_delivered_again_waits_for_that_delivery(site: LogSite) -> None:
    site.deliver([(1, "a b"), (2, "c")])
    time.sleep(2.1)
    site.settings(processing_delay=600)
    site.deliver([(1, "ab"), (2, "c")])
    assert site.confirm() == OutcomeCounts(provisioned=1, waiting=1)
    assert site.known() == {"P-00001": "waiting", "P-00002": "provisioned"}
    site.sleep(601)
    assert site.confirm() == OutcomeCounts(provisioned=2)
    assert site.known() == site.truth()


def test_who_is_not_in_the_log_is_unconfirmed_after_the_deadline_and_not_before(site: LogSite) -> None:
    site.job("pause")
    site.deliver([(1, "a"), (2, "b c")])
    site.ahead = 5300
    assert site.confirm() == OutcomeCounts(waiting=2)
    site.ahead = 5401
    assert site.confirm() == OutcomeCounts(unconfirmed=2)
    assert site.changes() == {"P-00001": "unconfirmed", "P-00002": "unconfirmed"}
    assert [one.key for one in site.confirming().result().unconfirmed] == ["00001", "00002"]
    site.job("start")
    assert site.confirm() == OutcomeCounts(provisioned=1, rejected=1)
    assert site.known() == site.truth()


def test_the_deadline_is_a_key_of_the_pipeline(site: LogSite) -> None:
    path = site.root / "pipelines" / "staff.yml"
    path.write_text(path.read_text() + "confirm_within: 10m\n")
    site.job("pause")
    site.deliver([(1, "a")])
    site.ahead = 599
    assert site.confirm() == OutcomeCounts(waiting=1)
    site.ahead = 601
    assert site.confirm() == OutcomeCounts(unconfirmed=1)


def _waiting(site: LogSite) -> Confirming:
    confirming = Confirming(site.project, site.database, "staff", Time(lambda: site.ahead, site.sleep))
    confirming.wait()
    return confirming


def test_waiting_begins_after_five_minutes_and_becomes_more_seldom(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scimport.confirm.take_turn", lambda *_: 0.0)
    site.settings(log_lag=500)
    site.deliver(_people(10))
    assert _waiting(site).counts() == OutcomeCounts(provisioned=8, rejected=2)
    waits = [seconds for seconds in site.slept if seconds]
    assert waits == pytest.approx([300, 60, 90, 135], abs=3)


def test_waiting_ends_with_the_deadline(site: LogSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scimport.confirm.take_turn", lambda *_: 0.0)
    site.job("pause")
    site.deliver(_people(3))
    assert _waiting(site).counts() == OutcomeCounts(unconfirmed=3)
    assert site.ahead == pytest.approx(5400, abs=10)
    assert max(site.slept) == 600


def test_a_log_that_breaks_off_keeps_what_was_read_and_gives_nobody_up(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settings(log_page_limit=10)
    site.deliver(_people(30))
    site.ahead = 9999
    real = LogReader.pages

    def broken(self: LogReader, since: float) -> Iterator[LogPage]:
        yield next(real(self, since))
        raise LogError([])

    with monkeypatch.context() as patch:
        patch.setattr(LogReader, "pages", broken)
        with pytest.raises(LogError):
            site.confirm()
    counts = site.confirming().counts()
    assert (counts.waiting, counts.unconfirmed) == (20, 0)
    assert site.confirm().waiting == 0
    assert site.known() == site.truth()


def test_nobody_delivered_asks_nobody(site: LogSite) -> None:
    site.settings(permissions=[])
    assert site.confirm() == OutcomeCounts()


def test_unknown_names(site: LogSite) -> None:
    with pytest.raises(UsageError, match="no pipeline and no run 'nobody'"):
        site.confirming("nobody")


DELIVERED = Delivered(1, "k", "E1", 7, "p", sent_at=100.0, status="", logged_at=None)


def _entry(at: float, status: LogStatus = LogStatus.SUCCESS, **more: str) -> LogEntry:
    return LogEntry("E1", status, "create", at, **more)


def test_entries_before_the_delivery_do_not_count() -> None:
    assert not is_news(DELIVERED, _entry(97.9))
    assert is_news(DELIVERED, _entry(99.0))
    # The endpoint's clock is ten minutes behind, or ahead.
    assert is_news(DELIVERED, _entry(-490.0), skew=-590.0)
    assert not is_news(DELIVERED, _entry(690.0), skew=600.0)


def test_the_last_entry_counts_and_the_gravest_of_one_time() -> None:
    good, bad = _entry(101.0), _entry(101.0, LogStatus.FAILURE)
    skipped = _entry(102.0, LogStatus.SKIPPED)
    assert last_entries([skipped, good, bad]) == last_entries([bad, good, skipped]) == {"E1": skipped}
    assert last_entries([good, bad]) == last_entries([bad, good]) == {"E1": bad}
    known = DELIVERED._replace(status="rejected", logged_at=101.0)
    assert not is_news(known, good)
    assert is_news(known, skipped)
    late = DELIVERED._replace(status="unconfirmed")
    assert is_news(late, good)


def test_reasons_do_not_quote_the_person() -> None:
    entry = _entry(101.0, LogStatus.FAILURE, reason="Clash with Maria Novak of E1")
    body = b'{"externalId": "E1", "displayName": "Maria Novak"}'
    kept = outcome_of(DELIVERED, entry, body)
    assert kept.reason == "Clash with *** of E1"
    assert kept.status is Status.REJECTED
