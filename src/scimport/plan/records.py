"""Rows become records: trimmed, mapped, checked against the contract and the schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from scimport.codes import Code
from scimport.mappings.mapping import OUT_OF_SCOPE, Fault, Mapping, Result
from scimport.mappings.validation import UserValidator
from scimport.model import Problem
from scimport.sources.base import Source
from scimport.sources.contract import Contract

if TYPE_CHECKING:
    from scimport.state.people import Known

MAX_KEY = 255
"""Characters of a key or an externalId."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a plan is made of.

    Attributes:
        source: The open source.
        key: Its key column.
        mapping: The compiled mapping.
        validator: Of the mapping's schema.
        contract: On the source's columns.
        trim: Whether white space around text is taken off.
        duplicates: What becomes of a key with several contents: all invalid, or the last one wins.
        extent: Whether the source holds everybody, or only changes.
        leavers: What becomes of people who are no longer in a full source.
        as_of: Column that says when a row was exported.
        unresolved_manager: What becomes of people whose manager is not known.
        warnings: What has changed about the source's columns; complete when all rows have been read.
    """

    source: Source
    key: str
    mapping: Mapping
    validator: UserValidator
    contract: Contract
    trim: bool = True
    duplicates: Literal["reject", "last"] = "reject"
    extent: Literal["full", "changes"] = "full"
    leavers: Literal["deactivate", "report", "ignore"] = "report"
    as_of: str | None = None
    unresolved_manager: Literal["send", "omit", "reject"] = "omit"
    warnings: Sequence[Problem] = ()


class Row(NamedTuple):
    """A row of the source that must be mapped: a tuple, since there may be one for each record."""

    key: str
    position: int
    digest: bytes
    known: Known | None
    values: Sequence[object]


class Record(NamedTuple):
    """A record in scope: its user and the user's JSON, or the problems that make it invalid."""

    key: str
    position: int
    digest: bytes
    known: Known | None
    user: dict[str, Any]
    body: bytes
    problems: tuple[Problem, ...]


Settle = Callable[[Sequence[Row], list[Result]], None]
"""Changes the users of rows in place, or puts faults in their place."""


class Mapper:
    """Maps rows to records.

    Args:
        source: What the plan is made of.
    """

    def __init__(self, source: Input) -> None:
        self._mapping, self._validator, self._contract = source.mapping, source.validator, source.contract
        columns = tuple(dict.fromkeys((*source.mapping.columns, *source.contract.columns, source.key)))
        self._width = len(source.mapping.columns)
        self._is_wider = len(columns) > self._width
        self._contracted = _chooser(columns, source.contract.columns)
        self._trim = source.trim
        self.key = columns.index(source.key)
        """Index of the key in what ``pick`` takes."""
        self.pick = _chooser(source.source.columns, columns)
        """Takes the values that matter out of a row: the mapping's columns, the contract's, the key."""

    def records(self, rows: Sequence[Row], settle: Settle | None = None) -> list[Record]:
        """The records of the rows that are in scope, in order.

        Args:
            rows: The rows.
            settle: Puts values in the places of the marks of ``unique``; without it each is taken for free.
        """
        values = _all_trimmed(rows) if self._trim else [row.values for row in rows]
        users = self._users(values, keep_marks=settle is not None)
        if settle is not None:
            settle(rows, users)
        check, contracted, is_valid = self._contract.check, self._contracted, self._is_valid
        # Once for all of them: what nearly every record is takes no call that it does not need.
        sound = self._contract.holds([*map(contracted, values)])
        found = []
        for (key, position, digest, known, _), cells, user in zip(rows, values, users, strict=True):
            if user is OUT_OF_SCOPE:
                continue
            if (
                0 < len(key) <= MAX_KEY
                and (sound or not check(contracted(cells)))
                and user.__class__ is dict
                and is_valid(user)
                and len(user["externalId"]) <= MAX_KEY
                and (body := _json(user))
            ):
                found.append(Record(key, position, digest, known, user, body, ()))
            else:
                problems = self._problems(key, cells, user)
                found.append(Record(key, position, digest, known, {}, b"", problems))
        return found

    @cached_property
    def _is_valid(self) -> Callable[[dict[str, Any]], bool]:
        # Made when rows come, as the mapping's loop is.
        return self._validator.of(self._mapping)

    def _users(self, values: Sequence[Sequence[object]], *, keep_marks: bool) -> list[Result]:
        if self._is_wider:
            values = [row[: self._width] for row in values]
        return self._mapping.users(values, keep_marks=keep_marks)

    def _problems(self, key: str, values: Sequence[object], user: Any) -> tuple[Problem, ...]:
        """What makes a record invalid: of its key, else its cells, else its user."""
        problems = () if 0 < len(key) <= MAX_KEY else _key_problems(key)
        if problems := problems or self._contract.check(self._contracted(values)):
            return problems
        if isinstance(user, Fault):
            return user.problems
        message = f"externalId is longer than {MAX_KEY} characters"
        return self._validator.explain(user) or (Problem(Code.INVALID_USER, message, field="externalId"),)


def key_text(value: object) -> str:
    """The key of a record as text, without white space around it; empty when it is blank."""
    return "" if value is None else str(value).strip()


def key_texts(rows: Sequence[Sequence[object]], column: int) -> list[str]:
    """The keys of many records, as ``key_text`` has each."""
    try:
        return [row[column].strip() for row in rows]  # type: ignore[attr-defined]  # text, as in a CSV file
    except AttributeError:
        return [key_text(row[column]) for row in rows]


def _key_problems(key: str) -> tuple[Problem, ...]:
    if not key:
        return (Problem(Code.KEY_BLANK, "the record has no key", hint="Fill in the key in the source."),)
    if len(key) > MAX_KEY:
        return (Problem(Code.KEY_TOO_LONG, f"the key is longer than {MAX_KEY} characters"),)
    return ()


def _chooser(
    columns: Sequence[str], wanted: Sequence[str]
) -> Callable[[Sequence[object]], tuple[object, ...]]:
    """A function that takes the wanted columns out of a row."""
    places = [columns.index(name) for name in wanted]
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple([row[place] for place in places])


def _json(user: dict[str, Any]) -> bytes:
    """A user as JSON; empty for a text that no encoding has."""
    try:
        return orjson.dumps(user)
    except TypeError:
        return b""


def _all_trimmed(rows: Sequence[Row]) -> list[Sequence[object]]:
    strip: Any = str.strip
    try:
        return [[*map(strip, row.values)] for row in rows]  # text alone, as in a CSV file
    except TypeError:
        return [_trimmed(row.values) for row in rows]


def _trimmed(values: Sequence[object]) -> Sequence[object]:
    return [value.strip() if isinstance(value, str) else value for value in values]
