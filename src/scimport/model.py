"""The words that everything else speaks: frozen data, no behaviour beyond reading it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from scimport.codes import Code


class Severity(StrEnum):
    """How much a problem matters: an error stops the record or the file, a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person must know about a file, a row or a record.

    Attributes:
        code: Stable name of the kind of problem, documented in docs/problems.md.
        message: What is wrong, in one sentence. It never holds a value or a key of a person.
        severity: Whether it stops what it is about.
        hint: What to do next, in one sentence; may be empty.
        file: Path relative to the project folder (or a URL without its password); empty when there is none.
        line: Line in that file, counted from 1.
        row: Row of a sheet, or number of the record in the source (SQL), counted from 1.
        key: Key of the record, when the problem is about one.
        keys: Keys of the first people, when it is about several. Like ``key``, they go to nobody else's
            server.
        field: Column, SCIM attribute path, or dotted path of a key in a YAML file.
        value: The offending value as text, for those who ask with ``--show-values``; masked everywhere else.
    """

    code: Code
    message: str
    severity: Severity = Severity.ERROR
    hint: str = ""
    file: str = ""
    line: int | None = None
    row: int | None = None
    key: str = ""
    field: str = ""
    value: str = ""
    keys: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, as ``file:line``, ``file row N``, or the part of that which is known."""
        return str(Place(self.file, self.line, self.row))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record came from: a line of a file, or the number of a row of a query."""

    file: str
    line: int | None = None
    row: int | None = None

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.file}:{self.line}"
        if self.row is not None:
            return f"{self.file} row {self.row}"
        return self.file


def placed(problem: Problem, place: Place, key: str) -> Problem:
    """The problem of a record, with where the record is and its key."""
    return replace(problem, file=place.file, line=place.line, row=place.row, key=key)


class ChangeKind(StrEnum):
    """What a record is, against what the endpoint last acknowledged for its key."""

    JOINER = "joiner"
    MOVER = "mover"
    LEAVER = "leaver"
    UNCHANGED = "unchanged"
    INVALID = "invalid"


class Status(StrEnum):
    """What is known of one change; 202 means accepted (staged by the endpoint), never success."""

    INVALID = "invalid"
    REPORTED = "reported"
    PLANNED = "planned"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PROVISIONED = "provisioned"
    SKIPPED = "skipped"
    UNCONFIRMED = "unconfirmed"


class Change(NamedTuple):
    """One record's part of a plan: what will be sent for a key, or why nothing will be.

    A tuple, since there may be one for each record of the source.

    Attributes:
        key: Key of the record in its source.
        kind: Joiner, mover, leaver or invalid.
        status: ``planned`` is sent; ``invalid`` and ``reported`` (a leaver that policy only reports) are not.
        external_id: The user's ``externalId`` (RFC 7643 section 3.1); empty for an invalid record.
        active: The user's ``active`` as it will be sent.
        position: Where the record is in its source (``Source.place`` turns it into words); -1 for none.
        row_digest: Digest of the row under its mapping; empty when the row must be mapped to compare.
        user_digest: Digest of ``body``; empty as long as there is nothing to compare it with.
        body: The SCIM user as JSON (RFC 7643), UTF-8; empty for an invalid record.
        name_digest: Digest of the user's ``userName``; 0 for none.
        manager: ``externalId`` of the manager whom the record names; empty for none.
    """

    key: str
    kind: ChangeKind
    status: Status
    external_id: str = ""
    active: bool = True
    position: int = -1
    row_digest: bytes = b""
    user_digest: bytes = b""
    body: bytes = b""
    name_digest: int = 0
    manager: str = ""


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What a plan found, in records of the source (leavers who are no longer in it: in people).

    Attributes:
        read: Records considered.
        out_of_scope: Records that the mapping's ``where`` leaves out.
        invalid: Records refused, for whatever reason.
        repeated: Records that repeat an earlier one, or that a later one of the same key replaces.
        unchanged: Records whose user is as last acknowledged.
        joiners: People never acknowledged before.
        movers: People who differ from what was last acknowledged.
        leavers: People who become inactive, or are no longer in the source.
        to_send: People who will be sent.
        held_back: People left for the next run by a limit.
        unresolved_managers: People whose manager is not known, sent without or refused.
    """

    read: int = 0
    out_of_scope: int = 0
    invalid: int = 0
    repeated: int = 0
    unchanged: int = 0
    joiners: int = 0
    movers: int = 0
    leavers: int = 0
    to_send: int = 0
    held_back: int = 0
    unresolved_managers: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What delivering a plan came to, in people (accepted, rejected, remaining) and calls."""

    accepted: int = 0
    rejected: int = 0
    remaining: int = 0
    calls: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of one pipeline, as ``run --json`` prints it.

    Attributes:
        plan: What its plan found.
        delivery: What delivering it came to.
        seconds: From the beginning to the end.
        problems_file: Where the problems are, relative to the project folder; empty when there are none.
        whole: Whether it read the whole source, so that later runs can be compared with it.
        source_digest: SHA-256 of the source's local files; empty where there are none.
        notes: Warnings and notes about the run as a whole, the source and the endpoint.
    """

    pipeline: str
    run_id: str
    plan_id: str
    plan: PlanCounts = field(default_factory=PlanCounts)
    delivery: DeliveryCounts = field(default_factory=DeliveryCounts)
    seconds: float = 0.0
    problems_file: str = ""
    whole: bool = False
    source_digest: str = ""
    notes: tuple[Problem, ...] = ()
