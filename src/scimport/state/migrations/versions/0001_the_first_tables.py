"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.String(255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)
Body = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "change",
        sa.Column("id", Id, nullable=False),
        sa.Column("plan_id", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("external_id", Key, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("row_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("user_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("body", Body, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan_id", "key", name=op.f("uq_change_plan_id_key")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", Id, nullable=False),
        sa.Column("plan_id", Key, nullable=False),
        sa.Column("scope", Key, nullable=False, comment="what shares the endpoint's limits: the tenant"),
        sa.Column("client_request_id", sa.String(length=36), nullable=False),
        sa.Column("operations", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column(
            "request_id",
            sa.String(length=255),
            nullable=False,
            comment="the endpoint's own id of the request",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_plan_id", ["plan_id"], unique=False)
        batch_op.create_index("ix_delivery_scope_sent_at", ["scope", "sent_at"], unique=False)

    op.create_table(
        "lock",
        sa.Column("pipeline", Key, nullable=False),
        sa.Column(
            "owner", Key, nullable=False, comment="host, process and its start: who holds the pipeline"
        ),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline"),
    )
    op.create_table(
        "outcome",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False, comment="what it is the outcome of"),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="provisioned, skipped, rejected, unconfirmed",
        ),
        sa.Column(
            "logged_at",
            sa.Double(),
            nullable=True,
            comment="when the endpoint did it, by its own clock; null: not in the log",
        ),
        sa.Column("noted_at", sa.Double(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="the endpoint's words, values masked"),
        sa.Column("recommended_action", sa.Text(), nullable=False),
        sa.Column(
            "change_id", sa.String(length=255), nullable=False, comment="the endpoint's own id of the change"
        ),
        sa.Column(
            "cycle_id", sa.String(length=255), nullable=False, comment="the endpoint's own id of the cycle"
        ),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "pace",
        sa.Column("scope", Key, nullable=False),
        sa.Column(
            "not_before",
            sa.Double(),
            nullable=False,
            comment="the endpoint asked everybody to wait until then",
        ),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "person",
        sa.Column("id", Id, nullable=False),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("external_id", Key, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, comment="as last acknowledged"),
        sa.Column(
            "row_digest",
            sa.LargeBinary(length=16),
            nullable=False,
            comment="empty: the row must be mapped to compare",
        ),
        sa.Column("user_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("acknowledged_at", sa.Double(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pipeline", "key", name=op.f("uq_person_pipeline_key")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index("ix_person_pipeline_external_id", ["pipeline", "external_id"], unique=False)

    op.create_table(
        "person_user",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", Body, nullable=False, comment="the SCIM user that the endpoint last acknowledged"),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "plan",
        sa.Column("id", Key, nullable=False),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("state", Key, nullable=False, comment="building, staged, applying, done, discarded"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False, comment="PlanCounts as JSON"),
        sa.Column(
            "inputs", sa.Text(), nullable=False, comment="digests of pipeline, source and mapping as JSON"
        ),
        sa.Column(
            "stopped", sa.Text(), nullable=False, comment="problems of the guards that stop it, as JSON"
        ),
        sa.Column("approved_by", sa.Text(), nullable=False, comment="user and machine; empty: nobody"),
        sa.Column("approved_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, comment="of the approval"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.create_index("ix_plan_pipeline_created_at", ["pipeline", "created_at"], unique=False)

    op.create_table(
        "problem",
        sa.Column("id", Id, nullable=False),
        sa.Column("plan_id", Key, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("row", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("problem", schema=None) as batch_op:
        batch_op.create_index("ix_problem_plan_id", ["plan_id"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", Key, nullable=False),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("plan_id", Key, nullable=False),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="running, done, failed, interrupted"
        ),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False, comment="RunSummary as JSON"),
        sa.Column("error", sa.Text(), nullable=False, comment="why it failed, in one line"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index("ix_run_pipeline_started_at", ["pipeline", "started_at"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    tables = (
        "run",
        "problem",
        "plan",
        "person_user",
        "person",
        "pace",
        "outcome",
        "lock",
        "delivery",
        "change",
    )
    for table in tables:
        op.drop_table(table)
