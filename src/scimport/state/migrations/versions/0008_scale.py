"""One outcome for each person, so that who waits is found without looking at everybody; and indexes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Key = sa.String(255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)
# SQLite takes INTEGER alone as the number of the row itself; else it keeps an index beside the table.
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Body = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")

INDEXES = (
    ("person", ("pipeline", "active", "id")),
    ("allocation", ("pipeline", "plan_id")),
    ("delivery", ("sent_at",)),
    ("run", ("pipeline", "state", "started_at")),
    ("run", ("plan_id",)),
    ("run", ("started_at",)),
)


def upgrade() -> None:
    """Give who waits an outcome too; number the tables beside ``person`` by its ids."""
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
    lengths: dict[str, Any] = {"mysql_length": {"key": 255}, "mariadb_length": {"key": 255}}
    op.create_index("ix_problem_plan_id_key", "problem", ["plan_id", "key"], **lengths)
    _end_of_log()
    _outcomes()
    if op.get_bind().dialect.name == "sqlite":
        external_id = sa.Column("external_id", Key, nullable=False, comment="of the manager")
        _again("awaited_manager", external_id)
        comment = "the SCIM user that the endpoint last acknowledged"
        _again("person_user", sa.Column("body", Body, nullable=False, comment=comment))


def _end_of_log() -> None:
    comment = "of the newest entry of its app's log that is known"
    op.create_table(
        "log_end",
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("logged_at", sa.Double(), nullable=False, comment=comment),
        sa.PrimaryKeyConstraint("pipeline"),
    )
    op.execute(
        "INSERT INTO log_end (pipeline, logged_at)"
        " SELECT p.pipeline, max(o.logged_at) FROM outcome AS o JOIN person AS p ON p.id = o.person_id"
        " WHERE o.logged_at IS NOT NULL GROUP BY p.pipeline"
    )


def _outcomes() -> None:
    op.execute("CREATE TABLE outcome_before AS SELECT * FROM outcome")
    op.create_index("ix_outcome_before_person_id", "outcome_before", ["person_id"])
    op.drop_table("outcome")
    op.create_table("outcome", *_columns(), sa.PrimaryKeyConstraint("person_id"))
    words = ("code", "reason", "recommended_action", "change_id", "cycle_id")
    old = ", ".join(f"coalesce(o.{word}, '')" for word in words)
    op.execute(
        "INSERT INTO outcome"  # noqa: S608 - our own names
        " (person_id, pipeline, delivery_id, status, accepted_at, logged_at, noted_at,"
        f" {', '.join(words)}) SELECT p.id, p.pipeline, p.delivery_id, coalesce(o.status, 'waiting'),"
        f" p.acknowledged_at, o.logged_at, coalesce(o.noted_at, p.acknowledged_at), {old}"
        " FROM person AS p LEFT JOIN outcome_before AS o"
        " ON o.person_id = p.id AND o.delivery_id = p.delivery_id ORDER BY p.id"
    )
    op.drop_table("outcome_before")
    found = ["status", "pipeline", "accepted_at"]
    op.create_index("ix_outcome_status_pipeline_accepted_at", "outcome", found)
    op.create_index("ix_outcome_delivery_id", "outcome", ["delivery_id"])
    worded = sa.text("(reason <> '' OR recommended_action <> '')")
    some: dict[str, Any] = {"sqlite_where": worded, "postgresql_where": worded}
    op.create_index("ix_outcome_noted_at", "outcome", ["noted_at"], **some)


def _columns() -> list[sa.Column[Any]]:
    status = "waiting, provisioned, skipped, rejected, unconfirmed"
    logged_at = "when the endpoint did it, by its own clock; null: not in the log"
    return [
        sa.Column("person_id", Id, autoincrement=False, nullable=False),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False, comment="what it is the outcome of"),
        sa.Column("status", sa.String(16), nullable=False, comment=status),
        sa.Column("accepted_at", sa.Double(), nullable=False, comment="when the delivery was"),
        sa.Column("logged_at", sa.Double(), comment=logged_at),
        sa.Column("noted_at", sa.Double(), nullable=False),
        sa.Column("code", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="the endpoint's words, values masked"),
        sa.Column("recommended_action", sa.Text(), nullable=False),
        sa.Column("change_id", sa.String(255), nullable=False, comment="the endpoint's own id of the change"),
        sa.Column("cycle_id", sa.String(255), nullable=False, comment="the endpoint's own id of the cycle"),
    ]


def _again(table: str, column: sa.Column[Any]) -> None:
    """Make a table of SQLite again whose rows are numbered by the person's id."""
    op.rename_table(table, f"{table}_before")
    person = sa.Column("person_id", sa.Integer(), autoincrement=False, nullable=False)
    op.create_table(table, person, column, sa.PrimaryKeyConstraint("person_id"))
    op.execute(
        f"INSERT INTO {table} SELECT person_id, {column.name} FROM {table}_before ORDER BY person_id"  # noqa: S608 - our own names
    )
    op.drop_table(f"{table}_before")
