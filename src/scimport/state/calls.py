"""The calls that were made to an endpoint, whoever made them: what a tenant's limits count."""

from __future__ import annotations

from sqlalchemy import Connection, select

from scimport.state.schema import delivery, plan


def last_scope(connection: Connection, pipeline: str) -> str:
    """What the last call of a pipeline shared the limits with: its tenant; empty before the first call."""
    query = select(delivery.c.scope).join(plan, plan.c.id == delivery.c.plan_id)
    newest = query.where(plan.c.pipeline == pipeline).order_by(delivery.c.id.desc()).limit(1)
    return connection.execute(newest).scalar() or ""


def sent_since(connection: Connection, scope: str, since: float) -> list[float]:
    """When calls of a scope were sent, seconds since 1970, in order."""
    recent = (delivery.c.scope == scope, delivery.c.sent_at > since)
    query = select(delivery.c.sent_at).where(*recent).order_by(delivery.c.sent_at)
    return [float(at) for at in connection.execute(query).scalars()]
