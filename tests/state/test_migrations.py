from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.schema import MetaData

import scimport.state.database as module
from scimport.model import Status
from scimport.state import Database
from scimport.state.outcomes import OutcomeCounts, Outcomes
from scimport.state.people import People
from scimport.state.schema import outcome, person_user


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def _made_before(url: str, revision: str) -> Engine:
    """A database as an older scimport has left it."""
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def _people(count: int) -> list[dict[str, Any]]:
    same = {"pipeline": "staff", "active": True, "row_digest": b"r", "user_digest": b"u"}
    same |= {"acknowledged_at": 50.0, "delivery_id": 7}
    return [same | {"id": n, "key": f"K{n}", "external_id": f"x{n}"} for n in range(1, count + 1)]


def test_people_of_before_wait_or_have_the_outcome_of_their_last_delivery(new_url: str) -> None:
    engine = _made_before(new_url, "0007")
    old = MetaData()
    old.reflect(engine)
    words = dict.fromkeys(("code", "reason", "recommended_action", "change_id", "cycle_id"), "words")
    with engine.begin() as connection:
        connection.execute(insert(old.tables["person"]), _people(3))
        users = [{"person_id": n, "body": f"user {n}".encode()} for n in (1, 2, 3)]
        connection.execute(insert(old.tables["person_user"]), users)
        sent = {"plan_id": "p", "scope": "t", "client_request_id": "", "operations": 3, "request_id": ""}
        connection.execute(insert(old.tables["delivery"]), [sent | {"id": 7, "sent_at": 49.0}])
        known = {"status": "rejected", "noted_at": 60.0, **words}
        rows = [(1, 7, 55.0), (2, 6, 58.0)]  # that of an earlier delivery says nothing of the last one
        found = [known | {"person_id": a, "delivery_id": b, "logged_at": c} for a, b, c in rows]
        connection.execute(insert(old.tables["outcome"]), found)
    engine.dispose()
    database = Database(new_url)
    with database.read() as connection:
        staff = Outcomes(database, "staff")
        assert staff.counts(connection) == OutcomeCounts(rejected=1, waiting=2)
        assert staff.oldest_waiting(connection) == (49.0, 50.0)
        assert staff.newest_logged(connection) == 58.0
        (rejected,) = staff.listed(connection, Status.REJECTED, None)
        assert (rejected.key, rejected.delivered_at, rejected.logged_at) == ("K1", 50.0, 55.0)
        assert (rejected.code, rejected.reason, rejected.recommended_action) == ("words",) * 3
        assert staff.bodies(connection, [1, 3]) == {1: b"user 1", 3: b"user 3"}
        assert People(database, "staff").id_range(connection) == (1, 3)
    if database.dialect == "sqlite":
        with database.read() as connection:
            for table in (outcome, person_user):
                numbers = select(table.c.person_id).where(table.c.person_id == 2).compile()
                steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {numbers}", (2,)).all()
                assert "USING INTEGER PRIMARY KEY" in steps[0][3]
    database.close()
