"""Entries of the provisioning log, read whatever their spelling.

``https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary``. The names of members and the
words of enumerations differ in case between versions, documents and answers; beta has older names beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from scimport.apps.remedies import remedy
from scimport.apps.words import mask_values, one_line

_GUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_RECEIVED = re.compile(r"'(.+)' change of type")
_QUOTED = re.compile(r"'([^']+)'")
_ADDRESS = re.compile(r"[^\s'\"<>(),;:]+@[^\s'\"<>(),;:]+")
_MAX_ID = 255


class LogStatus(StrEnum):
    """How the service ended with one object (provisioningResult)."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What the service did about one person in one cycle.

    Attributes:
        external_id: The person's ``externalId`` as it was sent.
        status: How it ended.
        action: ``create``, ``update``, ``disable``, ``delete``, ``stageddelete`` or ``other``.
        at: When, by the service's clock: seconds since 1970.
        code: Its error code, or its reason for skipping; empty for neither.
        reason: Its words, in one line, without the values that the entry shows; they may quote others.
        recommended_action: What it recommends to do, or what is known to help; empty for neither.
        change_id: Its id of the change.
        cycle_id: Its id of the cycle.
    """

    external_id: str
    status: LogStatus
    action: str
    at: float
    code: str = ""
    reason: str = ""
    recommended_action: str = ""
    change_id: str = ""
    cycle_id: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of the log.

    Attributes:
        entries: Those that say who and how it ended, in the log's order.
        odd: How many others there are: nobody can say whom they are about, or what they mean.
        next_link: Where the next page is; empty at the end.
        server_time: When the answer was written, by the server's clock: seconds since 1970; None if unknown.
    """

    entries: tuple[LogEntry, ...]
    odd: int = 0
    next_link: str = ""
    server_time: float | None = None


def read_page(body: bytes, job: str, server_time: float | None = None) -> LogPage:
    """Read the body of an answer.

    Args:
        body: An OData collection as JSON.
        job: Id of the job whose entries are wanted; those of another are odd.
        server_time: Kept in the page.

    Raises:
        ValueError: It is no such collection.
    """
    document = _folded(orjson.loads(body))
    nodes = document.get("value")
    if not isinstance(nodes, list):
        raise ValueError("not a page of a collection")  # noqa: TRY004 - wrong is what arrived
    entries = tuple(entry for node in nodes if (entry := read_entry(node, job)))
    return LogPage(entries, len(nodes) - len(entries), _text(document.get("@odata.nextlink")), server_time)


def read_entry(node: object, job: str = "") -> LogEntry | None:
    """Read one entry; None where it does not say who, when or how it ended, or is of another job."""
    entry = _folded(node)
    its_job = _text(entry.get("jobid") or entry.get("provisioningjobid"))
    if job and its_job and its_job.casefold() != job.casefold():
        return None
    steps = [_folded(step) for step in _list(entry.get("provisioningsteps"))]
    info = _folded(entry.get("provisioningstatusinfo") or entry.get("statusinfo"))
    status, at = _status(info.get("status")), _time(entry.get("activitydatetime"))
    external_id = _external_id(entry, steps)
    if status is None or at is None or not external_id:
        return None
    # An older beta had the error's members in statusInfo itself.
    error = _folded(info.get("errorinformation")) or info
    shown = orjson.dumps([value for value in _shown(entry, steps) if value != external_id])
    code = one_line(_text(error.get("errorcode")) or _skip_reason(status, steps))[:_MAX_ID]
    return LogEntry(
        external_id=external_id,
        status=status,
        action=_text(entry.get("provisioningaction") or entry.get("action")).lower(),
        at=at,
        code=code,
        reason=_masked(error.get("reason") or error.get("errordetail"), shown),
        recommended_action=remedy(code, _masked(error.get("recommendedaction"), shown)),
        change_id=_text(entry.get("changeid"))[:_MAX_ID],
        cycle_id=_text(entry.get("cycleid"))[:_MAX_ID],
    )


def _external_id(entry: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    """Say whom an entry is about.

    The documents have the ``externalId`` in ``sourceIdentity.id``; a real log had a GUID there, and the
    ``externalId`` in the import step.
    """
    anchor = _text(_folded(entry.get("sourceidentity")).get("id"))
    if anchor and not _GUID.fullmatch(anchor):
        return anchor
    imports = [step for step in steps if _is_import(step)]
    for step in imports:
        if found := _text(_folded(step.get("details")).get("externalid")):
            return found
    for step in imports:
        words = _text(step.get("description"))
        if quoted := _RECEIVED.search(words) or _QUOTED.search(words):
            return quoted[1]
    return anchor


def _is_import(step: dict[str, Any]) -> bool:
    kind, name = _text(step.get("provisioningsteptype")), _text(step.get("name"))
    return kind.casefold() == "import" or name.casefold().startswith("entryimport")


def _skip_reason(status: LogStatus, steps: list[dict[str, Any]]) -> str:
    if status is not LogStatus.SKIPPED:
        return ""
    reasons = (_text(_folded(step.get("details")).get("skipreason")) for step in steps)
    return next(filter(None, reasons), "")


def _shown(entry: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    """Values of the person that the entry shows beside its reason, which may quote them."""
    for name in ("sourceidentity", "targetidentity"):
        yield _text(_folded(entry.get(name)).get("displayname"))
    for one in _list(entry.get("modifiedproperties")):
        change = _folded(one)
        yield _text(change.get("oldvalue"))
        yield _text(change.get("newvalue"))
    for step in filter(_is_import, steps):
        yield from map(_text, _folded(step.get("details")).values())


def _masked(words: object, shown: bytes) -> str:
    return one_line(mask_values(_ADDRESS.sub("***", _text(words)), [shown]))


def _status(value: object) -> LogStatus | None:
    try:
        return LogStatus(_text(value).lower())
    except ValueError:
        return None


def _time(value: object) -> float | None:
    try:
        moment = datetime.fromisoformat(_text(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _folded(node: object) -> dict[str, Any]:
    """Members of an object with their names in one case; of anything else, none."""
    return {name.casefold(): value for name, value in node.items()} if isinstance(node, dict) else {}


def _list(node: object) -> list[Any]:
    return node if isinstance(node, list) else []


def _text(node: object) -> str:
    return node.strip() if isinstance(node, str) else ""
