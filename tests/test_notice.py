from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.sites import Site

from scimport.codes import Code
from scimport.confirm import Confirming
from scimport.errors import GuardStop, ScimportError, SourceError
from scimport.model import DeliveryCounts, PlanCounts, Problem, RunSummary
from scimport.notice import noticed, noticed_look
from scimport.plan import Selection
from scimport.project.config import PipelineConfig
from scimport.stages import PipelineRun
from scimport.state import open_state
from scimport.verdict import Verdict, verdict

SECRET = "hunter2"


class Inbox:
    """A webhook on this machine."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []
        self.status = 200
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server calls
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.messages.append((self.path, json.loads(body)))
                self.send_response(inbox.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def last(self) -> Any:
        """The one message that has come since the last look."""
        ((_, message),) = self.messages
        self.messages.clear()
        return message


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def site(site: Site, inbox: Inbox) -> Site:
    """A site that tells the inbox."""
    _notify(site, f"http://{inbox.host}/hook/{SECRET}")
    return site


def _notify(site: Site, *urls: str, on: str = "") -> None:
    path = site.root / "pipelines" / "staff.yml"
    text = path.read_text().partition("\nnotify:")[0]
    path.write_text(f"{text}\nnotify: {{urls: {json.dumps(urls)}{on}}}\n")


def _run(site: Site) -> RunSummary:
    run = PipelineRun(site.project, "staff", Selection())
    with noticed(run):
        while run.extract():
            pass
        run.plan()
        run.deliver()
    return run.summary


def _people(count: int, status: str = "A") -> list[tuple[object, ...]]:
    return [(f"{n:05}", f"Zephyrine {n}", status) for n in range(count)]


def test_one_message_for_each_run_that_did_not_end_well(site: Site, inbox: Inbox) -> None:
    site.people("staff", _people(30))
    _run(site)
    assert inbox.messages == []

    site.people("staff", [*_people(30), ("00001", "Other", "A")])
    _run(site)
    message = inbox.last()
    assert (message["pipeline"], message["outcome"], message["invalid"]) == ("staff", "degraded", 2)
    assert message["reasons"] == ["2 x duplicate-key id"]
    assert message["text"].startswith("scimport: staff done, with something to look at (31 read, 2 invalid")

    site.people("staff", _people(30, "T"))
    with pytest.raises(GuardStop):
        _run(site)
    message = inbox.last()
    assert (message["outcome"], message["accepted"], message["plan_id"][:2]) == ("stopped", 0, "p-")
    assert message["reasons"][0].startswith("guard-leavers: 30 people would be made inactive")

    (site.root / "staff.csv").unlink()
    with pytest.raises(SourceError):
        _run(site)
    message = inbox.last()
    assert message["outcome"] == "failed"
    assert message["reasons"] == ["source-not-found: the file is not there"]
    assert message["text"] == "scimport: staff failed (nobody)\n- source-not-found: the file is not there"


def test_no_value_and_no_key_is_told(site: Site, inbox: Inbox) -> None:
    site.people("staff", [*_people(30), ("00030", "Quirky", "A"), ("00030", "Other", "A")])
    _run(site)
    site.people("staff", _people(30, "T"))
    with pytest.raises(GuardStop):
        _run(site)
    told = json.dumps(inbox.messages)
    assert "duplicate-key id" in told
    for secret in ("Zephyrine", "Quirky", "0000", "00030"):
        assert secret not in told


def test_what_is_told_can_be_chosen(site: Site, inbox: Inbox) -> None:
    _notify(site, f"http://{inbox.host}/", on=", on: [ok]")
    site.people("staff", _people(3))
    _run(site)
    assert inbox.last()["outcome"] == "ok"
    (site.root / "staff.csv").unlink()
    with pytest.raises(SourceError):
        _run(site)
    assert inbox.messages == []


# Apprise imports what is going to leave Python.
APPRISE = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@APPRISE
def test_apprise_sends_too(site: Site, inbox: Inbox) -> None:
    _notify(site, f"json://{inbox.host}/{SECRET}")
    with pytest.raises(SourceError):
        _run(site)
    message = inbox.last()
    assert (message["title"], message["message"]) == (
        "scimport: staff failed (nobody)",
        "source-not-found: the file is not there",
    )


@APPRISE
def test_who_cannot_be_told_is_a_warning(
    site: Site, inbox: Inbox, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    inbox.status = 500
    urls = (f"http://{inbox.host}/{SECRET}", f"nonsense://{SECRET}", f"json://127.0.0.1:9/{SECRET}")
    _notify(site, *urls, on=", on: [ok, failed]")
    site.people("staff", _people(3))
    summary = _run(site)
    assert [(note.code, note.severity, note.field) for note in summary.notes] == [
        ("notice-not-sent", "warning", f"notify.urls[{n}]") for n in range(3)
    ]
    assert "HTTP status 500" in summary.notes[0].message
    (site.root / "staff.csv").unlink()
    with pytest.raises(SourceError) as caught:
        _run(site)
    codes = [one.code for one in caught.value.problems]
    assert codes == ["source-not-found", *["notice-not-sent"] * 3]
    printed = capfd.readouterr()
    assert SECRET not in f"{printed.out}{printed.err}{caplog.text}{summary}{caught.value}"


def test_a_run_that_cannot_begin_is_told(site: Site, inbox: Inbox) -> None:
    site.people("staff", _people(3))
    with PipelineRun(site.project, "staff", Selection()), pytest.raises(ScimportError):
        _run(site)
    assert inbox.last()["reasons"][0].startswith("pipeline-locked: pipeline staff is held by another run")


@pytest.mark.parametrize(
    ("known", "word"),
    [
        ({}, Verdict.OK),
        ({"plan": PlanCounts(invalid=1)}, Verdict.DEGRADED),
        ({"delivery": DeliveryCounts(rejected=2)}, Verdict.OK),
        ({"delivery": DeliveryCounts(rejected=3)}, Verdict.DEGRADED),
    ],
    ids=str,
)
def test_the_verdict(known: dict[str, Any], word: Verdict) -> None:
    app = {"target": "entra-id", "endpoint": "sandbox"}
    config = PipelineConfig.model_validate({"source": "s", "mapping": "m", "app": app, "max_rejected": 2})
    summary = RunSummary(pipeline="staff", run_id="r", plan_id="p", **known)
    assert verdict(config, summary) is word
    nothing = Problem(Code.INTERRUPTED, "x")
    assert verdict(config, summary, GuardStop(nothing)) is Verdict.STOPPED
    assert verdict(config, summary, SourceError(nothing)) is Verdict.FAILED


def test_a_look_that_finds_bad_news_is_told_once(site: Site, inbox: Inbox) -> None:
    mapping = site.root / "mappings" / "people.yml"
    mapping.write_text(mapping.read_text().replace("{{ id }}@acme", "{{ id }} {{ name }}@acme"))
    site.people("staff", [("1", "Zephyrine", "A"), ("2", "Zephyrine", "A")])
    with PipelineRun(site.project, "staff", Selection()) as run:
        while run.extract():
            pass
        run.plan()
        run.deliver()
    with closing(open_state(site.project)) as database:
        for wanted in (1, 0):
            confirming = Confirming(site.project, database, "staff")
            with noticed_look(confirming):
                _until_all_are_known(confirming)
            assert len(inbox.messages) == wanted
            if wanted:
                message = inbox.last()
    assert (message["outcome"], message["rejected"]) == ("degraded", 2)
    assert message["reasons"] == ["2 rejected", "2 x AzureActiveDirectoryInvalidUserPrincipalName"]
    assert "Zephyrine" not in json.dumps(message)


def _until_all_are_known(confirming: Confirming) -> None:
    deadline = time.monotonic() + 60
    confirming.read()
    while confirming.counts().waiting and time.monotonic() < deadline:
        time.sleep(0.2)
        confirming.read()
