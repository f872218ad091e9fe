"""Turns: requests with some seconds between them, by all processes that share the state."""

from __future__ import annotations

from sqlalchemy import select, update

from scimport.state.database import Database
from scimport.state.schema import pace


def take_turn(database: Database, scope: str, seconds: float) -> float:
    """Take the next turn of a scope.

    Args:
        database: The state database.
        scope: What the turns are of, such as the log of one tenant.
        seconds: What lies between two turns.

    Returns:
        Seconds until that turn; 0 for now.
    """
    mine = pace.c.scope == scope
    with database.write() as connection:
        database.insert_many(connection, pace, ("scope", "not_before"), [(scope, 0.0)])
        not_before = float(
            connection.execute(select(pace.c.not_before).where(mine).with_for_update()).scalar_one()
        )
        now = database.now(connection)
        turn = max(not_before, now)
        connection.execute(update(pace).where(mine).values(not_before=turn + seconds))
    return turn - now
