"""The managers of a plan's people: known or not, in circles, and come at last.

``manager.value`` is the manager's ``externalId`` (Graph, resource ``synchronization-bulkUpload``). The
endpoint resolves it if it has got that person before, or in the same request; else it leaves the reference
empty, and does not look at it again when the manager comes later (entra-facts 2.8). So the state remembers
who was accepted before the manager, and such people are sent once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from scimport.codes import Code
from scimport.mappings.attributes import ENTERPRISE_URN
from scimport.model import Change, ChangeKind, Problem, Severity, Status
from scimport.plan.order import Order
from scimport.plan.records import MAX_KEY
from scimport.plan.staging import Staging
from scimport.state.people import People
from scimport.state.references import References, Report, Waiting
from scimport.state.vault import Values, Vault

MANAGER = "enterprise.manager.value"

Policy = Literal["send", "omit", "reject"]

_SHOWN = 10
"""Keys of a circle that a message names."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What looking at the managers came to.

    Attributes:
        order: Who is sent, in which order.
        unresolved: People whose manager is not known, and who are sent without or not at all.
        unchanged: People who are not sent after all: without the manager they are as last accepted.
    """

    order: Order
    unresolved: int = 0
    unchanged: int = 0


def manager_of(user: dict[str, Any]) -> str:
    """``externalId`` of the manager whom a user names, cut to the length of one; empty for none."""
    manager = user.get(ENTERPRISE_URN, {}).get("manager")
    return ((manager and manager.get("value")) or "")[:MAX_KEY]


def without_manager(body: bytes, cleared: frozenset[str]) -> bytes:
    """A user (JSON) without manager, as the mapping makes one of a blank: null where it says ``clear``."""
    user = orjson.loads(body)
    enterprise = user[ENTERPRISE_URN]
    if "enterprise.manager" in cleared:
        enterprise["manager"] = None
    elif MANAGER in cleared:
        enterprise["manager"] = {"value": None}
    else:
        del enterprise["manager"]
        if not enterprise:
            del user[ENTERPRISE_URN]
    return orjson.dumps(user)


def with_manager(body: bytes, manager: str) -> bytes:
    """A user (JSON) who names a manager: last in the extension, where RFC 7643 section 4.3 has it."""
    user = orjson.loads(body)
    user.setdefault(ENTERPRISE_URN, {})["manager"] = {"value": manager}
    return orjson.dumps(user)


class Managers:
    """Settles what becomes of references to managers, when everything else of a plan is staged.

    Args:
        vault: Of the state.
        staging: What is staged.
        people: The people of the pipeline.
        policy: What becomes of people whose manager is not known.
        cleared: Attributes that are sent as null when blank.
        full: Whether everybody is sent, changed or not.
    """

    def __init__(
        self,
        vault: Vault,
        staging: Staging,
        people: People,
        policy: Policy,
        cleared: Sequence[str],
        *,
        full: bool,
    ) -> None:
        self._vault, self._staging, self._people, self._policy = vault, staging, people, policy
        self._cleared, self._full = frozenset(cleared), full

    def send_again(
        self,
        connection: Connection,
        references: References,
        position_of: Callable[[Waiting], int | None],
    ) -> int:
        """Stage people whose manager has come since they were accepted.

        Args:
            connection: The state.
            references: The people of the plan.
            position_of: Where a person is in the source, -1 for nowhere; ``None`` for who is not sent again.

        Returns:
            How many of them are in the source, unchanged.
        """
        unchanged = 0
        for page in references.waiting(connection):
            found = [(one, position) for one in page if (position := position_of(one)) is not None]
            if self._vault.values is Values.DIGEST:
                # What was accepted is not known any more: the rows must be mapped again, in the next run.
                self._people.compare_again(connection, [one.person_id for one, _ in found])
                continue
            self._staging.put(connection, [self._again(one, position) for one, position in found])
            unchanged += sum(position >= 0 for _, position in found)
        return unchanged

    def _again(self, one: Waiting, position: int) -> Change:
        body = with_manager(one.body, one.manager)
        return Change(
            one.key,
            ChangeKind.MOVER,
            Status.PLANNED,
            one.external_id,
            one.active,
            position,
            one.row_digest,
            self._vault.digest(body),
            body,
            one.name_digest,
            one.manager,
        )

    def settle(self, connection: Connection, references: References, *, nobody_known: bool) -> Settled:
        """Apply the policy, break circles, and find the order."""
        order = Order()
        for people in references.to_send(connection, nobody_known=nobody_known):
            order.add(people)
        order.close()
        unresolved = unchanged = 0
        while self._policy != "send" and (found := order.unresolved()):
            ids = {order.change_id(person): person for person in found}
            for page in references.reports(connection, list(ids)):
                unresolved += len(page)
                if self._policy == "reject":
                    self._reject(connection, page)
                    order.leave_out([ids[one.change_id] for one in page])
                    continue
                same = self._omit(connection, references, page)
                order.leave_out([ids[one.change_id] for one in same])
                unresolved -= len(same)
                unchanged += len(same)
            if self._policy == "omit":
                break
        self._break_circles(connection, references, order)
        return Settled(order, unresolved, unchanged)

    def _reject(self, connection: Connection, page: Sequence[Report]) -> None:
        self._staging.refuse(connection, [(one.key, _problem(one, Severity.ERROR)) for one in page])

    def _omit(self, connection: Connection, references: References, page: Sequence[Report]) -> list[Report]:
        """Leave the manager out of users; returns those who are then as last accepted, and not sent."""
        same: list[Report] = []
        others: list[tuple[Report, bytes, bytes]] = []
        for one in page:
            body = without_manager(one.body, self._cleared)
            digest = self._vault.digest(body)
            if digest == one.accepted_digest and not self._full:
                same.append(one)
            else:
                others.append((one, body, digest))
        self._keep_unchanged(connection, same)
        references.rewrite(connection, others)
        for one, _, _ in others:
            self._staging.tell(connection, one.position, one.key, (_problem(one, Severity.WARNING),))
        return same

    def _keep_unchanged(self, connection: Connection, reports: Sequence[Report]) -> None:
        staged = self._staging.plans.staged(connection, self._staging.plan_id, [one.key for one in reports])
        for one in reports:
            self._staging.take(connection, staged[one.key])
            self._people.refresh(connection, [(one.person_id or 0, staged[one.key].row_digest)])

    def _break_circles(self, connection: Connection, references: References, order: Order) -> None:
        """Whoever has the first key of a circle is sent before his or her manager."""
        for circle in order.circles():
            ids = {order.change_id(person): person for person in circle}
            pages = references.reports(connection, list(ids))
            reports = {ids[one.change_id]: one for page in pages for one in page}
            first = min(circle, key=lambda person: reports[person].key)
            order.cut(first)
            start = circle.index(first)
            keys = [reports[person].key for person in (*circle[start:], *circle[:start])]
            one = reports[first]
            self._staging.tell(connection, one.position, one.key, (_circle(keys),))


def _problem(one: Report, severity: Severity) -> Problem:
    message = "the manager is neither in this source nor known"
    if severity is Severity.WARNING:
        message += "; the person is sent without one, and again when the manager has come"
    hint = "Correct the record, or say `unresolved_manager: send` where another pipeline sends the manager."
    return Problem(Code.UNRESOLVED_MANAGER, message, severity, hint, field=MANAGER, value=one.manager)


def _circle(keys: Sequence[str]) -> Problem:
    message = f"{len(keys)} people manage each other in a circle: each is managed by the next"
    if len(keys) == 1:
        message = "somebody is his or her own manager"
    hint = "Correct the source. The first one is sent before his or her manager, and again if need be."
    return Problem(
        Code.MANAGER_CYCLE, message, Severity.WARNING, hint, field=MANAGER, keys=tuple(keys[:_SHOWN])
    )
