"""The calls that were made to an endpoint, whoever made them: what a tenant's limits count."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from scimport.state.schema import delivery, plan

DAY = 86_400.0
"""Seconds that a call counts against the day's."""


def last_scope(connection: Connection, pipeline: str) -> str | None:
    """The scope that the last call of a pipeline counted against: its tenant; None before the first one."""
    last = select(func.max(delivery.c.id)).where(delivery.c.plan_id == plan.c.id).scalar_subquery()
    newest = select(func.max(last)).where(plan.c.pipeline == pipeline)
    query = select(delivery.c.scope).where(delivery.c.id == newest.scalar_subquery())
    return connection.execute(query).scalar()


def used_calls(connection: Connection, scope: str, now: float) -> tuple[int, float | None]:
    """Calls of the last 24 hours that count against a scope's budget, and when the first of them was sent."""
    recent = (delivery.c.scope == scope, delivery.c.sent_at > now - DAY)
    query = select(func.count(), func.min(delivery.c.sent_at)).where(*recent)
    calls, first = connection.execute(query).one()
    return int(calls), first


def sent_since(connection: Connection, scope: str, since: float) -> list[float]:
    """When calls of a scope were sent, seconds since 1970, in order."""
    recent = (delivery.c.scope == scope, delivery.c.sent_at > since)
    query = select(delivery.c.sent_at).where(*recent).order_by(delivery.c.sent_at)
    return [float(at) for at in connection.execute(query).scalars()]
