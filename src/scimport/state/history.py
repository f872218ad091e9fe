"""What the state remembers of one person of one pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from scimport.codes import Code
from scimport.model import Problem, Severity
from scimport.state.schema import change, delivery, outcome, person, person_user, plan, problem
from scimport.state.vault import Vault

_FIELDS = ("code", "severity", "message", "hint", "file", "line", "row", "key", "field", "value")


@dataclass(frozen=True, slots=True)
class Sent:
    """The request that carried a person. Times are seconds since 1970.

    Attributes:
        client_request_id: Our GUID of the request.
        request_id: The endpoint's own id of it, to quote to support.
    """

    sent_at: float
    ended_at: float | None
    result: str | None
    http_status: int | None
    client_request_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one plan did about a person; ``sent`` is None where no request of it was accepted."""

    plan_id: str
    plan_state: str
    planned_at: float
    kind: str
    status: str
    position: int
    sent: Sent | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A person as last accepted by the endpoint, with what became of that.

    Attributes:
        status: ``waiting``, ``provisioned``, ``skipped``, ``rejected`` or ``unconfirmed``.
        logged_at: When the endpoint did it, by its own clock; None when its log does not say yet.
    """

    external_id: str
    active: bool
    body: bytes
    accepted_at: float
    sent: Sent | None
    status: str
    logged_at: float | None
    code: str
    reason: str
    recommended_action: str
    change_id: str
    cycle_id: str


def key_of(connection: Connection, pipeline: str, name: str) -> str | None:
    """The key of a person by key, or else by ``externalId``; None when nothing is remembered."""
    known = select(person.c.key).where(person.c.pipeline == pipeline)
    for query in (
        known.where(person.c.key == name),
        select(change.c.key)
        .join(plan, plan.c.id == change.c.plan_id)
        .where(plan.c.pipeline == pipeline, change.c.key == name),
        known.where(person.c.external_id == name),
    ):
        if (found := connection.execute(query.limit(1)).scalar()) is not None:
            return str(found)
    return None


def acknowledged(connection: Connection, vault: Vault, pipeline: str, key: str) -> Acknowledged | None:
    """The person as last accepted; None for somebody who never was."""
    joined = (
        person.outerjoin(person_user, person_user.c.person_id == person.c.id)
        .outerjoin(outcome, outcome.c.person_id == person.c.id)
        .outerjoin(delivery, delivery.c.id == person.c.delivery_id)
    )
    words = [
        func.coalesce(outcome.c[name], "").label(name)
        for name in ("code", "reason", "recommended_action", "change_id", "cycle_id")
    ]
    query = select(
        person.c.external_id,
        person.c.active,
        person_user.c.body,
        person.c.acknowledged_at,
        func.coalesce(outcome.c.status, "waiting").label("status"),
        outcome.c.logged_at,
        *words,
        *_SENT,
    ).select_from(joined)
    row = connection.execute(query.where(person.c.pipeline == pipeline, person.c.key == key)).one_or_none()
    if row is None:
        return None
    return Acknowledged(
        external_id=row.external_id,
        active=row.active,
        body=vault.open(pipeline, key, bytes(row.body or b"")) or b"{}",
        accepted_at=row.acknowledged_at,
        sent=_sent(row[-len(_SENT) :]),
        status=row.status,
        logged_at=row.logged_at,
        **{column.name: getattr(row, column.name) for column in words},
    )


def steps(connection: Connection, pipeline: str, key: str) -> list[Step]:
    """What the plans that are kept did about a person, oldest first."""
    joined = plan.join(change, change.c.plan_id == plan.c.id).outerjoin(
        delivery, delivery.c.id == change.c.delivery_id
    )
    columns = (plan.c.id, plan.c.state, plan.c.created_at, change.c.kind, change.c.status, change.c.position)
    query = select(*columns, *_SENT).select_from(joined)
    query = query.where(plan.c.pipeline == pipeline, change.c.key == key).order_by(
        plan.c.created_at, plan.c.id
    )
    return [
        Step(row[0], row[1], row[2], row[3], row[4], row[5], _sent(row[6:]))
        for row in connection.execute(query)
    ]


def problems(connection: Connection, vault: Vault, pipeline: str, key: str) -> list[tuple[str, Problem]]:
    """The problems of a person's records, each with the id of its plan, oldest first."""
    query = select(problem.c.plan_id, *(problem.c[name] for name in _FIELDS))
    mine = problem.c.plan_id.in_(select(plan.c.id).where(plan.c.pipeline == pipeline))
    rows = connection.execute(query.where(mine, problem.c.key == key).order_by(problem.c.id)).mappings()
    return [
        (
            row["plan_id"],
            Problem(
                **{name: row[name] for name in _FIELDS}
                | {"code": Code(row["code"]), "severity": Severity(row["severity"])}
                | {"value": vault.open_text(pipeline, key, row["value"])}
            ),
        )
        for row in rows
    ]


_SENT = (
    delivery.c.sent_at,
    delivery.c.ended_at,
    delivery.c.result,
    delivery.c.http_status,
    delivery.c.client_request_id,
    delivery.c.request_id,
)


def _sent(values: Sequence[object]) -> Sent | None:
    return None if values[0] is None else Sent(*values)  # type: ignore[arg-type] # columns in the order of the fields
