"""One message for each run that somebody must know of, to webhooks or wherever Apprise can send it.

It holds counts, codes, and names of columns and attributes: no value and no key of a person. Whoever cannot
be told never changes how a run ends: that is a warning beside it.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from scimport.codes import Code
from scimport.confirm import Confirming
from scimport.errors import ScimportError
from scimport.model import Problem, RunSummary, Severity
from scimport.project.config import NotifyConfig
from scimport.stages import PipelineRun
from scimport.state.outcomes import OutcomeCounts
from scimport.verdict import Verdict, shortcomings, verdict

REASONS = 5
"""Reasons that a message names."""

TIMEOUT = 10.0
"""Seconds to wait for a webhook."""

_WORDS = {
    Verdict.OK: "done",
    Verdict.DEGRADED: "done, with something to look at",
    Verdict.STOPPED: "stopped by a guard; nothing was sent",
    Verdict.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message.

    Attributes:
        title: One line.
        reasons: Why, most important first.
        document: What a program reads of it; a webhook gets it with ``text``.
    """

    title: str
    reasons: tuple[str, ...]
    document: dict[str, Any]

    @property
    def text(self) -> str:
        """All of it, for people."""
        return "\n".join((self.title, *(f"- {reason}" for reason in self.reasons)))


@contextmanager
def noticed(run: PipelineRun) -> Iterator[PipelineRun]:
    """The context of a run, which tells those whom its pipeline names how it ended, once its lock is free.

    Who could not be told is in the run's notes afterwards, or beside the problems of its error.
    """
    reasons: list[str] = []
    try:
        with run:
            try:
                yield run
            finally:
                with suppress(ScimportError):
                    reasons += counted(run.reasons(REASONS))
    except Exception as error:
        failed = _tell(run, reasons, error)
        if isinstance(error, ScimportError):
            error.problems += tuple(failed)
        raise
    run.add_notes(_tell(run, reasons))


@contextmanager
def noticed_look(confirming: Confirming) -> Iterator[None]:
    """The context of a look at the log, which tells those whom the pipeline names of new bad news.

    That is when more people than before are rejected or unconfirmed, so that nobody is told the same twice.
    """
    before = confirming.counts()
    yield
    after, config = confirming.counts(), confirming.pipeline.config
    worse = after.rejected > before.rejected or after.unconfirmed > before.unconfirmed
    wrong = shortcomings(config, after)
    if config.notify is not None and worse and wrong and Verdict.DEGRADED in config.notify.on:
        codes = [f"{number:,} x {code}" for code, number in confirming.reasons(REASONS)]
        send(config.notify, _bad_news(confirming.pipeline.name, after, [*wrong, *codes][:REASONS]))


def _bad_news(pipeline: str, counts: OutcomeCounts, why: Sequence[str]) -> Notice:
    title = f"scimport: {pipeline} has people who did not arrive"
    document = {"pipeline": pipeline, "outcome": Verdict.DEGRADED.value, "reasons": list(why)}
    shown = f"{counts.rejected:,} rejected, {counts.unconfirmed:,} unconfirmed"
    return Notice(f"{title} ({shown})", tuple(why), document | dataclasses.asdict(counts))


def _tell(run: PipelineRun, reasons: Iterable[str], error: Exception | None = None) -> list[Problem]:
    config = run.pipeline.config.notify
    how = verdict(run.pipeline.config, run.summary, error)
    if config is None or how not in config.on:
        return []
    return send(config, notice(run.summary, how, reasons, error))


def notice(
    summary: RunSummary, how: Verdict, reasons: Iterable[str] = (), error: Exception | None = None
) -> Notice:
    """Put how a run ended into words.

    Args:
        summary: What the run came to.
        how: How it ended.
        reasons: What is wrong with records, counted.
        error: What ended it early.
    """
    counts = dataclasses.asdict(summary.plan) | dataclasses.asdict(summary.delivery)
    why = [*_why(error), *(f"{one.code}: {one.message}" for one in summary.notes), *reasons][:REASONS]
    shown = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items() if value)
    title = f"scimport: {summary.pipeline} {_WORDS[how]}"
    document: dict[str, Any] = {"pipeline": summary.pipeline, "outcome": how.value}
    document |= {"run_id": summary.run_id, "plan_id": summary.plan_id, "reasons": why}
    return Notice(f"{title} ({shown or 'nobody'})", tuple(why), document | counts)


def _why(error: Exception | None) -> list[str]:
    if isinstance(error, ScimportError):
        return [" ".join(filter(None, (f"{one.code}:", one.field, one.message))) for one in error.problems]
    return [] if error is None else [f"unexpected {type(error).__name__}"]


def send(config: NotifyConfig, message: Notice) -> list[Problem]:
    """Send a message to everybody who is named; returns a warning for each who could not be told."""
    failed = []
    for number, secret in enumerate(config.urls):
        url = secret.get_secret_value()
        post = _to_webhook if url.lower().startswith(("http://", "https://")) else _to_apprise
        try:
            why = post(url, message)
        except Exception as error:  # noqa: BLE001 - whatever a service does, the run is over
            why = type(error).__name__
        if why:
            hint = "Look whether the URL is right, and its host is up. The run itself is not affected."
            words = f"the notice could not be sent: {why}"
            field = f"notify.urls[{number}]"
            failed.append(Problem(Code.NOTICE_NOT_SENT, words, Severity.WARNING, hint, field=field))
    return failed


def _to_webhook(url: str, message: Notice) -> str:
    import httpx  # noqa: PLC0415 - only those who are to be told need it

    answer = httpx.post(url, json={"text": message.text, **message.document}, timeout=TIMEOUT)
    return f"HTTP status {answer.status_code}" if answer.status_code >= 300 else ""


def _to_apprise(url: str, message: Notice) -> str:
    import apprise  # noqa: PLC0415 - slow to import, and only few need it

    # What it logs of an error may quote the URL.
    logging.getLogger("apprise").disabled = True
    service = apprise.Apprise()
    if not service.add(url):
        return "Apprise does not know such a URL"
    body = "\n".join(message.reasons) or message.title
    return "" if service.notify(title=message.title, body=body) else "the service did not take it"


def counted(reasons: Sequence[tuple[str, str, int]]) -> list[str]:
    """Problems of records in words: code, column or attribute, and how many."""
    return [f"{number:,} x {code} {field}".rstrip() for code, field, number in reasons]
