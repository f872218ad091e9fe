"""People whom the endpoint has accepted and who have not arrived: whom to send again, and how often it was.

An attempt is a delivery of somebody as he or she is: when the record changes, counting begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from scimport.model import Status
from scimport.state.schema import change, outcome, person

UNDONE = (Status.REJECTED, Status.UNCONFIRMED)
"""What the log says (or does not say) of people who have not arrived."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody who was sent as often as is allowed, and has not arrived.

    Attributes:
        attempts: How often.
        code: The endpoint's code of the last rejection; empty for none.
        reason: Its words, values masked.
        recommended_action: What it recommends.
    """

    key: str
    status: str
    attempts: int
    code: str
    reason: str
    recommended_action: str


class Retries:
    """The people of one pipeline who have not arrived.

    Args:
        pipeline: Name of the pipeline.
    """

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline

    def keys(self, connection: Connection, max_attempts: int) -> list[str]:
        """Keys of those who may be sent again, in order."""
        query = select(person.c.key).join(outcome, _OWN)
        query = query.where(*self._undone(), person.c.attempt < max_attempts).order_by(person.c.key)
        return list(connection.execute(query).scalars())

    def undone(self, connection: Connection) -> set[str]:
        """Keys of all who have not arrived."""
        query = select(person.c.key).join(outcome, _OWN).where(*self._undone())
        return set(connection.execute(query).scalars())

    def standing_count(self, connection: Connection, max_attempts: int) -> int:
        """How many were sent as often as is allowed."""
        query = select(func.count()).select_from(person.join(outcome, _OWN))
        query = query.where(*self._undone(), person.c.attempt >= max_attempts)
        return int(connection.execute(query).scalar_one())

    def standing(self, connection: Connection, max_attempts: int, count: int) -> Iterator[Standing]:
        """The first of those who were sent as often as is allowed, by key."""
        columns = (person.c.key, outcome.c.status, person.c.attempt)
        words = (outcome.c.code, outcome.c.reason, outcome.c.recommended_action)
        query = select(*columns, *words).join(outcome, _OWN)
        query = query.where(*self._undone(), person.c.attempt >= max_attempts)
        for row in connection.execute(query.order_by(person.c.key).limit(count)):
            yield Standing(*row)

    def count_attempts(self, connection: Connection, plan_id: str) -> None:
        """Number the attempts of a plan: one more for whom it sends as last accepted."""
        same = and_(
            person.c.pipeline == self._pipeline,
            person.c.key == change.c.key,
            person.c.user_digest == change.c.user_digest,
        )
        known = select(person.c.attempt).where(same).scalar_subquery()
        values = {"attempt": func.coalesce(known, 0) + 1}
        connection.execute(update(change).where(change.c.plan_id == plan_id).values(values))

    def _undone(self) -> tuple[ColumnElement[bool], ...]:
        return outcome.c.pipeline == self._pipeline, outcome.c.status.in_([one.value for one in UNDONE])


_OWN = outcome.c.person_id == person.c.id
