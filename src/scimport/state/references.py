"""Where the people of a plan point at others, or get in their way: managers and user names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, literal, or_, select, update

from scimport.model import Status
from scimport.state.queue import planned_in_order
from scimport.state.schema import awaited_manager, change, person, person_user
from scimport.state.vault import Vault

_PAGE = 500


ToSend = tuple[int, str, str, str, bool]
"""Of a person to be sent: id of the change, kind, externalId, the manager's, whether that one is known."""


class Report(NamedTuple):
    """A person to be sent who names a manager.

    Attributes:
        accepted_digest: Digest of the user as last accepted; None when that never happened.
    """

    change_id: int
    key: str
    position: int
    manager: str
    body: bytes
    person_id: int | None
    accepted_digest: bytes | None


class Waiting(NamedTuple):
    """A person who was accepted before the manager whom the record names, as last accepted."""

    person_id: int
    key: str
    external_id: str
    active: bool
    row_digest: bytes
    name_digest: int
    body: bytes
    manager: str


class Named(NamedTuple):
    """A person to be sent whose user name may be another's.

    Attributes:
        keeps: Whether the person was accepted with that name before.
    """

    key: str
    position: int
    name_digest: int
    keeps: bool


class Taken(NamedTuple):
    """A person to be sent whose user name another has.

    Attributes:
        holder: Key of the other.
        is_given_up: Whether the other gets another name by the same plan.
    """

    key: str
    holder: str
    is_given_up: bool


class References:
    """The people of one plan, beside everybody who is known.

    Args:
        vault: Of the state.
        pipeline: Name of the pipeline.
        plan_id: Its plan.
    """

    def __init__(self, vault: Vault, pipeline: str, plan_id: str) -> None:
        self._vault, self._pipeline = vault, pipeline
        self._planned = and_(change.c.plan_id == plan_id, change.c.status == Status.PLANNED.value)
        self._plan_id = plan_id

    def to_send(self, connection: Connection, *, nobody_known: bool) -> Iterator[Sequence[ToSend]]:
        """Everybody who is to be sent, in pages, in the order of the source."""
        manager = person.c.pipeline == self._pipeline, person.c.external_id == change.c.manager
        is_known = literal(False) if nobody_known else and_(change.c.manager != "", exists().where(*manager))
        columns = (change.c.id, change.c.kind, change.c.external_id, change.c.manager, is_known)
        planned = planned_in_order(connection, self._plan_id)
        query = select(*columns).where(planned).order_by(change.c.id)
        pages: Iterator[Any] = connection.execute(query).partitions(_PAGE)
        yield from pages

    def reports(self, connection: Connection, change_ids: Sequence[int]) -> Iterator[list[Report]]:
        """Those of the changes whose people name a manager, in pages, in the order of the source."""
        columns = (change.c.id, change.c.key, change.c.position, change.c.manager, change.c.body)
        known = and_(person.c.pipeline == self._pipeline, person.c.key == change.c.key)
        joined = select(*columns, person.c.id, person.c.user_digest).join_from(
            change, person, known, isouter=True
        )
        query = joined.where(change.c.manager != "").order_by(change.c.id)
        for start in range(0, len(change_ids), _PAGE):
            page = connection.execute(query.where(change.c.id.in_(change_ids[start : start + _PAGE])))
            yield [self._report(row) for row in page]

    def rewrite(self, connection: Connection, users: Sequence[tuple[Report, bytes, bytes]]) -> None:
        """Send other users: of whom, as JSON, with their digest."""
        if users:
            other = update(change).where(change.c.id == bindparam("of_change"))
            statement = other.values(body=bindparam("as_json"), user_digest=bindparam("digest"))
            seal, name = self._vault.seal, self._pipeline
            rows = [
                {"of_change": one.change_id, "as_json": seal(name, one.key, body), "digest": digest}
                for one, body, digest in users
            ]
            connection.execute(statement, rows)

    def waiting(self, connection: Connection) -> Iterator[list[Waiting]]:
        """People whose manager has come, or comes with this plan, which has nothing of them yet; in pages."""
        columns = (person.c.id, person.c.key, person.c.external_id, person.c.active, person.c.row_digest)
        manager = person.alias()
        has_come = exists().where(
            manager.c.pipeline == self._pipeline, manager.c.external_id == awaited_manager.c.external_id
        )
        comes = awaited_manager.c.external_id.in_(select(change.c.external_id).where(self._planned))
        staged = exists().where(change.c.plan_id == self._plan_id, change.c.key == person.c.key)
        # Hidden from the indexes on it, the pipeline does not lead to a look at all of its people.
        is_mine = person.c.pipeline.concat("") == self._pipeline
        query = (
            select(*columns, person.c.name_digest, person_user.c.body, awaited_manager.c.external_id)
            .join_from(awaited_manager, person, person.c.id == awaited_manager.c.person_id)
            .join(person_user, person_user.c.person_id == person.c.id)
            .where(is_mine, or_(has_come, comes), ~staged, awaited_manager.c.person_id > bindparam("last"))
            .order_by(awaited_manager.c.person_id)
            .limit(_PAGE)
        )
        last = 0
        while page := [self._waiting(row) for row in connection.execute(query, {"last": last})]:
            last = page[-1].person_id
            yield page

    def named(self, connection: Connection, digests: Collection[int]) -> list[Named]:
        """Everybody to be sent whose user name has one of the digests, in the order of the source."""
        own = person.c.pipeline == self._pipeline, person.c.key == change.c.key
        keeps = exists().where(*own, person.c.name_digest == change.c.name_digest)
        columns = (change.c.key, change.c.position, change.c.name_digest, keeps)
        query = select(*columns).where(self._planned).order_by(change.c.position, change.c.id)
        pages = connection.execute(query).partitions(_PAGE)
        return [Named(*row) for page in pages for row in page if row[2] in digests]

    def taken_names(self, connection: Connection) -> list[Taken]:
        """Everybody to be sent by a user name that is new to him or her and that another known person has."""
        holder, own = person.alias(), person.alias()
        other = change.alias()
        has_it = and_(
            holder.c.pipeline == self._pipeline,
            holder.c.name_digest == change.c.name_digest,
            holder.c.key != change.c.key,
        )
        keeps = exists().where(
            own.c.pipeline == self._pipeline,
            own.c.key == change.c.key,
            own.c.name_digest == change.c.name_digest,
        )
        gives_up = exists().where(
            other.c.plan_id == self._plan_id,
            other.c.key == holder.c.key,
            other.c.status == Status.PLANNED.value,
            other.c.name_digest != holder.c.name_digest,
        )
        query = select(change.c.key, holder.c.key, gives_up).join_from(change, holder, has_it)
        query = query.where(self._planned, change.c.name_digest != 0, ~keeps).order_by(change.c.id)
        found = [Taken(*row) for row in connection.execute(query)]
        return list({one.key: one for one in found}.values())

    def _report(self, row: Any) -> Report:
        accepted = None if row[6] is None else bytes(row[6])
        body = self._vault.open(self._pipeline, row[1], bytes(row[4]))
        return Report(row[0], row[1], row[2], row[3], body, row[5], accepted)

    def _waiting(self, row: Any) -> Waiting:
        body = self._vault.open(self._pipeline, row[1], bytes(row[6]))
        return Waiting(row[0], row[1], row[2], row[3], bytes(row[4]), row[5], body, row[7])
