"""The order in which people are sent, managers who are awaited, and digests of user names."""

import orjson
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from scimport.digests import digest_name

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Key = sa.String(255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)


def upgrade() -> None:
    """Add what plans and people must know beside."""
    for table in ("change", "person"):
        comment = "of userName; 0: none"
        name = sa.Column("name_digest", sa.BigInteger(), nullable=False, server_default="0", comment=comment)
        op.add_column(table, name)
    comment = "externalId; empty: none is named"
    op.add_column("change", sa.Column("manager", Key, nullable=False, server_default="", comment=comment))
    op.create_index("ix_person_pipeline_name_digest", "person", ["pipeline", "name_digest"])
    op.create_table(
        "awaited_manager",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("external_id", Key, nullable=False, comment="of the manager"),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "queue",
        sa.Column("plan_id", Key, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "wave",
            sa.Integer(),
            nullable=False,
            comment="sent when all of the waves before it are accepted",
        ),
        sa.Column(
            "changes",
            sa.Text(),
            nullable=False,
            comment="their ids in the order in which they are sent, as JSON",
        ),
        sa.PrimaryKeyConstraint("plan_id", "number"),
    )
    _digest_names()
    _queue_plans()


def _digest_names() -> None:
    """The names of people who were accepted before."""
    users = sa.table("person_user", sa.column("person_id"), sa.column("body"))
    people = sa.table("person", sa.column("id"), sa.column("name_digest"))
    store = (
        sa.update(people).where(people.c.id == sa.bindparam("of")).values(name_digest=sa.bindparam("name"))
    )
    connection, last = op.get_bind(), 0
    page = sa.select(users).where(users.c.person_id > sa.bindparam("last"))
    page = page.order_by(users.c.person_id).limit(500)
    while rows := connection.execute(page, {"last": last}).all():
        last = rows[-1].person_id
        bodies = [(row.person_id, bytes(row.body)) for row in rows]
        # What is sealed has its name's digest when it is sent again.
        names = [(number, orjson.loads(body)["userName"]) for number, body in bodies if body.startswith(b"{")]
        if names:
            connection.execute(store, [{"of": number, "name": digest_name(name)} for number, name in names])


def _queue_plans() -> None:
    """Plans that may still be sent keep the order in which they were staged."""
    plans = sa.table("plan", sa.column("id"), sa.column("state"))
    changes = sa.table("change", sa.column("id"), sa.column("plan_id"), sa.column("status"))
    names = ("plan_id", "number", "wave", "changes")
    queue = sa.table("queue", *map(sa.column, names))
    connection = op.get_bind()
    unfinished = sa.select(plans.c.id).where(plans.c.state.in_(("staged", "applying")))
    for plan_id in connection.execute(unfinished).scalars().all():
        planned = sa.select(changes.c.id).where(changes.c.plan_id == plan_id, changes.c.status == "planned")
        ids = connection.execute(planned.order_by(changes.c.id)).scalars().all()
        pages = [orjson.dumps(ids[start : start + 500]).decode() for start in range(0, len(ids), 500)]
        for number, page in enumerate(pages, start=1):
            connection.execute(
                queue.insert().values(dict(zip(names, (plan_id, number, 0, page), strict=True)))
            )
